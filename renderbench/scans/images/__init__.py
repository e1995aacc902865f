"""Raw images of a CT or its masks: NIfTI, NRRD, MetaImage and DICOM, read as they lie in the patient."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from renderbench.errors import InputError
from renderbench.scans.images.dicom import probe_dicom, read_dicom
from renderbench.scans.images.dicom_folder import holds_dicom
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
    """Whether ``path`` is an image: a file by its name, or a folder with DICOM files in it or below it."""
    if path.is_dir():
        return holds_dicom(path)
    return path.name.lower().endswith(IMAGE_SUFFIXES) and path.is_file()


def probe_image(path: Path, *, series: str | None = None) -> ImageInfo:
    """What the headers of an image say, without reading its voxels.

    Args:
        path: a file with one of ``IMAGE_SUFFIXES``, a folder of DICOM files, or a DICOM file of many slices.
        series: the SeriesInstanceUID to take from DICOM; the series of most slices unless given.

    Raises:
        Excluded: its direction is not orthonormal.
        InputError: whatever else is wrong with it, in one line.
    """
    describe = _reader(path, series)
    return probe_stored(describe(path)) if describe else probe_dicom(path, series)


def read_image(path: Path, *, series: str | None = None) -> Image:
    """Read an image, checked to its last byte.

    Args:
        path: as for :func:`probe_image`.
        series: as for :func:`probe_image`.

    Raises:
        Excluded: its direction is not orthonormal.
        InputError: whatever else is wrong with it, in one line.
    """
    describe = _reader(path, series)
    return read_stored(describe(path)) if describe else read_dicom(path, series)


def _reader(path: Path, series: str | None) -> Callable[[Path], StoredImage] | None:
    """What reads the header of a file by its name; None for DICOM."""
    if not path.exists():
        raise InputError(path, "expected an image, found nothing", "correct the path")
    if path.is_dir():
        return None
    for suffix, describe in _FORMATS.items():
        if path.name.lower().endswith(suffix):
            if series is not None:
                raise InputError(path, f"expected a DICOM series ({series}), found a file", "leave it out")
            return describe
    if holds_dicom(path):
        return None
    raise InputError(
        path,
        f"expected an image ({', '.join(IMAGE_SUFFIXES)}) or a folder of DICOM files, found another file",
        "export it as .nii.gz",
    )
