"""Reading a CT series as hospitals send it: a folder of DICOM files, with whatever else lies in it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Assembly
from renderbench.scans.images.dicom_folder import Contents, Series, survey
from renderbench.scans.images.dicom_pixels import PixelReader
from renderbench.scans.images.dicom_slices import slices_of
from renderbench.scans.images.dicom_stack import Stack, stack
from renderbench.scans.images.geometry import orient
from renderbench.scans.images.image import Image, ImageInfo


def probe_dicom(path: Path, series: str | None) -> ImageInfo:
    """What the headers of a CT series say; every header is read and checked.

    Args:
        path: the folder, or one file with many slices (enhanced CT).
        series: the SeriesInstanceUID to take; the series of most slices unless given.

    Raises:
        InputError: there is no such series, or its slices make no volume.
    """
    contents = survey(path)
    chosen = _chosen(path, contents, series)
    slices = _stacked(path, chosen)
    files = tuple(dict.fromkeys(one.path for one in slices.slices))
    # A series is named by its number: its UID can lead to the patient.
    number = "" if chosen.number is None else f" {chosen.number}"
    choice = f", the largest of {len(contents.series)}" if series is None and len(contents.series) > 1 else ""
    return ImageInfo(
        grid=orient(slices.shape, slices.world_from_voxel).grid,
        dtype=slices.slices[0].storage.dtype,
        files=files,
        title=f"DICOM CT series{number} of {len(slices.slices)} slices{choice}",
    )


def read_dicom(path: Path, series: str | None) -> Image:
    """Read a CT series in Hounsfield units; see :func:`probe_dicom`.

    Pixels that the file declares as padding become air, -1024 HU.

    Raises:
        InputError: as :func:`probe_dicom`; or pixels are truncated, or compressed in a way that cannot be
            decoded.
    """
    slices = _stacked(path, _chosen(path, survey(path), series))
    orientation = orient(slices.shape, slices.world_from_voxel)
    whole = all(one.rescale.whole for one in slices.slices)
    assembly = Assembly(orientation, np.dtype(np.int16 if whole else np.float32))
    pixels = PixelReader(path)
    for index, one in enumerate(slices.slices):
        assembly.put(index, pixels.read(one, float(slices.along_mm[index]))[None])
    return Image(values=assembly.finished(path), grid=orientation.grid)


def _stacked(path: Path, chosen: Series) -> Stack:
    return stack(path, [one for file, header in chosen.files for one in slices_of(path, file, header)])


def _chosen(path: Path, contents: Contents, uid: str | None) -> Series:
    if contents.unreadable:
        root = path if path.is_dir() else path.parent
        names = [str(file.relative_to(root)) for file in contents.unreadable]
        listed = ", ".join(_printable(name) for name in names[:3]) + (", …" if len(names) > 3 else "")
        raise InputError(
            path,
            f"expected DICOM files that can be read, found {len(names)} that cannot",
            "copy them again, or remove them if they are no slices",
            private=listed,
        )
    if not contents.series:
        others = ", ".join(f"{count} {what}" for what, count in sorted(contents.others.items()))
        found = (
            f"other DICOM files ({others})" if others else f"no DICOM file among {contents.strangers} files"
        )
        raise InputError(path, f"expected a CT series, found {found}", "give the folder of the CT")
    if uid is None:
        return contents.series[0]
    for series in contents.series:
        if series.uid == uid:
            return series
    listed = ", ".join(f"{_printable(one.uid)}: {one.slices} slices" for one in contents.series[:10])
    raise InputError(
        path,
        f"expected the CT series asked for, found {len(contents.series)} others",
        "give one of these as the series",
        private=listed,
    )


def _printable(name: str) -> str:
    return re.sub(r"[^ -~\w]", "?", name)
