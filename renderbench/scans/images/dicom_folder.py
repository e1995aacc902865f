"""What lies in a folder of DICOM files: CT series, other things, and files that cannot be read.

Headers only. Nothing that identifies a patient is ever read from them.
"""

from __future__ import annotations

import logging
import os
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

# CT, enhanced CT, and enhanced CT converted from CT.
_CT_CLASSES = tuple(f"1.2.840.10008.5.1.4.1.1.2{suffix}" for suffix in ("", ".1", ".2"))

_SUFFIXES = (".dcm", ".dicom", ".ima")

_TAGS = (
    "SOPClassUID",
    "SOPInstanceUID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "InstanceNumber",
    "Modality",
    "ImageType",
    "SamplesPerPixel",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "RescaleSlope",
    "RescaleIntercept",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


@dataclass(frozen=True, kw_only=True)
class Series:
    """The CT slices of one SeriesInstanceUID.

    Args:
        uid: can lead to the patient in the archive of the hospital; for the user's own terminal only.
        number: of the series in its study; None when it has none.
        files: each file's header, in no order.
    """

    uid: str
    number: int | None
    files: list[tuple[Path, Dataset]]

    @property
    def slices(self) -> int:
        """How many slices there are."""
        return sum(frames_of(header) for _, header in self.files)


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a folder holds.

    Args:
        series: of CT, the largest first, equal ones by their UID.
        others: how many DICOM files are something else, by what they are.
        unreadable: DICOM files that cannot be read.
        strangers: how many files are no DICOM.
    """

    series: list[Series]
    others: Counter[str] = field(default_factory=Counter)
    unreadable: list[Path] = field(default_factory=list)
    strangers: int = 0


def survey(path: Path) -> Contents:
    """Read the header of every file in a folder and below it, or of one file."""
    files: dict[str, list[tuple[Path, Dataset]]] = {}
    contents = Contents(series=[])
    strangers = 0
    for file in _files(path):
        try:
            header = _header(file)
        except _Unreadable:
            contents.unreadable.append(file)
            continue
        if header is None:
            strangers += 1
        elif other := _other(header):
            contents.others[other] += 1
        else:
            files.setdefault(str(header.get("SeriesInstanceUID", "")), []).append((file, header))
    series = [Series(uid=uid, number=_series_number(each[0][1]), files=each) for uid, each in files.items()]
    series.sort(key=lambda one: (-one.slices, one.uid))
    return Contents(
        series=series, others=contents.others, unreadable=contents.unreadable, strangers=strangers
    )


def holds_dicom(folder: Path) -> bool:
    """Whether some file in a folder or below it is DICOM."""
    return any(_is_dicom(file) for file in _files(folder))


def frames_of(header: Dataset) -> int:
    """How many slices a file says it holds."""
    try:
        return max(1, int(header.get("NumberOfFrames") or 1))
    except (TypeError, ValueError):
        return 1


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pydicom's warnings off stderr, which can repeat what a header says of a patient."""
    from pydicom import config

    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class _Unreadable(Exception):
    pass


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders.sort()
        for name in sorted(names):
            # Hidden files are other systems' notes beside the files, some with the same suffix.
            if not name.startswith("."):
                yield Path(folder, name)


def _is_dicom(path: Path) -> bool:
    if not path.is_file():  # opening a pipe never ends
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _header(path: Path) -> Dataset | None:
    """The tags of a file that are needed here; None when it is no DICOM."""
    from pydicom import dcmread

    if not path.is_file():  # opening a pipe never ends
        raise _Unreadable
    try:
        with path.open("rb") as stream:
            start = stream.read(132)
    except OSError:
        raise _Unreadable from None
    suffix = path.suffix.lower()
    if not start and suffix in ("", *_SUFFIXES):
        raise _Unreadable  # what a full disk leaves of a slice
    marked = start[128:] == b"DICM"
    # Old files begin with their first element, of group 8.
    if not (marked or suffix in _SUFFIXES or start[:2] == b"\x08\x00"):
        return None
    try:
        with quiet():
            header = dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS), force=not marked)
            known = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
    except Exception:  # whatever a damaged file makes the parser do
        raise _Unreadable from None
    if not known:
        if marked or suffix in _SUFFIXES:
            raise _Unreadable
        return None
    return header


def _other(header: Dataset) -> str | None:
    """What a file is that is not a slice of a CT; None when it is one."""
    if header.get("SOPClassUID") in _CT_CLASSES:
        kind = header.get("ImageType") or ()
        if "LOCALIZER" in ([kind] if isinstance(kind, str) else kind):
            return "localizer"
        return "CT in colour" if header.get("SamplesPerPixel", 1) != 1 else None
    modality = str(header.get("Modality") or "")
    # Free text has no place in an error.
    return modality if re.fullmatch(r"[A-Z]{2,8}", modality) else "other"


def _series_number(header: Dataset) -> int | None:
    try:
        return int(header["SeriesNumber"].value)
    except (KeyError, TypeError, ValueError):
        return None
