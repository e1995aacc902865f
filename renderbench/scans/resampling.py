"""Resampling to the working grid: 1.5 mm isotropic, the same axes, the same physical extent."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.volume import Grid, Scan

SPACING_MM = 1.5
MAX_VOXELS = 48_000_000


def resample(scan: Scan, *, spacing_mm: float = SPACING_MM) -> Scan:
    """``scan`` on its working grid: CT by linear interpolation, labels by nearest neighbour.

    Beyond the outermost voxel centres the CT keeps the outermost values, so that no rim of air
    appears.

    Args:
        scan: on any grid with orthogonal axes.
        spacing_mm: of the result, along every axis.

    Raises:
        InputError: the working grid has more than 48 million voxels.
    """
    grid = working_grid(scan.grid, scan.name, spacing_mm=spacing_mm)
    return Scan(
        name=scan.name,
        ct=np.rint(_resampled(scan.ct, scan.grid, grid, sitk.sitkLinear, sitk.sitkFloat32)).astype(np.int16),
        labels=_resampled(scan.labels, scan.grid, grid, sitk.sitkNearestNeighbor, sitk.sitkUInt8),
        grid=grid,
    )


def working_grid(grid: Grid, name: str, *, spacing_mm: float = SPACING_MM) -> Grid:
    """The isotropic grid with the axes, the centre and (to half a voxel in all) the edges of ``grid``.

    An extent that is a whole number of voxels keeps its edges exactly; any other is rounded to the
    nearest whole number, evenly at both ends.

    Raises:
        InputError: it has more than 48 million voxels, the paper's filter (section 4.1). The paper
            gives GPU memory as the reason, so the count is that of the volume as resampled.
    """
    extent_mm = grid.spacing_mm * grid.shape[::-1]
    counts = [max(1, round(float(extent) / spacing_mm)) for extent in extent_mm]
    if math.prod(counts) > MAX_VOXELS:
        raise InputError(
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


def _resampled(volume: NDArray, source: Grid, target: Grid, interpolator: int, pixel: int) -> NDArray:
    """``volume`` on ``target``, whose axes are those of ``source``: only offsets and spacings differ."""
    image = sitk.GetImageFromArray(volume)
    image.SetSpacing(source.spacing_mm.tolist())
    offset = source.direction.T @ (target.world_from_voxel[:3, 3] - source.world_from_voxel[:3, 3])
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.shape[::-1])
    resampler.SetOutputOrigin(offset.tolist())
    resampler.SetOutputSpacing(target.spacing_mm.tolist())
    resampler.SetInterpolator(interpolator)
    resampler.SetOutputPixelType(pixel)
    return sitk.GetArrayFromImage(resampler.Execute(image))
