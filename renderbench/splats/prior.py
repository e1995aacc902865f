"""Anatomy-guided priming (AGP): one Gaussian a foreground voxel, from labels and transfer function.

Render-FM paper, section 3.1 ("Anatomy-Guided Priming") and 3.2 ("Gaussian Instantiation"): positions
are voxel centres at half the working resolution, base colour and opacity come from the transfer
function, labels decide class and foreground. Nothing is optimised here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.groundtruth.medium import extinction
from renderbench.scans.groups import GroupSelection
from renderbench.scans.volume import Grid
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.sh import sh_from_rgb

# What the rasteriser cannot show is not instantiated: one step of an 8-bit display.
_FAINTEST_OPACITY = 1.0 / 255.0
_OPAQUE = 0.999


@dataclass(frozen=True, kw_only=True)
class PriorSettings:
    """How the prior's Gaussians are made.

    Args:
        stride_voxels: edge of the block of working voxels that one Gaussian stands for; 2 is the
            paper's half resolution.
        position_sd: standard deviation in position, in blocks.
        direction_sd: standard deviation in direction; the mean direction is zero, so a large value
            means that no Gaussian prefers a direction.
        opacity: ``physical`` is what the medium absorbs along one block, 1 - exp(-sigma_t · length);
            ``paper`` is sigmoid(alpha), as section 3.2 writes it (at least one half, even for lung).
    """

    stride_voxels: int = 2
    position_sd: float = 0.5
    direction_sd: float = 3.0
    opacity: Literal["physical", "paper"] = "physical"


@dataclass(frozen=True, kw_only=True, eq=False)
class PrimedVoxels:
    """The prior's Gaussians, and the blocks of working voxels that they stand for.

    Args:
        gaussians: N Gaussians, in the order of ``blocks``.
        blocks: (N, 3) int64, the (k, j, i) index of each one's block, ascending; block (0, 0, 0) is that
            of the first ``stride_voxels`` voxels along every axis.
        shape: (⌊D/s⌋, ⌊H/s⌋, ⌊W/s⌋), of the grid of blocks.
    """

    gaussians: Gaussians6D
    blocks: torch.Tensor
    shape: tuple[int, int, int]


def anatomy_guided_prior(
    rgba: NDArray[np.float32],
    groups: NDArray[np.uint8],
    grid: Grid,
    selection: GroupSelection,
    medium: MediumSettings,
    settings: PriorSettings,
) -> Gaussians6D:
    """The prior's Gaussians for the selected groups; arguments and errors as :func:`prime_voxels`."""
    return prime_voxels(rgba, groups, grid, selection, medium, settings).gaussians


def prime_voxels(
    rgba: NDArray[np.float32],
    groups: NDArray[np.uint8],
    grid: Grid,
    selection: GroupSelection,
    medium: MediumSettings,
    settings: PriorSettings,
) -> PrimedVoxels:
    """The prior's Gaussians for the selected groups, and where on the half-resolution grid they lie.

    Args:
        rgba: (4, D, H, W) transfer-function colour and opacity, in [0, 1].
        groups: (D, H, W) group indices.
        grid: where the voxels lie.
        selection: the groups to instantiate.
        medium: how opacity becomes extinction, as in the ground truth.
        settings: see :class:`PriorSettings`.

    Raises:
        InputError: the selection has no voxel that could be seen.
    """
    stride = settings.stride_voxels
    alpha = np.where(selection.mask(groups), rgba[3], 0.0)
    weights = _blocks(alpha, stride)
    total = weights.sum(axis=-1)
    if settings.opacity == "physical":
        sigma_t = _blocks(extinction(alpha, medium), stride).mean(axis=-1)
        opacity = -np.expm1(-sigma_t * stride * float(grid.spacing_mm.mean()))
    else:
        opacity = 1.0 / (1.0 + np.exp(-weights.mean(axis=-1)))
    seen = (total > 0) & (opacity >= _FAINTEST_OPACITY)
    if not seen.any():
        raise InputError(
            f"groups {selection.name!r}",
            "expected visible voxels of these groups, found none in this scan",
            "choose groups that the scan shows",
        )

    weights, total, opacity = weights[seen], total[seen], opacity[seen]
    colour = np.stack(
        [(_blocks(channel, stride)[seen] * weights).sum(axis=-1) / total for channel in rgba[:3]], axis=-1
    )
    heaviest = weights.argmax(axis=-1)
    labels = np.take_along_axis(_blocks(groups, stride)[seen], heaviest[:, None], axis=1)[:, 0]
    k, j, i = np.nonzero(seen)
    # A block's centre lies half a block less half a voxel beyond its first voxel's centre.
    centres = np.stack([i, j, k], axis=-1) * stride + (stride - 1) / 2
    count = len(labels)
    diagonal = np.empty((count, 6), dtype=np.float32)
    diagonal[:, :3] = np.log(settings.position_sd * stride * grid.spacing_mm)
    diagonal[:, 3:] = np.log(settings.direction_sd)
    clipped = np.clip(opacity, _FAINTEST_OPACITY, _OPAQUE)
    gaussians = Gaussians6D(
        means_mm=torch.from_numpy(grid.world(centres).astype(np.float32)),
        directions=torch.zeros(count, 3),
        log_diagonal=torch.from_numpy(diagonal),
        off_diagonal=torch.zeros(count, 15),
        opacity_logit=torch.from_numpy(np.log(clipped / (1 - clipped)).astype(np.float32)),
        sh=sh_from_rgb(torch.from_numpy(colour.astype(np.float32))),
        labels=torch.from_numpy(np.ascontiguousarray(labels)),
    )
    depth, height, width = seen.shape
    return PrimedVoxels(
        gaussians=gaussians,
        blocks=torch.from_numpy(np.stack([k, j, i], axis=-1).astype(np.int64)),
        shape=(depth, height, width),
    )


def _blocks(volume: NDArray, stride: int) -> NDArray:
    """(D, H, W) as (⌊D/s⌋, ⌊H/s⌋, ⌊W/s⌋, s³): the voxels of each block; the remainder is left out."""
    depth, height, width = (size // stride for size in volume.shape)
    cut = volume[: depth * stride, : height * stride, : width * stride]
    split = cut.reshape(depth, stride, height, stride, width, stride).transpose(0, 2, 4, 1, 3, 5)
    return split.reshape(depth, height, width, stride**3)
