"""What the header of a DICOM file says of each of its slices, one per file or many (enhanced CT)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Rescale
from renderbench.scans.images.dicom_folder import frames_of, quiet

if TYPE_CHECKING:
    from pydicom import Dataset

_MAX_SIDE = 8192
# Explicit and implicit little endian, deflated, explicit big endian.
_UNCOMPRESSED = tuple(f"1.2.840.10008.1.2{suffix}" for suffix in ("", ".1", ".1.99", ".2"))
_DEFLATED = "1.2.840.10008.1.2.1.99"


@dataclass(frozen=True, kw_only=True)
class Storage:
    """How the pixels of a file are stored.

    Args:
        rows: of a slice.
        columns: of a slice.
        frames: how many slices the file holds.
        bits: BitsStored, of the 16 that are allocated.
        high_bit: the highest of the stored ones.
        signed: PixelRepresentation.
        compressed: whether the transfer syntax has to be decoded.
        big_endian: byte order.
        padding: lowest and highest stored value that stand for no measurement; None when none do.
    """

    rows: int
    columns: int
    frames: int
    bits: int
    high_bit: int
    signed: bool
    compressed: bool
    big_endian: bool
    padding: tuple[int, int] | None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a stored pixel."""
        return np.dtype((">" if self.big_endian else "<") + ("i2" if self.signed else "u2"))


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One slice.

    Args:
        path: its file.
        frame: which of the file's slices it is.
        uid: SOPInstanceUID of the file.
        position: (3,) of the first pixel's centre, LPS in mm.
        axes: (2, 3) unit vectors along which columns and rows are counted.
        spacing_mm: between columns, between rows.
        storage: how its pixels are stored.
        rescale: from stored values to HU.
    """

    path: Path
    frame: int
    uid: str
    position: NDArray[np.float64]
    axes: NDArray[np.float64]
    spacing_mm: tuple[float, float]
    storage: Storage
    rescale: Rescale


def slices_of(folder: Path, path: Path, header: Dataset) -> list[Slice]:
    """The slices of a file.

    Args:
        folder: what an error is about; names of files can name a patient.
        path: the file.
        header: of the file.

    Raises:
        InputError: the header lacks what a slice needs, or says what cannot be.
    """
    with quiet():
        name = _name(header)
        storage = _storage(folder, name, path, header)
        if storage.frames > 1:
            name += ", frame {}"
        return [
            _slice(_Tags(folder, name.format(frame + 1), header, frame), path, frame, storage)
            for frame in range(storage.frames)
        ]


def _slice(tags: _Tags, path: Path, frame: int, storage: Storage) -> Slice:
    rows_mm, columns_mm = tags.numbers("PixelSpacing", 2, "PixelMeasuresSequence")
    orientation = tags.numbers("ImageOrientationPatient", 6, "PlaneOrientationSequence")
    position = tags.numbers("ImagePositionPatient", 3, "PlanePositionSequence")
    slope, intercept = (
        tags.numbers(keyword, 1, "PixelValueTransformationSequence")[0]
        for keyword in ("RescaleSlope", "RescaleIntercept")
    )
    if not (columns_mm > 0 and rows_mm > 0):
        raise tags.wrong("a positive PixelSpacing", f"{rows_mm:g}, {columns_mm:g}")
    if slope == 0:
        raise tags.wrong("a RescaleSlope other than 0", "0")
    axes = np.array(orientation).reshape(2, 3)
    if np.abs(axes @ axes.T - np.eye(2)).max() > 1e-3:
        found = ", ".join(f"{cosine:g}" for cosine in orientation)
        raise tags.wrong("orthonormal ImageOrientationPatient", f"({found})")
    return Slice(
        path=path,
        frame=frame,
        uid=str(tags.value("SOPInstanceUID") or ""),
        position=np.array(position),
        axes=axes,
        spacing_mm=(columns_mm, rows_mm),
        storage=storage,
        rescale=Rescale(slope=slope, intercept=intercept),
    )


class _Tags:
    """The tags of one slice, wherever the header keeps them."""

    def __init__(self, folder: Path, name: str, header: Dataset, frame: int) -> None:
        self._folder, self._name, self._sources = folder, name, [header]
        per_frame = _value(header, "PerFrameFunctionalGroupsSequence") or ()
        shared = _value(header, "SharedFunctionalGroupsSequence") or ()
        self._sources += [*per_frame[frame : frame + 1], *shared[:1]]

    def value(self, keyword: str, sequence: str = "") -> Any:
        """A tag of the slice itself, or in a sequence of its functional groups; None when there is none."""
        for source in self._sources:
            for each in (source, *(_value(source, sequence) or ())[:1]):
                found = _value(each, keyword)
                if found is not None and found != "":
                    return found
        return None

    def numbers(self, keyword: str, count: int, sequence: str) -> list[float]:
        """The finite numbers of a tag.

        Raises:
            InputError: it is missing, or something else.
        """
        value = self.value(keyword, sequence)
        if value is None:
            raise self.wrong(f"the tag {keyword}", "none")
        try:
            found = [float(each) for each in ([value] if count == 1 else value)]
        except (TypeError, ValueError):
            found = []
        if len(found) != count or not all(map(math.isfinite, found)):
            raise self.wrong(f"{count} finite numbers as {keyword}", "something else")
        return found

    def wrong(self, expected: str, found: str) -> InputError:
        return InputError(
            self._folder, f"expected {expected} in every slice, found {found} ({self._name})", _RE_EXPORT
        )


_RE_EXPORT = "export the series again"


def _value(source: Dataset, keyword: str) -> Any:
    """The value of a tag; None when it is missing, or is not what its type promises."""
    try:
        return source.get(keyword) if keyword else None
    except Exception:  # whatever pydicom makes of a damaged value
        return None


def _name(header: Dataset) -> str:
    try:
        return f"instance number {int(header['InstanceNumber'].value)}"
    except (KeyError, TypeError, ValueError):
        return "a slice without an instance number"


def _storage(folder: Path, name: str, path: Path, header: Dataset) -> Storage:
    def whole(keyword: str) -> int:
        value = _value(header, keyword)
        if not isinstance(value, int):
            raise InputError(
                folder, f"expected the tag {keyword} in every slice, found none ({name})", _RE_EXPORT
            )
        return value

    rows, columns = whole("Rows"), whole("Columns")
    allocated, bits, high_bit = whole("BitsAllocated"), whole("BitsStored"), whole("HighBit")
    signed = whole("PixelRepresentation") == 1
    frames = frames_of(header)
    if not (2 <= rows <= _MAX_SIDE and 2 <= columns <= _MAX_SIDE):
        raise InputError(
            folder,
            f"expected 2 to {_MAX_SIDE} rows and columns, found {rows} × {columns} ({name})",
            _RE_EXPORT,
        )
    if allocated != 16 or not 1 <= bits <= high_bit + 1 <= 16:
        raise InputError(
            folder,
            f"expected pixels of 16 bits, found {bits} bits up to bit {high_bit} of {allocated} ({name})",
            _RE_EXPORT,
        )
    if frames > 1 and len(_value(header, "PerFrameFunctionalGroupsSequence") or ()) != frames:
        raise InputError(
            folder,
            f"expected a position for each of {frames} slices in one file, found another number ({name})",
            _RE_EXPORT,
        )
    syntax = str(header.file_meta.get("TransferSyntaxUID", _UNCOMPRESSED[0]))
    compressed = syntax not in _UNCOMPRESSED
    if compressed and frames > 1:
        raise InputError(
            folder,
            "expected uncompressed pixels in a file of many slices, found compressed ones",
            "decompress it (gdcmconv --raw IN OUT)",
        )
    needed, size = 2 * rows * columns * frames, path.stat().st_size
    if not compressed and syntax != _DEFLATED and size < needed:
        raise InputError(
            folder,
            f"expected whole files, found a truncated one ({size} of more than {needed} bytes, {name})",
            "copy the series again",
        )
    return Storage(
        rows=rows,
        columns=columns,
        frames=frames,
        bits=bits,
        high_bit=high_bit,
        signed=signed,
        compressed=compressed,
        big_endian=syntax == _UNCOMPRESSED[3],
        padding=_padding(header, signed),
    )


def _padding(header: Dataset, signed: bool) -> tuple[int, int] | None:
    value = _value(header, "PixelPaddingValue")
    if not isinstance(value, int):
        return None
    limit = _value(header, "PixelPaddingRangeLimit")
    ends = [value, limit if isinstance(limit, int) else value]
    # Scanners write signed values as unsigned tags, and the other way round.
    ends = [(end + 2**15) % 2**16 - 2**15 if signed else end % 2**16 for end in ends]
    return min(ends), max(ends)
