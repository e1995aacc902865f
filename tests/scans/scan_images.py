"""Small scans for the tests, written to disk as a user's would be."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

SRC_SIZE = (20, 16, 12)
"""(x, y, z) voxels of :func:`small_ct`."""


def small_ct() -> NDArray[np.int16]:
    """(D, H, W) Hounsfield units without a pattern."""
    return np.random.default_rng(0).integers(-1000, 1000, SRC_SIZE[::-1]).astype(np.int16)


def small_labels() -> NDArray[np.uint8]:
    """(D, H, W) labels: a block of liver, a block of spleen."""
    labels = np.zeros(SRC_SIZE[::-1], dtype=np.uint8)
    labels[2:6, 3:9, 4:9] = 5
    labels[7:10, 3:9, 12:18] = 1
    return labels


def write_image(
    path: Path,
    values: NDArray,
    *,
    spacing: Sequence[float] = (2.0, 2.0, 3.0),
    origin: Sequence[float] = (10.0, -20.0, 30.0),
    direction: NDArray[np.float64] | None = None,
    compress: bool = False,
) -> None:
    """Write (D, H, W) values in the format of the suffix; the geometry is LPS, along (x, y, z)."""
    image = sitk.GetImageFromArray(values, isVector=False)
    if values.ndim == 3:
        image.SetSpacing(spacing)
        image.SetOrigin(origin)
        image.SetDirection(np.asarray(np.eye(3) if direction is None else direction, dtype=float).ravel())
    path.parent.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(path), compress)


def read_by_itk(path: Path) -> tuple[NDArray, NDArray[np.float64]]:
    """ITK's account of a file: values and (4, 4) world_from_voxel, both in its canonical order."""
    image = sitk.DICOMOrient(sitk.ReadImage(str(path)), "LPS")
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * image.GetSpacing()
    world_from_voxel[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image), world_from_voxel


def write_folder(
    folder: Path, ct: NDArray | None = None, labels: NDArray | None = None, **geometry: object
) -> Path:
    """Write a folder with a CT and labels on one grid."""
    write_image(folder / "ct.nii.gz", small_ct() if ct is None else ct, **geometry)  # type: ignore[arg-type]
    write_image(folder / "labels.nii.gz", small_labels() if labels is None else labels, **geometry)  # type: ignore[arg-type]
    return folder


def patch_header(path: Path, layout: str, offset: int, *values: float) -> None:
    """Overwrite fields of a ``.nii.gz`` header: ``struct`` layout, byte offset, values."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    struct.pack_into(f"<{layout}", content, offset, *values)
    path.write_bytes(gzip.compress(content))
