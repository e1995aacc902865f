"""The rasteriser as a differentiable function of :class:`~renderbench.splats.gaussians.Gaussians6D`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch.autograd.function import once_differentiable

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster.passes import (
    Floats,
    Parameters,
    Projected,
    composite,
    composite_gradient,
    project,
    project_gradient,
    weigh,
)
from renderbench.splats.raster.settings import RasterSettings, view_of

Colour = tuple[float, float, float]


@dataclass(kw_only=True)
class _Frame:
    """What one rendering leaves for its gradient and for densification."""

    camera: Camera
    settings: RasterSettings
    background: Colour
    radii: Floats = field(init=False)
    screen_gradient: Floats | None = None

    def project(self, parameters: Parameters) -> Projected:
        projected = project(parameters, view_of(self.camera, self.settings), self.settings.worker_count)
        self.radii = projected.radii
        return projected


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterOutput:
    """A rendering.

    Args:
        rgb: (H, W, 3) sRGB over the background; not clamped from above.
        alpha: (H, W) opacity, 1 - the remaining transmittance.
        radii_px: (N,) the long half-axis of the ellipse on which a Gaussian's alpha is 1/255, px;
            0 where it was culled.
    """

    rgb: torch.Tensor
    alpha: torch.Tensor
    radii_px: torch.Tensor
    _frame: _Frame

    @property
    def visible(self) -> torch.Tensor:
        """(N,) bool: the Gaussians that were not culled."""
        return self.radii_px > 0

    def screen_gradient(self) -> torch.Tensor:
        """(N,) norms of dL/d(projected mean) of the last backward pass, for densification.

        The projected mean is taken in normalised device coordinates, [-1, 1] over the image, as 3DGS
        does: a derivative per pixel is multiplied by half the width or the height. 0 where culled.

        Raises:
            RuntimeError: there was no backward pass through this output.
        """
        if self._frame.screen_gradient is None:
            raise RuntimeError("screen_gradient: call backward() on a loss of this output first")
        return torch.from_numpy(self._frame.screen_gradient)


def rasterise(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings | None = None,
    *,
    background: Colour = (0.0, 0.0, 0.0),
) -> RasterOutput:
    """Draw Gaussians on the CPU, with exact gradients for all six trainable tensors (section 3.2).

    Gaussians are sliced for the camera (:func:`renderbench.splats.slicing.slice_gaussians`), projected
    by EWA, sorted by the depth of their sliced means and composited front to back. Alpha below 1/255
    is skipped and clamped at 0.999; a pixel is closed once its transmittance is below 1e-4. Pixel
    centres are at +0.5. The gradient does not pass through the sorting and the thresholds; where alpha is
    clamped it is 0. The result is the same, bit for bit, for any number of threads.

    Args:
        gaussians: N Gaussians, float32, on the CPU.
        camera: the camera.
        settings: defaults to ``RasterSettings()``.
        background: sRGB behind everything.

    Raises:
        ValueError: a tensor is not float32 on the CPU.
    """
    red, green, blue = map(float, background)
    frame = _Frame(camera=camera, settings=settings or RasterSettings(), background=(red, green, blue))
    tensors = tuple(gaussians.parameters().values())
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        rgb, alpha = _Rasterise.apply(frame, *tensors)
    else:
        image, transmittance = composite(frame.project(_arrays(tensors)), frame.background)
        rgb, alpha = torch.from_numpy(image), torch.from_numpy(1 - transmittance)
    return RasterOutput(rgb=rgb, alpha=alpha, radii_px=torch.from_numpy(frame.radii), _frame=frame)


def blending_weights(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings | None = None,
    *,
    statistic: Literal["sum", "max"] = "sum",
) -> torch.Tensor:
    """How much each Gaussian is seen: (N,) the sum or maximum over pixels of its weight T alpha.

    No gradient flows through the result.
    """
    settings = settings or RasterSettings()
    parameters = _arrays(tuple(gaussians.detach().parameters().values()))
    sums, maxima = weigh(project(parameters, view_of(camera, settings), settings.worker_count))
    return torch.from_numpy({"sum": sums, "max": maxima}[statistic])


class _Rasterise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, frame: _Frame, *tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        projected = frame.project(_arrays(tensors))
        rgb, transmittance = composite(projected, frame.background)
        ctx.save_for_backward(*tensors)
        ctx.frame, ctx.projected, ctx.rgb, ctx.transmittance = frame, projected, rgb.copy(), transmittance
        return torch.from_numpy(rgb), torch.from_numpy(1 - transmittance)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, g_rgb: torch.Tensor, g_alpha: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        parameters = _arrays(ctx.saved_tensors)
        g_image = np.ascontiguousarray(g_rgb.numpy())
        g_opacity = np.ascontiguousarray(g_alpha.numpy())
        pair_sums = composite_gradient(ctx.projected, ctx.rgb, ctx.transmittance, g_image, g_opacity)
        gradients, ctx.frame.screen_gradient = project_gradient(parameters, ctx.projected, pair_sums)
        return None, *(torch.from_numpy(array) for array in gradients)


def _arrays(tensors: tuple[torch.Tensor, ...]) -> Parameters:
    """The tensors as contiguous arrays, without a copy where they are already contiguous."""
    for name, tensor in zip(Parameters._fields, tensors, strict=True):
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
            raise ValueError(f"{name}: expected float32 on the CPU, found {tensor.dtype} on {tensor.device}")
    return Parameters(*(np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors))
