"""The light that reaches each block of a scan, from all sides, and what the block scatters of it.

How bright a Gaussian is under light from all sides depends on what lies between it and the outside: on the
scan's size, and on how faint it is under its transfer function. A network of 3 × 3 × 3 convolutions learns
that slowly and for bodies of the sizes that it has seen. It is no secret, though: the extinction and albedo
of the medium follow from the transfer function, and light travels through them by a known equation. So the
head is told the solution on the grid of blocks: discrete ordinates (Chandrasekhar 1950, chapter II) along 26
directions, for a uniform environment of radiance 1, of the light that was scattered at most once on its way.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderbench.config import MediumSettings
from renderbench.groundtruth.colour import linear_from_srgb
from renderbench.scans.groups import GROUPS, GroupSelection
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.sh import SH_C0
from renderbench.threads import thread_count
from renderfm.light.sweeps import block_extinction, sweep_slices, sweep_within_slices

VALUES = 6
"""Of each block: red, green and blue of the mean radiance that arrives, then of the radiance scattered."""

# A cell thinner than this lets all through; its mean radiance is what arrives.
_THINNEST = np.float32(1e-4)

_Volume = NDArray[np.float32]


def light_of(
    channels: Tensor,
    prior: Gaussians6D,
    blocks: Tensor,
    selection: GroupSelection,
    medium: MediumSettings,
    spacing_mm: float,
) -> Tensor:
    """The light at a scan's blocks when only the selected groups are there.

    Args:
        channels: (1, 6, D, H, W) float32 on the CPU, as :class:`renderfm.inputs.Inputs` has them.
        prior: N Gaussians, whose base colours are the blocks'.
        blocks: (N, 3) int64, (k, j, i) of each.
        selection: the groups that stand in the light's way.
        medium: how opacity becomes extinction.
        spacing_mm: mean edge of a voxel.

    Returns:
        (N, 6) float32: the mean over all directions of the radiance that arrives, red, green and blue, and
        of that the block's albedo times its mean over the block; in [0, 1], 1 being the environment's.
    """
    shown = np.zeros(len(GROUPS), dtype=np.bool_)
    shown[list(selection.indices)] = True
    group, alpha = channels[0, 1].numpy(), channels[0, 5].numpy()
    depth, height, width = (size // 2 for size in alpha.shape)
    sigma_t = np.empty((depth, height, width), dtype=np.float32)
    block_extinction(alpha, group, shown, medium.alpha_max, 1.0 / medium.reference_mm, sigma_t)
    k, j, i = blocks.numpy().T
    albedo = np.zeros((3, depth, height, width), dtype=np.float32)
    albedo[:, k, j, i] = linear_from_srgb(0.5 + SH_C0 * prior.sh[:, 0].numpy()).T
    arriving, scattered = incident_radiance(sigma_t, albedo, 2.0 * spacing_mm)
    return torch.from_numpy(np.concatenate([arriving[:, k, j, i], scattered[:, k, j, i]]).T.copy())


def incident_radiance(sigma_t: _Volume, albedo: _Volume, edge_mm: float) -> tuple[_Volume, _Volume]:
    """Light in a grid of cells in a uniform environment of radiance 1, scattered at most once on its way.

    Args:
        sigma_t: (D, H, W) float32, extinction in 1/mm.
        albedo: (3, D, H, W) float32, in [0, 1].
        edge_mm: of a cell.

    Returns:
        Two of (3, D, H, W): the mean over all directions of the radiance that arrives at a cell's border,
        and the cell's albedo times the mean radiance in it, which it sends out alike to all sides.
    """
    depths = sigma_t * np.float32(edge_mm)
    transmittance = np.stack([np.exp(-depths * np.float32(axes) ** np.float32(0.5)) for axes in (1, 2, 3)])
    # The share of what enters a cell that is met, in the mean over its depth.
    met = -np.expm1(-depths) / np.maximum(depths, _THINNEST)
    kept: _Volume = np.where(depths > _THINNEST, met, np.float32(1.0)).astype(np.float32)
    with ThreadPoolExecutor(thread_count()) as pool:
        # Extinction is the same for all colours, so what was not scattered yet is grey.
        direct = _arriving(transmittance, np.zeros((1, *sigma_t.shape), dtype=np.float32), pool)
        first = albedo * (direct * kept)
        arriving = _arriving(transmittance, first, pool)
    scattered: _Volume = albedo * (arriving * kept + first * (np.float32(1.0) - kept))
    return arriving, scattered


def compile_light() -> None:
    """Have the kernels compiled, so that a clock that starts later does not count it."""
    sigma_t = np.zeros((1, 1, 1), dtype=np.float32)
    voxels = np.zeros((2, 2, 2), dtype=np.float32)
    block_extinction(voxels, voxels, np.ones(len(GROUPS), dtype=np.bool_), 0.5, 1.0, sigma_t)
    incident_radiance(sigma_t, np.zeros((3, 1, 1, 1), dtype=np.float32), 1.0)


def _arriving(transmittance: _Volume, sources: _Volume, pool: ThreadPoolExecutor) -> _Volume:
    """(C, D, H, W) of ``sources`` (C, D, H, W); the same bits for any number of threads."""
    parts = np.zeros((3, *sources.shape), dtype=np.float32)
    tasks = []
    for channel, source in enumerate(sources):
        tasks += [
            pool.submit(sweep_slices, transmittance, source, True, parts[0, channel]),
            pool.submit(sweep_slices, transmittance, source, False, parts[1, channel]),
            pool.submit(sweep_within_slices, transmittance, source, parts[2, channel]),
        ]
    for task in tasks:
        task.result()
    summed: _Volume = parts[0] + parts[1] + parts[2]
    return summed
