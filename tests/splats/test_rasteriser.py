"""The rasteriser against the dense float64 reference, and its promises."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from reference import rasterise_densely
from splat_scenes import camera_at, random_gaussians, with_gradients

from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings, blending_weights, rasterise

BACKGROUND = (0.2, 0.5, 0.7)


class Case(NamedTuple):
    """A scene, a camera and settings. No seed here has a pixel within rounding of a threshold: single
    precision would draw it on the other side."""

    gaussians: Gaussians6D
    camera: object
    settings: RasterSettings = RasterSettings()
    mask: torch.Tensor | None = None


def _needles() -> Gaussians6D:
    """250 times as long as wide: along them, an expanded quadratic form would cancel."""
    gaussians = random_gaussians(200, 5)
    gaussians.log_diagonal[:, 0] += 2.5
    gaussians.log_diagonal[:, 1] -= 3.0
    return gaussians


def _wall() -> Gaussians6D:
    """Closes whole tiles long before their last Gaussian."""
    gaussians = random_gaussians(400, 16, spread_mm=30.0, opacity=6.0)
    gaussians.log_diagonal[:, :3] += 1.5
    return gaussians


def _strongly_correlated() -> Gaussians6D:
    gaussians = random_gaussians(200, 6)
    return replace(gaussians, off_diagonal=4 * gaussians.off_diagonal)


def _dark() -> Gaussians6D:
    """Many channels clamped at 0."""
    gaussians = random_gaussians(200, 7)
    gaussians.sh[:, 0] -= 1.5
    return gaussians


CASES = {
    "a body in view": lambda: Case(random_gaussians(300, 0), camera_at(300, 0)),
    "some behind the camera": lambda: Case(random_gaussians(300, 1), camera_at(60, 1)),
    "nearly opaque": lambda: Case(random_gaussians(500, 2, opacity=3.0), camera_at(200, 2)),
    "all clamped at the largest alpha": lambda: Case(
        random_gaussians(60, 3, opacity=14.0), camera_at(300, 3), RasterSettings(lambda_opacity=0.0)
    ),
    "around the camera, out to the edge of the frustum": lambda: Case(
        random_gaussians(400, 4), camera_at(10, 4, focal_px=20.0)
    ),
    "a wall": lambda: Case(_wall(), camera_at(150, 16), RasterSettings(lambda_opacity=0.05)),
    "needles": lambda: Case(_needles(), camera_at(200, 5)),
    "strongly correlated": lambda: Case(_strongly_correlated(), camera_at(250, 6)),
    "clamped colours": lambda: Case(_dark(), camera_at(250, 7)),
    "whole tiles": lambda: Case(random_gaussians(200, 10), camera_at(300, 10, width=64, height=32)),
    "every other one": lambda: Case(
        random_gaussians(200, 18), camera_at(250, 18), mask=torch.arange(200) % 2 == 0
    ),
    "other settings": lambda: Case(
        random_gaussians(200, 9),
        camera_at(100, 9),
        RasterSettings(lambda_opacity=0.5, near_mm=60.0, eps2d_px2=0.1),
    ),
}


@pytest.fixture(params=CASES, scope="module")
def rendered(request):
    """(case, ours and the reference: parameters, images, and gradients of a random linear loss)."""
    case = CASES[request.param]()
    ours = with_gradients(case.gaussians)
    theirs = with_gradients(case.gaussians.to(torch.float64))
    output = rasterise(
        ours, case.camera, case.settings, background=BACKGROUND, mask=case.mask, with_depth=True
    )
    expected = rasterise_densely(
        theirs,
        case.camera,
        background=BACKGROUND,
        lambda_opacity=case.settings.lambda_opacity,
        near_mm=case.settings.near_mm,
        eps2d_px2=case.settings.eps2d_px2,
        mask=case.mask,
    )
    expected.means_px.retain_grad()
    generator = torch.Generator().manual_seed(0)
    losses = []
    for name in ("rgb", "alpha", "depth_mm"):
        # So that no image drowns another: a depth is some hundred millimetres.
        scale = 1e-2 if name == "depth_mm" else 1.0
        image, truth = getattr(output, name), getattr(expected, name)
        outer = scale * torch.randn(truth.shape, generator=generator, dtype=torch.float64)
        losses.append(((image * outer.float()).sum(), (truth * outer).sum()))
    sum(loss for loss, _ in losses).backward()
    sum(loss for _, loss in losses).backward()
    return case, ours, output, theirs, expected


def _relative_error(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float(((found - expected).norm() / expected.norm()).detach())


def test_the_images_match_the_reference(rendered):
    _, _, output, _, expected = rendered
    assert float(expected.alpha.detach().mean()) > 0.05
    assert float((output.rgb - expected.rgb).detach().abs().max()) < 1e-5
    assert float((output.alpha - expected.alpha).detach().abs().max()) < 1e-5
    difference_mm = (output.depth_mm - expected.depth_mm).detach().abs()
    assert float(difference_mm.max() / expected.depth_mm.detach().max()) < 1e-5


def test_every_gradient_matches_the_reference(rendered):
    _, ours, _, theirs, _ = rendered
    for name, expected in theirs.parameters().items():
        found = ours.parameters()[name].grad
        if expected.grad.norm() == 0:
            assert not found.any(), name
        else:
            assert _relative_error(found, expected.grad) < 1e-5, name


def test_the_screen_gradient_is_that_of_the_projected_mean(rendered):
    case, _, output, _, reference = rendered
    half_size = torch.tensor([0.5 * case.camera.width, 0.5 * case.camera.height])
    expected = (reference.means_px.grad * half_size).norm(dim=1)
    assert _relative_error(output.screen_gradient(), expected) < 1e-5


def test_every_gaussian_that_is_seen_is_visible(rendered):
    _, _, output, _, expected = rendered
    seen = expected.weights.detach().amax(dim=(0, 1)) > 0
    assert bool(output.visible[seen].all())
    assert output.radii_px[~output.visible].count_nonzero() == 0


def test_blending_weights_match_the_reference(rendered):
    case, _, _, _, expected = rendered
    found = blending_weights(case.gaussians, case.camera, case.settings, mask=case.mask)
    assert _relative_error(found, expected.weights.sum(dim=(0, 1))) < 1e-5


def test_depth_leaves_the_image_and_its_gradient_alone(rendered):
    case = rendered[0]
    images, gradients = [], []
    for with_depth in (False, True):
        leaves = with_gradients(case.gaussians)
        output = rasterise(leaves, case.camera, case.settings, mask=case.mask, with_depth=with_depth)
        output.rgb.sum().backward()
        images.append(output.rgb.detach())
        gradients.append(leaves.means_mm.grad)
    assert torch.equal(*images)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5 * float(gradients[0].abs().max()))


def test_a_mask_draws_what_a_copy_of_the_selection_does(rendered):
    case = rendered[0]
    mask = case.gaussians.labels < 6
    masked, copied = with_gradients(case.gaussians), with_gradients(case.gaussians.select(mask))
    output = rasterise(masked, case.camera, case.settings, mask=mask, with_depth=True)
    alone = rasterise(copied, case.camera, case.settings, with_depth=True)
    for name in ("rgb", "alpha", "depth_mm"):
        assert torch.equal(getattr(output, name), getattr(alone, name)), name
    assert not output.visible[~mask].any()
    output.rgb.square().sum().backward()
    alone.rgb.square().sum().backward()
    for name, value in masked.parameters().items():
        assert torch.equal(value.grad[mask], copied.parameters()[name].grad), name
        assert not value.grad[~mask].any(), name
    weights = blending_weights(case.gaussians, case.camera, case.settings, mask=mask)
    assert not weights[~mask].any()


@pytest.fixture(scope="module")
def large_scene():
    return random_gaussians(20_000, 10, spread_mm=80.0), camera_at(
        400, 10, width=200, height=150, focal_px=220.0
    )


def _bits(gaussians: Gaussians6D, camera, threads: int) -> list[np.ndarray]:
    leaves = with_gradients(gaussians)
    output = rasterise(leaves, camera, RasterSettings(threads=threads), with_depth=True)
    (output.rgb.square().sum() + output.alpha.sum() + output.depth_mm.square().sum()).backward()
    gradients = [value.grad for value in leaves.parameters().values()]
    tensors = [
        output.rgb,
        output.alpha,
        output.depth_mm,
        output.radii_px,
        output.screen_gradient(),
        *gradients,
    ]
    weights = blending_weights(gaussians, camera, RasterSettings(threads=threads))
    return [tensor.detach().numpy() for tensor in [*tensors, weights]]


def test_the_result_is_the_same_bit_for_bit_for_any_number_of_threads(large_scene):
    once = _bits(*large_scene, threads=1)
    for threads in (1, 2, 3):
        for found, expected in zip(_bits(*large_scene, threads=threads), once, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_no_graph_is_kept_without_gradients(large_scene):
    gaussians, camera = large_scene
    leaves = with_gradients(gaussians)
    with torch.no_grad():
        output = rasterise(leaves, camera)
    assert output.rgb.grad_fn is None
    assert rasterise(gaussians, camera).rgb.grad_fn is None
    torch.testing.assert_close(output.rgb, rasterise(leaves, camera).rgb, rtol=0, atol=0)
    with pytest.raises(RuntimeError, match="backward"):
        output.screen_gradient()


def test_an_image_changed_in_place_leaves_the_gradient_alone():
    leaves, camera = with_gradients(random_gaussians(50, 11)), camera_at(300, 11)
    rasterise(leaves, camera).rgb.sum().backward()
    expected = leaves.means_mm.grad.clone()
    leaves.means_mm.grad = None
    output = rasterise(leaves, camera)
    output.rgb.mul_(2.0)
    (0.5 * output.rgb).sum().backward()
    torch.testing.assert_close(leaves.means_mm.grad, expected)


@pytest.mark.parametrize("count", [0, 20])
def test_nothing_in_view_is_the_background(count):
    gaussians = random_gaussians(20, 12).select(torch.arange(20) < count)
    gaussians.means_mm[:] += 1e5
    leaves = with_gradients(gaussians)
    output = rasterise(leaves, camera_at(300, 12), background=BACKGROUND)
    assert torch.equal(output.rgb, torch.tensor(BACKGROUND).expand(40, 48, 3))
    assert output.alpha.count_nonzero() == 0
    assert not output.visible.any()
    output.rgb.sum().backward()
    assert output.screen_gradient().shape == (count,)
    assert all(not value.grad.any() for value in leaves.parameters().values())
    assert not blending_weights(gaussians, camera_at(300, 12)).any()


def test_parameters_that_are_not_numbers_are_culled():
    gaussians = random_gaussians(6, 13)
    gaussians.means_mm[0] = float("nan")
    gaussians.log_diagonal[1] = float("inf")
    gaussians.off_diagonal[2] = float("nan")
    gaussians.opacity_logit[3] = float("nan")
    gaussians.opacity_logit[4] = float("-inf")
    camera = camera_at(300, 13)
    alone = rasterise(gaussians.select(torch.tensor([5])), camera)
    output = rasterise(gaussians, camera)
    assert output.visible.tolist() == [False] * 5 + [True]
    assert torch.equal(output.rgb, alone.rgb)


def test_one_gaussian_matches_the_closed_form():
    sigma_mm, depth_mm, opacity, colour = 8.0, 200.0, 0.6, 0.8
    gaussians = Gaussians6D(
        means_mm=torch.zeros(1, 3),
        directions=torch.zeros(1, 3),
        log_diagonal=torch.tensor([[np.log(sigma_mm)] * 3 + [0.0] * 3], dtype=torch.float32),
        off_diagonal=torch.zeros(1, 15),
        opacity_logit=torch.logit(torch.tensor([opacity])),
        sh=torch.zeros(1, 4, 3),
        labels=torch.zeros(1, dtype=torch.uint8),
    )
    gaussians.sh[:, 0] = (colour - 0.5) / 0.28209479177387814
    camera = replace(camera_at(depth_mm, 14), fx_px=60.0, fy_px=60.0, cx_px=24.0, cy_px=20.0)
    # Without correlation the slice is the Gaussian itself, dimmed by |v - 0|² = 1.
    dimmed = opacity * np.exp(-0.35)
    variance = (60.0 * sigma_mm / depth_mm) ** 2 + 0.3
    y, x = np.mgrid[:40, :48] + 0.5
    alpha = dimmed * np.exp(-0.5 * ((x - 24.0) ** 2 + (y - 20.0) ** 2) / variance)
    alpha[alpha < 1 / 255] = 0
    output = rasterise(gaussians, camera, background=(1.0, 1.0, 1.0), with_depth=True)
    np.testing.assert_allclose(output.depth_mm, np.where(alpha > 0, depth_mm, 0), rtol=1e-6)
    np.testing.assert_allclose(output.alpha, alpha, atol=2e-6)
    np.testing.assert_allclose(output.rgb[:, :, 1], colour * alpha + 1 - alpha, atol=2e-6)
    np.testing.assert_allclose(output.radii_px, np.sqrt(2 * np.log(255 * dimmed) * variance), rtol=1e-4)
    assert blending_weights(gaussians, camera).item() == pytest.approx(alpha.sum(), rel=1e-4)


def test_another_dtype_is_refused():
    with pytest.raises(ValueError, match="means_mm: expected float32 on cpu"):
        rasterise(random_gaussians(2, dtype=torch.float64), camera_at(300))


@pytest.mark.parametrize("mask", [torch.ones(3, dtype=torch.bool), torch.ones(2), torch.ones(2, 1) > 0])
def test_a_mask_of_another_shape_or_type_is_refused(mask):
    with pytest.raises(ValueError, match=r"mask: expected torch.bool \(2,\)"):
        rasterise(random_gaussians(2), camera_at(300), mask=mask)


def test_strided_parameters_are_read_as_they_stand():
    gaussians = random_gaussians(40, 15)
    strided = replace(gaussians, means_mm=gaussians.means_mm.T.contiguous().T)
    camera = camera_at(300, 15)
    assert torch.equal(rasterise(strided, camera).rgb, rasterise(gaussians, camera).rgb)
