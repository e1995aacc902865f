"""Local majorants: a coarse grid of upper bounds of the extinction."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

CELL = 4
"""Edge of a majorant cell in voxels."""


def majorant_cells(sigma_t: NDArray[np.float32]) -> NDArray[np.float32]:
    """The largest extinction that trilinear interpolation can reach in each cell of ``CELL`` voxels.

    Cell (a, b, c) spans the continuous indices from ``CELL * c`` to ``CELL * (c + 1)`` along x, and so
    on; interpolation there reads the voxels of both end planes, so neighbouring cells share them.

    Args:
        sigma_t: (D, H, W) extinction at voxel centres.

    Returns:
        (ceil((D - 1) / CELL), ceil((H - 1) / CELL), ceil((W - 1) / CELL)) float32.
    """
    bound = sigma_t
    for axis in range(3):
        bound = _largest_between_planes(bound, axis)
    return np.ascontiguousarray(bound)


def _largest_between_planes(values: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
    moved = np.moveaxis(values, axis, 0)
    cells = max(1, -(-(len(moved) - 1) // CELL))
    planes = [moved[CELL * cell : CELL * (cell + 1) + 1].max(axis=0) for cell in range(cells)]
    return np.moveaxis(np.stack(planes), 0, axis)
