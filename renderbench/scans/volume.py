"""A scan in memory: arrays on one grid, and where that grid lies in the patient."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Volume = NDArray[np.int16]
LabelVolume = NDArray[np.uint8]

HU_RANGE = (-1024, 3071)
"""What a 12-bit CT can hold; below lies the padding outside the field of view, above is metal."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Where the voxels of a (D, H, W) = (z, y, x) array lie.

    Args:
        shape: (D, H, W).
        world_from_voxel: (4, 4) float64; maps (i, j, k, 1), the index of ``array[k, j, i]``, to the
            voxel's centre in world coordinates: patient LPS, millimetres.
    """

    shape: tuple[int, int, int]
    world_from_voxel: NDArray[np.float64]

    @property
    def spacing_mm(self) -> NDArray[np.float64]:
        """(3,) voxel size along i, j, k (x, y, z) in millimetres."""
        return np.linalg.norm(self.world_from_voxel[:3, :3], axis=0)

    @property
    def direction(self) -> NDArray[np.float64]:
        """(3, 3) direction cosines; columns are the world directions of i, j, k."""
        return self.world_from_voxel[:3, :3] / self.spacing_mm

    def world(self, voxels: NDArray[np.floating]) -> NDArray[np.float64]:
        """World positions (N, 3) in mm of voxel indices (N, 3) given as (i, j, k)."""
        return voxels @ self.world_from_voxel[:3, :3].T + self.world_from_voxel[:3, 3]

    def cropped(self, start: tuple[int, int, int], shape: tuple[int, int, int]) -> Grid:
        """The grid of ``array[start[0]:, start[1]:, start[2]:]`` with the given shape.

        ``start`` is (z, y, x) and may be negative, which pads.
        """
        moved = self.world_from_voxel.copy()
        moved[:3, 3] = self.world(np.array([start[::-1]], dtype=np.float64))[0]
        return Grid(shape=shape, world_from_voxel=moved)


@dataclass(frozen=True, kw_only=True)
class Scan:
    """A CT with its labels, on one grid.

    Args:
        name: unique within its dataset; one path component.
        ct: (D, H, W) int16, Hounsfield units.
        labels: (D, H, W) uint8, 0 to 119 (Tables 3 and 4 of the Render-FM paper).
        grid: where the voxels lie.
    """

    name: str
    ct: Volume
    labels: LabelVolume
    grid: Grid
