"""Slices to a volume: sorted by where they lie, and refused when they do not fill a regular grid."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.dicom_slices import Slice
from renderbench.scans.images.geometry import SAME_GRID, require_volume

_SAME_PLACE_MM = 0.01
_EXPORT = "export the series again, as the scanner made it"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Slices that make a volume.

    Args:
        slices: in their order along the normal.
        along_mm: (D,) where each lies along the normal; for axial slices, the patient's z.
        world_from_voxel: (4, 4) of (column, row, slice), to LPS in mm.
    """

    slices: tuple[Slice, ...]
    along_mm: NDArray[np.float64]
    world_from_voxel: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(slices, rows, columns)."""
        storage = self.slices[0].storage
        return len(self.slices), storage.rows, storage.columns


def stack(folder: Path, slices: list[Slice]) -> Stack:
    """Sort the slices of a series by their positions along their normal.

    Raises:
        InputError: they differ in size, spacing or orientation, or their positions have a gap, meet twice,
            are uneven, or do not lie at right angles to the slices.
    """
    _require_one_of_each(folder, slices)
    _require_alike(folder, slices)
    first = slices[0]
    # Header decimals: the nearest orthonormal axes.
    left, _, right = np.linalg.svd(first.axes, full_matrices=False)
    column, row = left @ right
    normal = np.cross(column, row)
    along = np.array([one.position @ normal for one in slices])
    order = np.argsort(along, kind="stable")
    ordered, along = tuple(slices[index] for index in order), along[order]
    _require_regular(folder, along)
    _require_upright(folder, np.array([one.position for one in ordered]), normal, min(first.spacing_mm))
    world_from_voxel = np.eye(4)
    step = (along[-1] - along[0]) / (len(along) - 1)
    steps = (column * first.spacing_mm[0], row * first.spacing_mm[1], normal * step)
    world_from_voxel[:3, :3] = np.column_stack(steps)
    world_from_voxel[:3, 3] = ordered[0].position
    result = Stack(slices=ordered, along_mm=along, world_from_voxel=world_from_voxel)
    require_volume(folder, result.shape[::-1])
    return result


def _require_one_of_each(folder: Path, slices: list[Slice]) -> None:
    if len(slices) < 2:
        raise InputError(
            folder,
            "expected a CT series of many slices, found one slice",
            "give the folder with all of them",
        )
    copies = Counter((one.uid, one.frame) for one in slices if one.uid)
    double = sum(count > 1 for count in copies.values())
    if double:
        raise InputError(
            folder,
            f"expected every slice once, found {double} of {len(copies)} twice (same SOPInstanceUID)",
            "remove the copies",
        )


def _require_alike(folder: Path, slices: list[Slice]) -> None:
    """Require one size, one pixel spacing and one orientation."""
    first = slices[0]
    axes = np.array([one.axes for one in slices])
    spacing = np.array([one.spacing_mm for one in slices])
    sizes = np.array([(one.storage.columns, one.storage.rows) for one in slices])
    for what, other, values in (
        ("size", (sizes != sizes[0]).any(axis=1), sizes),
        ("pixel spacing", (np.abs(spacing / spacing[0] - 1) > 1e-3).any(axis=1), spacing),
        ("orientation", (np.abs(axes - first.axes) > 1e-3).any(axis=(1, 2)), axes.reshape(-1, 6)),
    ):
        if other.any():
            here, there = (
                ", ".join(f"{value:.4g}" for value in values[index]) for index in (0, int(np.argmax(other)))
            )
            raise InputError(
                folder,
                f"expected slices of one {what}, found ({here}) in {np.count_nonzero(~other)} "
                f"and ({there}) or others in {np.count_nonzero(other)}",
                "export them as series of their own",
            )


def _require_regular(folder: Path, along: NDArray[np.float64]) -> None:
    """Require sorted positions to be evenly spaced, each met once."""
    gaps = np.diff(along)
    twice = np.count_nonzero(gaps < _SAME_PLACE_MM)
    if twice:
        at = along[int(np.argmax(gaps < _SAME_PLACE_MM))]
        raise InputError(
            folder,
            f"expected one slice at each position, found {twice} at positions that others have "
            f"(first at {at:.6g} mm)",
            "export each phase or reconstruction as a series of its own",
        )
    usual = float(np.median(gaps))
    # Positions are rounded in the header; only their distance from an even grid counts.
    step = (along[-1] - along[0]) / (len(along) - 1)
    if np.abs(along - along[0] - np.arange(len(along)) * step).max() <= SAME_GRID * step:
        return
    irregular = np.abs(gaps - usual) > SAME_GRID * usual
    multiples = np.abs(gaps / usual - np.rint(gaps / usual)) <= SAME_GRID
    if irregular.any() and irregular.mean() < 0.5 and (multiples & (gaps >= usual))[irregular].all():
        index = int(np.argmax(irregular))
        missing = int(np.rint(gaps / usual - 1).sum())
        raise InputError(
            folder,
            f"expected a slice every {usual:.4g} mm, found {missing} missing "
            f"(first between {along[index]:.6g} and {along[index + 1]:.6g} mm)",
            "copy or export the whole series",
        )
    raise InputError(
        folder,
        f"expected evenly spaced slices, found {gaps.min():.4g} to {gaps.max():.4g} mm between them",
        _EXPORT,
    )


def _require_upright(
    folder: Path, positions: NDArray[np.float64], normal: NDArray[np.float64], pixel_mm: float
) -> None:
    """Require slices to lie above each other along their normal."""
    offsets = positions - positions[0]
    along = offsets @ normal
    sideways = offsets - along[:, None] * normal
    shift_mm = np.linalg.norm(sideways, axis=1)
    if shift_mm.max() <= SAME_GRID * pixel_mm:
        return
    line = along[:, None] / along[-1] * sideways[-1]
    if np.linalg.norm(sideways - line, axis=1).max() <= SAME_GRID * pixel_mm:
        angle = math.degrees(math.atan2(shift_mm[-1], along[-1]))
        raise InputError(
            folder,
            f"expected slices at right angles to the table, found a gantry tilt of {angle:.1f}°",
            "undo the tilt by resampling (dcm2niix does), and give the resulting .nii.gz",
        )
    raise InputError(
        folder,
        f"expected slices above each other, found them shifted sideways by up to {shift_mm.max():.3g} mm",
        _EXPORT,
    )
