"""Geometry that all formats share: canonical axes, what a direction must be, when two grids are one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import Excluded, InputError
from renderbench.scans.volume import Grid

# Two grids, or two accounts of one grid, agree when no voxel is further off than this share of a voxel.
SAME_GRID = 0.1

_ORTHONORMAL_TOLERANCE = 1e-4
_MAX_SPACING_MM = 1e6
_MAX_VOXELS = 4_000_000_000


@dataclass(frozen=True, kw_only=True)
class Orientation:
    """How a file's axes become canonical ones.

    Args:
        axes: ``axes[a]`` is the file's axis (0, 1, 2 for i, j, k) that runs along the canonical axis a.
        flipped: for each of the file's axes, whether it runs against the canonical one.
        grid: the canonical grid.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]
    grid: Grid

    def in_file_order(self, canonical: NDArray[Any]) -> NDArray[Any]:
        """A view of a canonical (D, H, W) array whose axes are the file's (k, j, i)."""
        steps = tuple(slice(None, None, -1 if self.flipped[file] else 1) for file in reversed(self.axes))
        # Position n of an array's axes is axis 2 - n of the grid.
        order = [2 - self.axes.index(2 - position) for position in range(3)]
        return canonical[steps].transpose(order)


def orient(shape: tuple[int, int, int], world_from_voxel: NDArray[np.float64]) -> Orientation:
    """The canonical grid of a file's voxels: axes permuted and flipped to the order closest to LPS.

    An oblique image stays oblique. The direction, rounded in many headers, is replaced by the nearest
    orthonormal one.

    Args:
        shape: (k, j, i) of the file.
        world_from_voxel: (4, 4) of the file, to LPS in mm; orthogonal axes.
    """
    spacing = np.linalg.norm(world_from_voxel[:3, :3], axis=0)
    left, _, right = np.linalg.svd(world_from_voxel[:3, :3] / spacing)
    direction = left @ right
    # The largest cosine decides first, so that ties between oblique axes cannot leave one unassigned.
    likeness, axes = np.abs(direction), [0, 0, 0]
    for _ in range(3):
        world, file = np.unravel_index(np.argmax(likeness), (3, 3))
        axes[int(world)] = int(file)
        likeness[world, :] = likeness[:, file] = -1
    flipped = [bool(direction[axes.index(file), file] < 0) for file in range(3)]
    sizes = np.array(shape[::-1])
    steps = direction * spacing
    # Adding zero turns -0 into 0.
    origin = world_from_voxel[:3, 3] + steps @ np.where(flipped, sizes - 1, 0) + 0.0
    canonical = np.eye(4)
    canonical[:3, :3] = (steps * np.where(flipped, -1, 1))[:, axes] + 0.0
    canonical[:3, 3] = origin
    depth, height, width = (int(sizes[axis]) for axis in reversed(axes))
    return Orientation(
        axes=(axes[0], axes[1], axes[2]),
        flipped=(flipped[0], flipped[1], flipped[2]),
        grid=Grid(shape=(depth, height, width), world_from_voxel=canonical),
    )


def require_orthonormal(path: Path, world_from_voxel: NDArray[np.float64]) -> None:
    """Refuse axes that are not orthogonal.

    Raises:
        InputError: the axes are not finite, or some are parallel.
        Excluded: max |RRᵀ - I| of the direction R is above 1e-4.
    """
    columns = world_from_voxel[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    if not (
        np.isfinite(world_from_voxel).all() and lengths.all() and abs(np.linalg.det(columns / lengths)) > 1e-6
    ):
        raise InputError(path, "expected an invertible orientation, found a singular one", "re-export it")
    direction = columns / lengths
    error = float(np.abs(direction @ direction.T - np.eye(3)).max())
    if error > _ORTHONORMAL_TOLERANCE:
        raise Excluded(
            path,
            f"direction is not orthonormal (max |RRᵀ-I| = {error:.2g})",
            "re-export it without shear, or resample it onto orthogonal axes",
        )


def require_volume(path: Path, sizes: tuple[int, ...]) -> tuple[int, int, int]:
    """The (i, j, k) sizes of a 3-D image of credible size; trailing axes of one element are dropped.

    Raises:
        InputError: it is no volume, or larger than any scan.
    """
    trimmed = list(sizes)
    while len(trimmed) > 3 and trimmed[-1] == 1:
        trimmed.pop()
    found = " × ".join(map(str, trimmed)) or "nothing"
    if len(trimmed) != 3 or min(trimmed) < 2:
        raise InputError(
            path, f"expected a 3-D image, found {found} voxels", "export the volume as one 3-D image"
        )
    if math.prod(trimmed) > _MAX_VOXELS:
        raise InputError(
            path,
            f"expected at most {_MAX_VOXELS / 1e9:g} billion voxels, found {found}: the header is damaged",
            "export it again",
        )
    return trimmed[0], trimmed[1], trimmed[2]


def require_positive_spacing(path: Path, spacing_mm: NDArray[np.float64]) -> None:
    """Refuse a voxel size that is none.

    Raises:
        InputError: a size is zero, negative, not finite, or none that a number can be computed with.
    """
    # Comparisons with NaN are false.
    if not ((spacing_mm > 0) & (spacing_mm < _MAX_SPACING_MM)).all():
        found = ", ".join(f"{size:g}" for size in spacing_mm)
        raise InputError(path, f"expected a positive voxel spacing, found ({found}) mm", "re-export it")


def same_grid(path: Path, found: Grid, expected: Grid) -> None:
    """Require that labels lie on the grid of their CT, to a tenth of a voxel.

    Args:
        path: of the labels.
        found: their grid.
        expected: the CT's.

    Raises:
        InputError: the shapes differ, or a corner lies more than a tenth of a voxel off.
    """
    remedy = "resample the labels onto the CT (nearest neighbour)"
    if found.shape != expected.shape:
        raise InputError(
            path, f"expected the CT's grid of {_size(expected)} voxels, found {_size(found)}", remedy
        )
    apart_mm = corner_distance(found.shape, found.world_from_voxel, expected.world_from_voxel)
    if apart_mm > SAME_GRID * expected.spacing_mm.min():
        raise InputError(
            path, f"expected the CT's grid, found one whose voxels lie up to {apart_mm:.3g} mm off", remedy
        )


def corner_distance(
    shape: tuple[int, int, int], one: NDArray[np.float64], other: NDArray[np.float64]
) -> float:
    """How far apart (mm) two (4, 4) mappings put the same corner voxel of a (D, H, W) array, at most."""
    depth, height, width = shape
    corners = np.array(
        [(i, j, k, 1) for i in (0, width - 1) for j in (0, height - 1) for k in (0, depth - 1)],
        dtype=np.float64,
    )
    return float(np.linalg.norm((corners @ (one - other).T)[:, :3], axis=1).max())


def _size(grid: Grid) -> str:
    return " × ".join(map(str, grid.shape[::-1]))
