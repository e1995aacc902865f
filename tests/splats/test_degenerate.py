"""Degenerate scenes and cameras: finite images, finite gradients, and no crash."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference import rasterise_densely
from splat_scenes import camera_at, random_gaussians, with_gradients

from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings, blending_weights, rasterise


def _check(gaussians: Gaussians6D, camera, background=(0.1, 0.2, 0.3), mask=None):
    """The output, whose images are within their bounds and whose gradients are all finite."""
    leaves = with_gradients(gaussians)
    output = rasterise(leaves, camera, background=background, mask=mask, with_depth=True)
    height, width = camera.height, camera.width
    assert output.rgb.shape == (height, width, 3)
    assert output.alpha.shape == output.depth_mm.shape == (height, width)
    for image in (output.rgb, output.alpha, output.depth_mm, output.radii_px):
        assert bool(torch.isfinite(image).all())
    assert bool(((output.alpha >= 0) & (output.alpha <= 1)).all())
    drawn = output.alpha.detach() > 0
    assert bool((output.depth_mm[drawn] >= RasterSettings().near_mm).all())
    generator = torch.Generator().manual_seed(0)
    images = (output.rgb, output.alpha, output.depth_mm)
    losses = [(image * torch.randn(image.shape, generator=generator)).sum() for image in images]
    torch.stack(losses).sum().backward()
    for name, value in leaves.parameters().items():
        assert bool(torch.isfinite(value.grad).all()), name
    assert bool(torch.isfinite(output.screen_gradient()).all())
    assert bool(torch.isfinite(blending_weights(gaussians, camera, mask=mask)).all())
    return output


SIZES_PX = [(1, 1), (1, 40), (40, 1), (15, 17), (16, 16), (33, 7)]


@pytest.mark.parametrize(("width", "height"), SIZES_PX)
@pytest.mark.parametrize("count", [0, 1, 2, 7, 60])
def test_any_size_of_image_and_any_number(width, height, count):
    gaussians = random_gaussians(count, 1)
    camera = camera_at(250, 1, width=width, height=height)
    output = _check(gaussians, camera)
    expected = rasterise_densely(gaussians.to(torch.float64), camera, background=(0.1, 0.2, 0.3))
    assert float((output.rgb - expected.rgb).detach().abs().max()) < 1e-5


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("log_scale", [-80.0, -30.0, -10.0, 6.0, 12.0, 40.0, 80.0])
@pytest.mark.parametrize("columns", [slice(0, 3), slice(0, 1), slice(3, 6), slice(5, 6)])
def test_huge_and_tiny_scales(seed, log_scale, columns):
    gaussians = random_gaussians(20, seed)
    gaussians.log_diagonal[:, columns] = log_scale
    _check(gaussians, camera_at(200, seed))


@pytest.mark.parametrize("logit", [-torch.inf, -1e30, -50.0, 50.0, 1e30, torch.inf])
def test_opacity_zero_and_one(logit):
    gaussians = random_gaussians(30, 2)
    gaussians.opacity_logit[:] = logit
    output = _check(gaussians, camera_at(250, 2))
    assert bool(output.visible.any()) == (logit > 0)


@pytest.mark.parametrize("value", [-1e30, -60.0, 60.0, 1e30])
def test_off_diagonals_at_their_bounds(value):
    gaussians = random_gaussians(30, 3)
    gaussians.off_diagonal[:] = value
    _check(gaussians, camera_at(250, 3))


@pytest.mark.parametrize("distance_mm", [0.0, 0.5, 1.0, 1.5, 10.0])
def test_a_camera_inside_a_gaussian(distance_mm):
    gaussians = random_gaussians(40, 4)
    gaussians.means_mm[:20] = 0
    gaussians.log_diagonal[:, :3] = 4.0
    _check(gaussians, camera_at(distance_mm, 4))


def test_all_behind_the_camera_is_the_background():
    gaussians = random_gaussians(40, 5, spread_mm=5.0)
    output = _check(gaussians, camera_at(-300, 5), background=(0.25, 0.5, 0.75))
    assert torch.equal(output.rgb, torch.tensor([0.25, 0.5, 0.75]).expand(40, 48, 3))
    assert not output.visible.any()
    assert not output.depth_mm.any()


def test_duplicates_are_drawn_in_the_order_they_come_in():
    gaussians = random_gaussians(1, 6, opacity=3.0).select(torch.zeros(50, dtype=torch.int64))
    gaussians.sh[:, 0] = torch.linspace(-1, 1, 50)[:, None]
    camera = camera_at(150, 6)
    output = _check(gaussians, camera)
    expected = rasterise_densely(gaussians.to(torch.float64), camera, background=(0.1, 0.2, 0.3))
    assert float((output.rgb - expected.rgb).detach().abs().max()) < 1e-5


def test_a_mask_that_hides_everything_is_the_background():
    gaussians = random_gaussians(40, 7)
    output = _check(gaussians, camera_at(250, 7), mask=torch.zeros(40, dtype=torch.bool))
    assert not output.visible.any()
    assert not output.alpha.any()


def test_a_mean_direction_far_off_or_exactly_met():
    gaussians = random_gaussians(40, 8)
    camera = camera_at(250, 8)
    position = torch.as_tensor(camera.position_mm, dtype=torch.float32)
    met = torch.nn.functional.normalize(gaussians.means_mm - position, dim=1)
    for directions in (met, -met, torch.zeros_like(met), 1e20 * met):
        _check(replace(gaussians, directions=directions), camera)


@pytest.mark.parametrize("seed", range(40))
def test_anything_goes(seed):
    """Every parameter drawn from heavy tails, and cameras from anywhere."""
    rng = np.random.default_rng(seed)

    def heavy(*shape, scale):
        values = scale * rng.standard_t(1.0, shape).clip(-1e6, 1e6)
        return torch.from_numpy(values.astype(np.float32))

    count = int(rng.integers(1, 40))
    gaussians = Gaussians6D(
        means_mm=heavy(count, 3, scale=30.0),
        directions=heavy(count, 3, scale=0.7),
        log_diagonal=heavy(count, 6, scale=1.5),
        off_diagonal=heavy(count, 15, scale=2.0),
        opacity_logit=heavy(count, scale=3.0),
        sh=heavy(count, 4, 3, scale=0.5),
        labels=torch.zeros(count, dtype=torch.uint8),
    )
    camera = camera_at(
        float(rng.choice([-50, 0, 5, 80, 1e4])), seed, focal_px=float(rng.choice([2, 60, 4e3]))
    )
    _check(gaussians, camera)
