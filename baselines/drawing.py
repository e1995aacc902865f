"""Drawing only the Gaussians of a group selection, by label."""

from __future__ import annotations

import torch
from torch import Tensor

from renderbench.cameras import Camera
from renderbench.scans.groups import GroupSelection
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterOutput, RasterSettings, rasterise


def draw(
    gaussians: Gaussians6D, groups: GroupSelection, camera: Camera, raster: RasterSettings
) -> RasterOutput:
    """Draw the Gaussians whose label is one of ``groups``; the gradients of the others are 0."""
    return rasterise(gaussians, camera, raster, mask=shown_by(groups, gaussians.labels))


def shown_by(groups: GroupSelection, labels: Tensor) -> Tensor:
    """(N,) bool: which labels, (N,) uint8, are among ``groups``."""
    return torch.from_numpy(groups.mask(labels.cpu().numpy())).to(labels.device)
