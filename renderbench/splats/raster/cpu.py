"""The CPU backend: numba kernels with exact gradients as one node of the autograd graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster.output import Colour, RasterOutput
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


@dataclass(kw_only=True)
class _Frame:
    """What one rendering leaves for its gradient and for densification."""

    camera: Camera
    settings: RasterSettings
    background: Colour
    shown: NDArray[np.bool_]
    with_depth: bool
    radii: Floats = field(init=False)
    screen_gradient: Floats | None = None

    def project(self, parameters: Parameters) -> Projected:
        view = view_of(self.camera, self.settings)
        projected = project(parameters, self.shown, view, self.settings.worker_count)
        self.radii = projected.radii
        return projected


def rasterise_on_cpu(
    gaussians: Gaussians6D,
    camera: Camera,
    settings: RasterSettings,
    *,
    background: Colour,
    mask: torch.Tensor | None,
    with_depth: bool,
) -> RasterOutput:
    """See :func:`renderbench.splats.raster.rasterise`."""
    shown = _shown(mask, len(gaussians))
    frame = _Frame(
        camera=camera, settings=settings, background=background, shown=shown, with_depth=with_depth
    )
    tensors = tuple(gaussians.parameters().values())
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        rgb, alpha, *depth = _Rasterise.apply(frame, *tensors)
    else:
        image = composite(frame.project(_arrays(tensors)), background, with_depth)
        rgb, alpha = torch.from_numpy(image.rgb), torch.from_numpy(1 - image.transmittance)
        depth = [] if image.depth is None else [torch.from_numpy(image.depth[:, :, 0].copy())]

    def screen_gradient() -> torch.Tensor | None:
        return None if frame.screen_gradient is None else torch.from_numpy(frame.screen_gradient)

    return RasterOutput(
        rgb=rgb,
        alpha=alpha,
        depth_mm=depth[0] if depth else None,
        radii_px=torch.from_numpy(frame.radii),
        _screen_gradient=screen_gradient,
    )


def blending_weights_on_cpu(
    gaussians: Gaussians6D, camera: Camera, settings: RasterSettings, *, mask: torch.Tensor | None
) -> torch.Tensor:
    """See :func:`renderbench.splats.raster.blending_weights`."""
    parameters = _arrays(tuple(gaussians.parameters().values()))
    shown = _shown(mask, len(gaussians))
    return torch.from_numpy(
        weigh(project(parameters, shown, view_of(camera, settings), settings.worker_count))
    )


class _Rasterise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, frame: _Frame, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        projected = frame.project(_arrays(tensors))
        image = composite(projected, frame.background, frame.with_depth)
        ctx.save_for_backward(*tensors)
        # The caller may change what it is given.
        ctx.frame, ctx.projected, ctx.image = frame, projected, image._replace(rgb=image.rgb.copy())
        outputs = (torch.from_numpy(image.rgb), torch.from_numpy(1 - image.transmittance))
        return outputs if image.depth is None else (*outputs, torch.from_numpy(image.depth[:, :, 0].copy()))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *outer: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        parameters = _arrays(ctx.saved_tensors)
        g_rgb, g_alpha, *g_depth = (np.ascontiguousarray(gradient.numpy()) for gradient in outer)
        pair_sums = composite_gradient(
            ctx.projected, ctx.image, g_rgb, g_alpha, g_depth[0] if g_depth else None
        )
        gradients, ctx.frame.screen_gradient = project_gradient(parameters, ctx.projected, pair_sums)
        return None, *(torch.from_numpy(array) for array in gradients)


def _shown(mask: torch.Tensor | None, count: int) -> NDArray[np.bool_]:
    return np.ones(count, np.bool_) if mask is None else np.ascontiguousarray(mask.cpu().numpy())


def _arrays(tensors: tuple[torch.Tensor, ...]) -> Parameters:
    """The tensors as contiguous arrays, without a copy where they are already contiguous."""
    return Parameters(*(np.ascontiguousarray(tensor.detach().numpy()) for tensor in tensors))
