"""The CUDA backend: slicing in torch, compiled for the device, and gsplat's kernels.

gsplat is imported only when Gaussians on a CUDA device are drawn: it builds its kernels at first use.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

import torch

from renderbench.cameras import Camera
from renderbench.errors import InputError
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster.output import Colour, RasterOutput
from renderbench.splats.raster.settings import RasterSettings
from renderbench.splats.slicing import SlicedGaussians, slice_gaussians

_SUBJECT = "gsplat"
_ON_CPU = "or keep the Gaussians on the CPU, which needs no gsplat"


def require_gsplat() -> Any:
    """The module, with its kernels built.

    Raises:
        InputError: there is no CUDA device, gsplat is not installed, or its kernels cannot be built.
    """
    if not torch.cuda.is_available():
        problem = "expected a CUDA device, found none"
        raise InputError(_SUBJECT, problem, "use a machine that has one and a torch built for it")
    try:
        gsplat = importlib.import_module("gsplat")
    except ImportError as error:
        problem = f"expected the package, found that it cannot be imported ({_first_line(error)})"
        raise InputError(_SUBJECT, problem, f"pip install 'renderbench[cuda]', {_ON_CPU}") from None
    try:
        kernels = importlib.import_module("gsplat.cuda._backend")._C
    # A failed build surfaces as whatever torch's extension builder, ninja or nvcc make of it.
    except Exception as error:
        problem = f"expected its CUDA kernels to build, found {type(error).__name__}: {_first_line(error)}"
        raise InputError(_SUBJECT, problem, f"VERBOSE=1 shows the compiler's output; {_ON_CPU}") from None
    if kernels is None:
        problem = "expected the CUDA toolkit to build its kernels with, found no nvcc"
        raise InputError(_SUBJECT, problem, f"install the toolkit and set CUDA_HOME, {_ON_CPU}")
    return gsplat


def rasterise_on_cuda(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings,
    *,
    background: Colour,
    mask: torch.Tensor | None,
    with_depth: bool,
) -> RasterOutput:
    """See :func:`renderbench.splats.raster.rasterise`."""
    sliced = _slice(gaussians, camera, settings)
    image, alpha, meta = _draw(sliced, sliced.colours, camera, settings, mask, background, with_depth)
    means = meta["means2d"]
    if means.requires_grad:
        means.retain_grad()

    def screen_gradient() -> torch.Tensor | None:
        if means.grad is None:
            return None
        half_size = means.new_tensor([0.5 * camera.width, 0.5 * camera.height])
        norms: torch.Tensor = (means.grad[0] * half_size).norm(dim=1)
        return norms

    return RasterOutput(
        rgb=image[0, :, :, :3],
        alpha=alpha[0, :, :, 0],
        depth_mm=image[0, :, :, 3] if with_depth else None,
        radii_px=meta["radii"][0].amax(dim=-1).float(),
        _screen_gradient=screen_gradient,
    )


def blending_weights_on_cuda(
    gaussians: Gaussians6D, camera: Camera, settings: RasterSettings, *, mask: torch.Tensor | None
) -> torch.Tensor:
    """See :func:`renderbench.splats.raster.blending_weights`."""
    with torch.no_grad():
        sliced = _slice(gaussians, camera, settings)
    # The image is linear in the colours: its derivative by one of them is that Gaussian's weight.
    with torch.enable_grad():
        grey = sliced.opacities.new_ones(len(gaussians), 1).requires_grad_()
        image, _, _ = _draw(sliced, grey, camera, settings, mask, (0.0,), False)
        (weights,) = torch.autograd.grad(image.sum(), grey)
    return weights[:, 0]


def _slice(gaussians: Gaussians6D, camera: Camera, settings: RasterSettings) -> SlicedGaussians:
    position = torch.as_tensor(camera.position_mm, dtype=torch.float32, device=gaussians.means_mm.device)
    return _compiled_slicing()(gaussians, position, settings.lambda_opacity)


@functools.cache
def _compiled_slicing() -> Callable[..., SlicedGaussians]:
    """One kernel forward and one backward instead of some hundred; for any number of Gaussians."""
    compiled: Callable[..., SlicedGaussians] = torch.compile(slice_gaussians, dynamic=True, fullgraph=True)
    return compiled


def _draw(
    sliced: SlicedGaussians,
    colours: torch.Tensor,
    camera: Camera,
    settings: RasterSettings,
    mask: torch.Tensor | None,
    background: tuple[float, ...],
    with_depth: bool,
) -> tuple[torch.Tensor, torch.Tensor, dict[str, Any]]:
    """Image (1, H, W, channels, and the expected depth), alpha (1, H, W, 1), and gsplat's ``meta``."""
    new = sliced.means_mm.new_tensor
    opacities = sliced.opacities
    if mask is not None:
        # gsplat culls what is fainter than 1/255, and hands back no gradient for it.
        opacities = torch.where(mask.to(opacities.device), opacities, 0.0)
    intrinsics = [
        [camera.fx_px, 0.0, camera.cx_px],
        [0.0, camera.fy_px, camera.cy_px],
        [0.0, 0.0, 1.0],
    ]
    image, alpha, meta = require_gsplat().rasterization(
        sliced.means_mm,
        None,
        None,
        opacities,
        colours,
        new(camera.camera_from_world)[None],
        new(intrinsics)[None],
        camera.width,
        camera.height,
        near_plane=settings.near_mm,
        eps2d=settings.eps2d_px2,
        backgrounds=new(background)[None],
        render_mode="RGB+ED" if with_depth else "RGB",
        packed=False,
        covars=sliced.covariances_mm2,
    )
    return image, alpha, meta


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
