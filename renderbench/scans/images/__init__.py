"""Raw images of a CT or its masks: NIfTI, NRRD, MetaImage and DICOM, read as they lie in the patient."""

from __future__ import annotations

from pathlib import Path

from renderbench.errors import InputError
from renderbench.scans.images.geometry import same_grid
from renderbench.scans.images.image import Image, ImageInfo
from renderbench.scans.images.nifti import probe_nifti, read_nifti

__all__ = ["IMAGE_SUFFIXES", "Image", "ImageInfo", "is_image", "probe_image", "read_image", "same_grid"]

IMAGE_SUFFIXES: tuple[str, ...] = (".nii.gz", ".nii")
"""How the names of image files end; a DICOM series is a folder."""


def is_image(path: Path) -> bool:
    """Whether ``path`` is an image file by its name."""
    return path.name.lower().endswith(IMAGE_SUFFIXES) and path.is_file()


def probe_image(path: Path, *, series: str | None = None) -> ImageInfo:
    """What the headers of an image say, without reading its voxels."""
    _require(path)
    return probe_nifti(path)


def read_image(path: Path, *, series: str | None = None) -> Image:
    """Read an image, checked to its last byte."""
    _require(path)
    return read_nifti(path)


def _require(path: Path) -> None:
    if not path.exists():
        raise InputError(path, "expected an image, found nothing", "correct the path")
