"""Raw images of a CT or its masks: NIfTI, NRRD, MetaImage and DICOM, read as they lie in the patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from renderbench.errors import InputError
from renderbench.scans.images.geometry import same_grid
from renderbench.scans.images.image import Image, ImageInfo
from renderbench.scans.images.metaimage import describe_metaimage
from renderbench.scans.images.nifti import describe_nifti
from renderbench.scans.images.nrrd import describe_nrrd
from renderbench.scans.images.stored import StoredImage, probe_stored, read_stored

__all__ = ["IMAGE_SUFFIXES", "Image", "ImageInfo", "is_image", "probe_image", "read_image", "same_grid"]

_FORMATS: dict[str, Callable[[Path], StoredImage]] = {
    ".nii.gz": describe_nifti,
    ".nii": describe_nifti,
    ".nrrd": describe_nrrd,
    ".nhdr": describe_nrrd,
    ".mha": describe_metaimage,
    ".mhd": describe_metaimage,
}

IMAGE_SUFFIXES = tuple(_FORMATS)
"""How the names of image files end; a DICOM series is a folder."""


def is_image(path: Path) -> bool:
    """Whether ``path`` is an image file by its name."""
    return path.name.lower().endswith(IMAGE_SUFFIXES) and path.is_file()


def probe_image(path: Path, *, series: str | None = None) -> ImageInfo:
    """What the headers of an image say, without reading its voxels."""
    return probe_stored(_described(path))


def read_image(path: Path, *, series: str | None = None) -> Image:
    """Read an image, checked to its last byte."""
    return read_stored(_described(path))


def _described(path: Path) -> StoredImage:
    if not path.exists():
        raise InputError(path, "expected an image, found nothing", "correct the path")
    for suffix, describe in _FORMATS.items():
        if path.name.lower().endswith(suffix):
            return describe(path)
    raise InputError(
        path,
        f"expected an image ({', '.join(IMAGE_SUFFIXES)}) or a folder of DICOM files, found another file",
        "export it as .nii.gz",
    )
