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
    shape = tuple(size // stride for size in alpha.shape)
    # All that follows looks at the voxels of blocks that show something, a small part of most scans.
    blocks = np.argwhere(_any_of_block(alpha > 0, stride))
    weights = _of_blocks(alpha, blocks, stride)
    if settings.opacity == "physical":
        sigma_t = extinction(weights, medium).mean(axis=-1)
        opacity = -np.expm1(-sigma_t * stride * float(grid.spacing_mm.mean()))
    else:
        opacity = 1.0 / (1.0 + np.exp(-weights.mean(axis=-1)))
    seen = opacity >= _FAINTEST_OPACITY
    if not seen.any():
        raise InputError(
            f"groups {selection.name!r}",
            "expected visible voxels of these groups, found none in this scan",
            "choose groups that the scan shows",
        )

    blocks, weights, opacity = blocks[seen], weights[seen], opacity[seen]
    total = weights.sum(axis=-1)
    colour = np.stack(
        [(_of_blocks(channel, blocks, stride) * weights).sum(axis=-1) / total for channel in rgba[:3]],
        axis=-1,
    )
    heaviest = weights.argmax(axis=-1)
    labels = np.take_along_axis(_of_blocks(groups, blocks, stride), heaviest[:, None], axis=1)[:, 0]
    # A block's centre lies half a block less half a voxel beyond its first voxel's centre.
    centres = blocks[:, ::-1] * stride + (stride - 1) / 2
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
    depth, height, width = shape
    return PrimedVoxels(
        gaussians=gaussians,
        blocks=torch.from_numpy(blocks),
        shape=(depth, height, width),
    )


def _any_of_block(mask: NDArray[np.bool_], stride: int) -> NDArray[np.bool_]:
    """(D, H, W) as (⌊D/s⌋, ⌊H/s⌋, ⌊W/s⌋): whether any voxel of a block is set; the remainder is left out."""
    for axis in range(3):
        whole = mask.shape[axis] // stride * stride
        each = [mask[(slice(None),) * axis + (slice(first, whole, stride),)] for first in range(stride)]
        mask = np.logical_or.reduce(each)
    return mask


def _of_blocks(volume: NDArray, blocks: NDArray[np.int64], stride: int) -> NDArray:
    """The s³ voxels of each of N blocks, (N, s³), of a volume (D, H, W); k, then j, then i ascend."""
    k, j, i = blocks.T * stride
    offsets = np.ndindex(stride, stride, stride)
    return np.stack([volume[k + dk, j + dj, i + di] for dk, dj, di in offsets], axis=-1)
