"""Drawing only the Gaussians of a group selection, with statistics for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from renderbench.cameras import Camera
from renderbench.scans.groups import GroupSelection
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterOutput, RasterSettings, rasterise


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawing:
    """A rendering of some of N Gaussians.

    Args:
        rgb: (H, W, 3), see :class:`renderbench.splats.raster.RasterOutput`.
        visible: (N,) bool; the Gaussians that were drawn.
    """

    rgb: Tensor
    visible: Tensor
    _shown: Tensor
    _output: RasterOutput

    def screen_gradient(self) -> Tensor:
        """(N,), after ``backward``; 0 for a Gaussian that was not drawn."""
        return _spread(self._output.screen_gradient(), self._shown, len(self.visible))


def draw(gaussians: Gaussians6D, groups: GroupSelection, camera: Camera, raster: RasterSettings) -> Drawing:
    """Draw the Gaussians whose label is one of ``groups``; differentiable in all of them."""
    shown = shown_by(groups, gaussians.labels)
    output = rasterise(only(gaussians, shown), camera, raster)
    visible = _spread(output.visible, shown, len(gaussians))
    return Drawing(rgb=output.rgb, visible=visible, _shown=shown, _output=output)


def shown_by(groups: GroupSelection, labels: Tensor) -> Tensor:
    """(M,) the indices, ascending, of the labels, (N,) uint8, that are among ``groups``."""
    return torch.from_numpy(np.flatnonzero(groups.mask(labels.numpy())))


def only(gaussians: Gaussians6D, shown: Tensor) -> Gaussians6D:
    """The Gaussians at ``shown`` (M,); without a copy where that is all of them."""
    return gaussians if len(shown) == len(gaussians) else gaussians.select(shown)


def _spread(values: Tensor, shown: Tensor, count: int) -> Tensor:
    """(M,) values at their places among ``count``, 0 elsewhere."""
    if len(shown) == count:
        return values
    return values.new_zeros(count).index_copy(0, shown, values)
