"""The CUDA backend as far as a machine without CUDA can test it, and gsplat's conventions against ours."""

import sys
from types import ModuleType, SimpleNamespace

import pytest
import torch
from splat_scenes import camera_at, random_gaussians, with_gradients

from renderbench.errors import InputError
from renderbench.splats.raster import RasterSettings, blending_weights, rasterise, require_gsplat
from renderbench.splats.raster import gsplat as backend
from renderbench.splats.slicing import slice_gaussians

BACKGROUND = (0.2, 0.5, 0.7)
OPTIONS = {"background": BACKGROUND, "with_depth": True}


def _blend(means, conics, opacities, colours, depths, width, height):
    """gsplat's compositing in torch: every Gaussian at every pixel, in float64 as in float32."""
    dtype = means.dtype
    rows, columns = torch.arange(height, dtype=dtype) + 0.5, torch.arange(width, dtype=dtype) + 0.5
    delta = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[:, :, None] - means
    dx, dy = delta.unbind(-1)
    sigma = 0.5 * (conics[:, 0] * dx**2 + conics[:, 2] * dy**2) + conics[:, 1] * dx * dy
    alpha = (opacities * torch.exp(-sigma)).clamp(max=0.999)
    alpha = torch.where((sigma >= 0) & (alpha >= 1 / 255), alpha, 0.0)
    order = torch.argsort(depths, stable=True)
    alpha, colours = alpha[:, :, order], colours[order]
    alpha = torch.where(torch.cumprod(1 - alpha, dim=2) > 1e-4, alpha, 0.0)
    after = torch.cumprod(1 - alpha, dim=2)
    weights = torch.cat([torch.ones_like(after[:, :, :1]), after[:, :, :-1]], dim=2) * alpha
    return weights @ colours, (1 - after[:, :, -1])[:, :, None]


def _project(means, covariances, camera_from_world, intrinsics, settings):
    """EWA without the Jacobian's clamp: (means, conics, depths)."""
    rotation = camera_from_world[:3, :3]
    x, y, z = (means @ rotation.T + camera_from_world[:3, 3]).unbind(1)
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    zero = torch.zeros_like(z)
    rows = (torch.stack([fx / z, zero, -fx * x / z**2], 1), torch.stack([zero, fy / z, -fy * y / z**2], 1))
    linear = torch.stack(rows, 1) @ rotation
    covariance = linear @ covariances @ linear.mT + settings["eps2d"] * torch.eye(2)
    inverse = torch.linalg.inv(covariance)
    conics = torch.stack([inverse[:, 0, 0], inverse[:, 0, 1], inverse[:, 1, 1]], 1)
    return torch.stack([fx * x / z + cx, fy * y / z + cy], 1), conics, z


def _stand_in(means, quats, scales, opacities, colors, viewmats, Ks, width, height, **settings):
    """``gsplat.rasterization`` for one camera that sees everything, with the shapes of version 1.5.3."""
    assert quats is None
    assert scales is None
    assert settings["packed"] is False
    assert viewmats.shape == (1, 4, 4)
    assert Ks.shape == (1, 3, 3)
    means2d, conics, depths = _project(means, settings["covars"], viewmats[0], Ks[0], settings)
    means2d = means2d[None]
    radii = torch.where((opacities < 1 / 255) | (depths < settings["near_plane"]), 0, 5)
    opacities = torch.where(radii > 0, opacities, 0.0)
    if settings["render_mode"] == "RGB+ED":
        colors = torch.cat([colors, depths[:, None]], dim=1)
    image, alpha = _blend(means2d[0], conics, opacities, colors, depths, width, height)
    channels = len(settings["backgrounds"][0])
    over = image[:, :, :channels] + (1 - alpha) * settings["backgrounds"][0]
    expected = image[:, :, channels:] / alpha.clamp(min=1e-10)
    meta = {"means2d": means2d, "radii": radii[None, :, None].expand(1, -1, 2).int()}
    return torch.cat([over, expected], dim=2)[None], alpha[None], meta


@pytest.fixture
def through_stand_in(monkeypatch):
    """The CUDA backend over the stand-in, with the slicing as it is written."""
    monkeypatch.setattr(backend, "_compiled_slicing", lambda: slice_gaussians)
    monkeypatch.setattr(backend, "require_gsplat", lambda: SimpleNamespace(rasterization=_stand_in))


@pytest.mark.parametrize("seed", [0, 1])
def test_both_backends_have_one_interface(through_stand_in, seed):
    gaussians, camera = random_gaussians(200, seed, spread_mm=20.0, opacity=1.0), camera_at(300, seed)
    settings = RasterSettings(lambda_opacity=0.5)
    mask = gaussians.labels < 8
    ours, theirs = with_gradients(gaussians), with_gradients(gaussians)
    output = rasterise(ours, camera, settings, mask=mask, **OPTIONS)
    other = backend.rasterise_on_cuda(theirs, camera, settings, mask=mask, **OPTIONS)
    with pytest.raises(RuntimeError, match="backward"):
        other.screen_gradient()
    for each in (output, other):
        (each.rgb.square().sum() + each.alpha.sum() + 0.01 * each.depth_mm.sum()).backward()
    for name in ("rgb", "alpha", "depth_mm"):
        found, expected = getattr(other, name).detach(), getattr(output, name).detach()
        assert found.shape == expected.shape
        assert float((found - expected).abs().max() / expected.abs().max()) < 1e-4, name
    for name, value in ours.parameters().items():
        found = theirs.parameters()[name].grad
        assert float((found - value.grad).norm() / value.grad.norm()) < 1e-3, name
        assert not found[~mask].any(), name
    assert other.radii_px.shape == (200,)
    assert not other.visible[~mask].any()
    torch.testing.assert_close(other.screen_gradient(), output.screen_gradient(), rtol=1e-2, atol=1e-2)
    weights = blending_weights(gaussians, camera, settings, mask=mask)
    found = backend.blending_weights_on_cuda(gaussians, camera, settings, mask=mask)
    torch.testing.assert_close(found, weights, rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_the_slicing_compiles_as_one_graph_forward_and_backward():
    compiled = torch.compile(slice_gaussians, dynamic=True, fullgraph=True, backend="aot_eager")
    position = torch.tensor([10.0, -20.0, 300.0])
    for count in (30, 70):
        ours, theirs = (with_gradients(random_gaussians(count, count)) for _ in range(2))
        for leaves, function in ((ours, slice_gaussians), (theirs, compiled)):
            sliced = function(leaves, position, 0.35)
            images = (sliced.means_mm, sliced.covariances_mm2, sliced.opacities, sliced.colours)
            torch.stack([image.square().sum() for image in images]).sum().backward()
        for name, value in ours.parameters().items():
            torch.testing.assert_close(theirs.parameters()[name].grad, value.grad, rtol=1e-4, atol=1e-4)


def test_without_a_device_it_is_one_line(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="gsplat: expected a CUDA device, found none; ") as caught:
        require_gsplat()
    assert "\n" not in str(caught.value)


def _module(name, **content):
    module = ModuleType(name)
    vars(module).update(content)
    return module


class _BrokenBuild(ModuleType):
    @property
    def _C(self):
        raise RuntimeError("Error building extension 'gsplat_cuda': [1/9] nvcc\nFAILED: many\nlines")


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"gsplat": None}, "cannot be imported"),
        ({"gsplat": _module("gsplat"), "gsplat.cuda._backend": _module("b", _C=None)}, "found no nvcc"),
        (
            {"gsplat": _module("gsplat"), "gsplat.cuda._backend": _BrokenBuild("b")},
            "found RuntimeError: Error building extension 'gsplat_cuda': [1/9] nvcc; ",
        ),
    ],
)
def test_a_gsplat_that_cannot_be_used_is_one_line(monkeypatch, modules, message):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name, module in modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(InputError) as caught:
        require_gsplat()
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


SCENES = {
    "a body": lambda: (random_gaussians(300, 0), camera_at(300, 0)),
    "nearly opaque": lambda: (random_gaussians(400, 2, opacity=3.0), camera_at(200, 2)),
    "out to the edge of the frustum": lambda: (random_gaussians(400, 4), camera_at(10, 4, focal_px=20.0)),
}


def _psnr(found, expected):
    return float(-10 * torch.log10((found - expected).double().square().mean()))


@pytest.mark.parametrize("scene", SCENES)
def test_gsplats_own_torch_projection_leads_to_our_image(scene):
    """Its low-pass, radii, clamped Jacobian and culling, under the blending rule of its CUDA kernel."""
    implementation = pytest.importorskip("gsplat.cuda._torch_impl", reason="gsplat is not installed")
    gaussians, camera = SCENES[scene]()
    settings = RasterSettings()
    position = torch.as_tensor(camera.position_mm, dtype=torch.float64)
    sliced = slice_gaussians(gaussians.to(torch.float64), position)
    intrinsics = [[camera.fx_px, 0, camera.cx_px], [0, camera.fy_px, camera.cy_px], [0, 0, 1]]
    radii, means, depths, conics, _ = (
        value if value is None else value[0]
        for value in implementation._fully_fused_projection(
            sliced.means_mm,
            sliced.covariances_mm2,
            torch.as_tensor(camera.camera_from_world)[None],
            torch.tensor(intrinsics, dtype=torch.float64)[None],
            camera.width,
            camera.height,
            eps2d=settings.eps2d_px2,
            near_plane=settings.near_mm,
        )
    )
    opacities = torch.where((radii > 0).all(dim=1), sliced.opacities, 0.0)
    image, alpha = _blend(means, conics, opacities, sliced.colours, depths, camera.width, camera.height)
    output = rasterise(gaussians, camera, settings)
    assert float((output.rgb - image).abs().max()) < 2e-5
    assert float((output.alpha - alpha[:, :, 0]).abs().max()) < 2e-5
    assert _psnr(output.rgb, image) > 100


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("scene", SCENES)
def test_gsplat_on_cuda_draws_what_the_cpu_does(scene):
    gaussians, camera = SCENES[scene]()
    mask = gaussians.labels < 8
    here = with_gradients(gaussians)
    there = with_gradients(gaussians.to("cuda"))
    output = rasterise(here, camera, mask=mask, **OPTIONS)
    other = rasterise(there, camera, mask=mask.cuda(), **OPTIONS)
    assert float((other.rgb.cpu() - output.rgb).detach().abs().max()) < 1e-3
    assert _psnr(other.rgb.cpu(), output.rgb) > 60
    for each in (output, other):
        (each.rgb.square().sum() + each.alpha.sum() + 0.01 * each.depth_mm.sum()).backward()
    for name, value in here.parameters().items():
        found = there.parameters()[name].grad.cpu()
        assert float((found - value.grad).norm() / value.grad.norm()) < 1e-2, name
