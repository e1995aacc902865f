"""The rasteriser as a differentiable function of :class:`~renderbench.splats.gaussians.Gaussians6D`."""

from __future__ import annotations

import torch

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster.cpu import blending_weights_on_cpu, rasterise_on_cpu
from renderbench.splats.raster.gsplat import blending_weights_on_cuda, rasterise_on_cuda
from renderbench.splats.raster.output import Colour, RasterOutput
from renderbench.splats.raster.settings import RasterSettings

_BLACK: Colour = (0.0, 0.0, 0.0)


def rasterise(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings | None = None,
    *,
    background: Colour = _BLACK,
    mask: torch.Tensor | None = None,
    with_depth: bool = False,
) -> RasterOutput:
    """Draw Gaussians where they lie, with gradients for all six trainable tensors (section 3.2).

    On the CPU our own kernels draw, with exact gradients and the same bits for any number of threads; on a
    CUDA device gsplat does. Both follow one definition, which is gsplat's and the 3DGS authors':

    - Gaussians are sliced for the camera (:func:`renderbench.splats.slicing.slice_gaussians`), coloured by
      the direction of their unsliced means, projected by EWA and sorted by the depth of the sliced means;
      those no deeper than ``settings.near_mm`` or deeper than 10 000 km are culled.
    - ``settings.eps2d_px2`` is added to both variances on the image, without compensation in the opacity.
    - Pixel centres are at +0.5. Alpha below 1/255 is skipped and clamped at 0.999. A Gaussian that would
      leave a pixel a transmittance of at most 1e-4 is not drawn, and nothing behind it is.
    - The gradient does not pass through the sorting and the thresholds; where alpha is clamped it is 0.

    Args:
        gaussians: N Gaussians, float32, all tensors on one device.
        camera: the camera.
        settings: defaults to ``RasterSettings()``.
        background: sRGB behind everything.
        mask: (N,) bool, the Gaussians to draw, such as ``selection.mask(gaussians.labels)``; the others
            are as if they were not there, and their gradients are 0. None draws all.
        with_depth: whether to render the expected depth, which is differentiable, too.

    Raises:
        ValueError: a tensor is not float32, or the mask is no (N,) of booleans.
        InputError: the Gaussians lie on a CUDA device and gsplat cannot be used.
    """
    _require_sound(gaussians, mask)
    red, green, blue = map(float, background)
    draw = rasterise_on_cuda if gaussians.means_mm.is_cuda else rasterise_on_cpu
    return draw(
        gaussians,
        camera,
        settings or RasterSettings(),
        background=(red, green, blue),
        mask=mask,
        with_depth=with_depth,
    )


def blending_weights(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings | None = None,
    *,
    mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """How much each Gaussian is seen: (N,) the sum over pixels of its weight T alpha.

    No gradient flows through the result. Arguments and errors as those of :func:`rasterise`.
    """
    _require_sound(gaussians, mask)
    weigh = blending_weights_on_cuda if gaussians.means_mm.is_cuda else blending_weights_on_cpu
    return weigh(gaussians.detach(), camera, settings or RasterSettings(), mask=mask)


def _require_sound(gaussians: Gaussians6D, mask: torch.Tensor | None) -> None:
    device = gaussians.means_mm.device
    for name, tensor in gaussians.parameters().items():
        if tensor.dtype != torch.float32 or tensor.device != device:
            found = f"{tensor.dtype} on {tensor.device}"
            raise ValueError(f"{name}: expected float32 on {device}, found {found}")
    if mask is not None and (mask.dtype != torch.bool or tuple(mask.shape) != (len(gaussians),)):
        found = f"{mask.dtype} {tuple(mask.shape)}"
        raise ValueError(f"mask: expected torch.bool ({len(gaussians)},), found {found}")
