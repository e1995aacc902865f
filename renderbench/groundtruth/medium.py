"""From a transfer function's colour and opacity to a scattering medium: one way for every renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.groundtruth.colour import linear_from_srgb
from renderbench.scans.groups import GroupSelection
from renderbench.scans.volume import Grid


@dataclass(frozen=True, kw_only=True, eq=False)
class Medium:
    """A heterogeneous scattering medium on a voxel grid, interpolated trilinearly and zero outside.

    Args:
        density: (D, H, W, 4) float32, C-contiguous, 1/mm: ``[..., 0]`` is the extinction sigma_t,
            ``[..., 1:]`` the scattering sigma_s (rgb) = albedo * sigma_t. The voxels of all six
            faces are zero. Interpolating sigma_s, and not the albedo, keeps empty voxels from
            darkening an edge.
        world_from_voxel: (4, 4) float64, of this grid, as :class:`~renderbench.scans.volume.Grid`;
            axes are orthogonal.
        center_mm: (3,) float64, the middle of the medium's bounding box in the world.
        radius_mm: of the sphere around ``center_mm`` that holds all that is not empty.
    """

    density: NDArray[np.float32]
    world_from_voxel: NDArray[np.float64]
    center_mm: NDArray[np.float64]
    radius_mm: float


def extinction(alpha: NDArray[np.floating], settings: MediumSettings) -> NDArray[np.floating]:
    """sigma_t in 1/mm: ``-ln(1 - min(alpha, alpha_max)) / reference_mm``; any shape, alpha in [0, 1]."""
    return -np.log1p(-np.minimum(alpha, alpha.dtype.type(settings.alpha_max))) / settings.reference_mm


def medium_from_rgba(
    rgba: NDArray[np.float32],
    groups: NDArray[np.uint8],
    selection: GroupSelection,
    grid: Grid,
    settings: MediumSettings,
    *,
    subject: str = "scan",
) -> Medium:
    """The medium that a transfer function and a group selection make of a scan.

    The extinction is :func:`extinction` where the voxel's group is selected, else zero; the albedo is
    the sRGB-decoded colour. The grid is cropped to what is not empty, and
    one ring of empty voxels is put around it.

    Args:
        rgba: (4, D, H, W) sRGB colour and opacity over the reference length, in [0, 1].
        groups: (D, H, W) uint8 group indices.
        selection: the groups shown.
        grid: of the scan.
        settings: reference length and the clamp of alpha.
        subject: what an error is about: the scan's name.

    Raises:
        InputError: nothing of this scan is visible.
    """
    alpha = np.where(selection.mask(groups), rgba[3], np.float32(0.0))
    box = _bounding_box(alpha > 0)
    if box is None:
        raise InputError(
            f"{subject}: groups {selection.name!r}",
            "expected at least one visible voxel, found none",
            "choose other groups, another transfer function, or leave this scan out of the block",
        )
    density = np.zeros((*(side.stop - side.start + 2 for side in box), 4), dtype=np.float32)
    inner = density[1:-1, 1:-1, 1:-1]
    inner[..., 0] = extinction(alpha[box], settings)
    for channel in range(3):
        inner[..., channel + 1] = linear_from_srgb(rgba[channel][box]) * inner[..., 0]
    cropped = grid.cropped((box[0].start - 1, box[1].start - 1, box[2].start - 1), density.shape[:3])
    center_mm, radius_mm = _bounding_sphere(density[..., 0] > 0, cropped)
    return Medium(
        density=density,
        world_from_voxel=cropped.world_from_voxel,
        center_mm=center_mm,
        radius_mm=radius_mm,
    )


def _bounding_box(visible: NDArray[np.bool_]) -> tuple[slice, slice, slice] | None:
    """The smallest (z, y, x) box around what is visible; None when nothing is."""
    sides = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (occupied,) = np.nonzero(visible.any(axis=others))
        if len(occupied) == 0:
            return None
        sides.append(slice(int(occupied[0]), int(occupied[-1]) + 1))
    return sides[0], sides[1], sides[2]


def _bounding_sphere(visible: NDArray[np.bool_], grid: Grid) -> tuple[NDArray[np.float64], float]:
    """Centre (the box's) and radius in mm of a sphere around every visible voxel and its falloff."""
    middle = (np.array(grid.shape[::-1], dtype=np.float64) - 1.0) / 2.0
    offsets_mm = (np.argwhere(visible)[:, ::-1] - middle) * grid.spacing_mm
    # Interpolation lets a voxel reach one voxel beyond its centre.
    radius_mm = float(np.sqrt((offsets_mm**2).sum(axis=1).max()) + grid.spacing_mm.max())
    return grid.world(middle[None])[0], radius_mm
