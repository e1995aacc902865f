"""Resampling to the working grid: 1.5 mm isotropic, the same axes, the same physical extent."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import Excluded, InputError
from renderbench.scans.volume import Grid, LabelVolume, Scan, Volume

Interpolation = Literal["linear", "bspline"]

SPACING_MM = 1.5
MAX_VOXELS = 48_000_000

# Source slices on either side that a result depends on. A cubic B-spline's coefficients depend on all of
# them, but each slice further off by a factor 0.27 less: 16 leave 1e-9 of the HU range.
_MARGIN: dict[Interpolation, int] = {"linear": 1, "bspline": 16}
_SLAB_SLICES = 32


def resample(scan: Scan, *, spacing_mm: float = SPACING_MM, interpolation: Interpolation = "linear") -> Scan:
    """``scan`` on its working grid: CT by ``interpolation``, labels by nearest neighbour.

    Beyond the outermost voxel centres the CT keeps the outermost values, so that no rim of air
    appears.

    Args:
        scan: on any grid with orthogonal axes.
        spacing_mm: of the result, along every axis.
        interpolation: of the CT.

    Raises:
        Excluded: the working grid has more than 48 million voxels.
    """
    grid = working_grid(scan.grid, scan.name, spacing_mm=spacing_mm)
    return Scan(
        name=scan.name,
        ct=resample_ct(scan.ct, scan.grid, grid, interpolation),
        labels=resample_labels(scan.labels, scan.grid, grid),
        grid=grid,
    )


def working_grid(grid: Grid, name: str, *, spacing_mm: float = SPACING_MM) -> Grid:
    """The isotropic grid with the axes, the centre and (to half a voxel in all) the edges of ``grid``.

    An extent that is a whole number of voxels keeps its edges exactly; any other is rounded to the
    nearest whole number, evenly at both ends.

    Raises:
        Excluded: it has more than 48 million voxels, the paper's filter (section 4.1). The paper
            gives GPU memory as the reason, so the count is that of the volume as resampled.
    """
    extent_mm = grid.spacing_mm * grid.shape[::-1]
    if extent_mm.min() < spacing_mm:
        found = " × ".join(f"{extent:.3g}" for extent in extent_mm)
        raise InputError(
            f"scan {name}",
            f"expected a part of a body, at least {spacing_mm:g} mm along each axis, found {found} mm",
            "re-export it with its voxel size in millimetres",
        )
    counts = [max(1, round(float(extent) / spacing_mm)) for extent in extent_mm]
    if math.prod(counts) > MAX_VOXELS:
        raise Excluded(
            name,
            f"expected at most {MAX_VOXELS / 1e6:g} million voxels at {spacing_mm:g} mm, found "
            f"{math.prod(counts) / 1e6:.1f} million ({' × '.join(map(str, counts))})",
            "crop the scan to the anatomy of interest",
        )
    # Voxel index in ``grid`` of the working grid's voxel 0, from the common centre.
    first = (np.array(grid.shape[::-1]) - 1) / 2 - (np.array(counts) - 1) / 2 * spacing_mm / grid.spacing_mm
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = grid.direction * spacing_mm
    world_from_voxel[:3, 3] = grid.world(first[None])[0]
    return Grid(shape=(counts[2], counts[1], counts[0]), world_from_voxel=world_from_voxel)


def resample_ct(
    values: Volume, source: Grid, target: Grid, interpolation: Interpolation = "linear"
) -> Volume:
    """A CT on another grid with the same axes, rounded to whole HU.

    Works on one slab at a time, so that beside source and result there are only some tens of megabytes.
    Linear interpolation gives what ITK gives for the whole volume at once, bit for bit. A B-spline, which
    overshoots at edges, is clipped to the range of the source.

    Args:
        values: (D, H, W) int16 on ``source``.
        source: where ``values`` lie.
        target: where the result lies; its outermost voxel centres are inside the source's voxels.
        interpolation: linear, or cubic B-spline.

    Returns:
        (D, H, W) int16 on ``target``.
    """
    result = np.empty(target.shape, dtype=np.int16)
    limits = (int(values.min()), int(values.max())) if interpolation == "bspline" else None
    positions = _positions(source, target, 2)
    # As many target slices as span the wanted number of source slices.
    count = max(1, int(_SLAB_SLICES * source.spacing_mm[2] / target.spacing_mm[2]))
    for first in range(0, target.shape[0], count):
        last = min(first + count, target.shape[0]) - 1
        begin = max(0, math.floor(positions[first]) - _MARGIN[interpolation])
        end = min(source.shape[0], math.floor(positions[last]) + 2 + _MARGIN[interpolation])
        slab = _interpolated(
            values[begin:end],
            source.cropped((begin, 0, 0), (end - begin, *source.shape[1:])),
            target.cropped((first, 0, 0), (last + 1 - first, *target.shape[1:])),
            interpolation,
        )
        if limits is not None:
            np.clip(slab, *limits, out=slab)
        result[first : last + 1] = np.rint(slab, out=slab)
    return result


def resample_labels(values: LabelVolume, source: Grid, target: Grid) -> LabelVolume:
    """Labels on another grid with the same axes: each voxel takes the nearest one's, the higher of two.

    Args:
        values: (D, H, W) uint8 on ``source``.
        source: where ``values`` lie.
        target: where the result lies.

    Returns:
        (D, H, W) uint8 on ``target``.
    """
    nearest = []
    for axis in (2, 1, 0):
        # Rounding first: half-way is half-way whatever the last bits of the geometry are.
        index = np.floor(np.round(_positions(source, target, axis), 6) + 0.5).astype(np.intp)
        nearest.append(np.clip(index, 0, source.shape[2 - axis] - 1))
    return values[np.ix_(*nearest)]


def _positions(source: Grid, target: Grid, axis: int) -> NDArray[np.float64]:
    """Where the target's voxel centres lie along an axis (0, 1, 2 for i, j, k), in voxels of the source."""
    offset_mm = (target.world_from_voxel[:3, 3] - source.world_from_voxel[:3, 3]) @ source.direction[:, axis]
    steps_mm = np.arange(target.shape[2 - axis]) * target.spacing_mm[axis]
    return (offset_mm + steps_mm) / source.spacing_mm[axis]


def _interpolated(values: Volume, source: Grid, target: Grid, interpolation: Interpolation) -> NDArray[Any]:
    """(D, H, W) float32 on ``target``; the axes are those of ``source``: only offsets and spacings differ."""
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    image.SetSpacing(source.spacing_mm.tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.shape[::-1])
    resampler.SetOutputOrigin(
        (source.direction.T @ (target.world_from_voxel[:3, 3] - source.world_from_voxel[:3, 3])).tolist()
    )
    resampler.SetOutputSpacing(target.spacing_mm.tolist())
    resampler.SetInterpolator({"linear": sitk.sitkLinear, "bspline": sitk.sitkBSpline}[interpolation])
    resampler.SetOutputPixelType(sitk.sitkFloat32)
    return sitk.GetArrayFromImage(resampler.Execute(image))
