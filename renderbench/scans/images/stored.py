"""Voxels that lie in one file in one piece: checked to the last byte while they are read into place.

All formats but DICOM come down to this. ITK, which could read them, fills what a truncated file lacks,
turns NaN into zero and believes any size that a header names; so the voxels are read here.
"""

from __future__ import annotations

import gzip
import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import numpy as np
from isal import igzip, isal_zlib
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Assembly, Rescale, blocks
from renderbench.scans.images.geometry import orient
from renderbench.scans.images.image import Image, ImageInfo

Encoding = Literal["raw", "gzip", "zlib"]

_BLOCK = 1 << 20
# DEFLATE cannot do better than 1032 : 1.
_MOST_COMPRESSED = 1100
# isal's stubs declare an instance.
_DEFLATE_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """What a header says of an image.

    Args:
        title: the format's own name.
        path: of the header.
        data: of the voxels; the same file, or another one.
        start: the byte of ``data`` at which the voxels or their compressed stream begin.
        skip: bytes of the uncompressed stream before the first voxel.
        encoding: how the voxels are compressed.
        shape: (k, j, i) of the file.
        world_from_voxel: (4, 4) of the file's axes, to patient LPS in mm.
        dtype: of a stored voxel, with its byte order.
        rescale: from stored values to real ones.
    """

    title: str
    path: Path
    data: Path
    start: int
    skip: int = 0
    encoding: Encoding
    shape: tuple[int, int, int]
    world_from_voxel: NDArray[np.float64]
    dtype: np.dtype[Any]
    rescale: Rescale

    @property
    def voxel_bytes(self) -> int:
        """How long the voxels are, uncompressed."""
        return math.prod(self.shape) * self.dtype.itemsize


def probe_stored(stored: StoredImage) -> ImageInfo:
    """What is known of an image without reading its voxels.

    Raises:
        InputError: its file is too short for what the header promises.
    """
    _require_room(stored)
    return ImageInfo(
        grid=orient(stored.shape, stored.world_from_voxel).grid,
        dtype=stored.dtype,
        files=(stored.path,) if stored.data == stored.path else (stored.path, stored.data),
        title=stored.title,
    )


def read_stored(stored: StoredImage) -> Image:
    """Read the voxels, to the last byte of their file or stream.

    Raises:
        InputError: the file is truncated or damaged, or has voxels of NaN or infinity.
    """
    _require_room(stored)
    path, orientation = stored.data, orient(stored.shape, stored.world_from_voxel)
    with opened(path, stored.encoding, stored.start) as stream:
        _skip(stream, stored.skip)
        assembly = Assembly(orientation, stored.rescale.dtype(stored.dtype))
        for first, count in blocks(stored.shape, stored.dtype):
            block = np.empty((count, *stored.shape[1:]), dtype=stored.dtype)
            found = _fill(stream, block)
            if found < block.nbytes:
                before = first * block[0].nbytes
                raise _truncated(path, f"{before + found} of {stored.voxel_bytes} bytes of voxels")
            assembly.put(first, stored.rescale(block))
        while stream.read(_BLOCK):  # to the checksum
            pass
    return Image(values=assembly.finished(path), grid=orientation.grid)


@contextmanager
def opened(path: Path, encoding: Encoding, start: int = 0) -> Iterator[BinaryIO]:
    """The uncompressed content of a file from byte ``start`` on.

    Raises:
        InputError: what the body finds wrong with the stream: it ends early, is damaged or unreadable.
    """
    try:
        with path.open("rb") as raw:
            raw.seek(start)
            if encoding == "gzip":
                yield cast(BinaryIO, igzip.IGzipFile(fileobj=raw))
            elif encoding == "zlib":
                yield cast(BinaryIO, io.BufferedReader(_Inflated(raw), _BLOCK))
            else:
                yield raw
    except (gzip.BadGzipFile, _DEFLATE_ERROR) as error:
        raise InputError(
            path,
            f"expected an undamaged {encoding} stream, found a damaged one ({error})",
            "copy or export it again",
        ) from None
    except EOFError:
        raise _truncated(path, f"the {encoding} stream ends early") from None
    except OSError as error:
        raise InputError(
            path, f"expected a readable file, found that it is not ({error.strerror})", "check it"
        ) from None


class _Inflated(io.RawIOBase):
    """A zlib stream (RFC 1950), whose checksum is read with its last byte."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._inflater = isal_zlib.decompressobj()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        """Fill the beginning of ``target``; 0 at the end of the stream."""
        while not self._inflater.eof:
            stored = self._inflater.unconsumed_tail or self._raw.read(_BLOCK)
            found = self._inflater.decompress(stored, len(target))
            if found:
                target[: len(found)] = found
                return len(found)
            if not stored:
                raise EOFError
        return 0


def _require_room(stored: StoredImage) -> None:
    """Refuse a header that promises more than its file can hold, before anything is allocated for it."""
    try:
        size = stored.data.stat().st_size - stored.start
    except OSError as error:
        raise InputError(
            stored.data, f"expected a readable file, found that it is not ({error.strerror})", "check it"
        ) from None
    promised = stored.skip + stored.voxel_bytes
    if stored.encoding == "raw" and promised > size:
        found = max(0, size - stored.skip)
        raise _truncated(stored.data, f"{found} of {stored.voxel_bytes} bytes of voxels")
    if stored.encoding != "raw" and promised > _MOST_COMPRESSED * size:
        raise _truncated(stored.data, f"{max(0, size)} compressed bytes cannot hold {promised}")


def _skip(stream: BinaryIO, count: int) -> None:
    while count and (skipped := len(stream.read(min(count, _BLOCK)))):
        count -= skipped


def _fill(stream: BinaryIO, block: NDArray[Any]) -> int:
    """Fill ``block`` from the stream; how many bytes there were."""
    target = block.reshape(-1).view(np.uint8).data
    found = 0
    while found < len(target) and (read := stream.readinto(target[found:])):  # type: ignore[attr-defined]
        found += read
    return found


def _truncated(path: Path, found: str) -> InputError:
    return InputError(
        path, f"expected a whole file, found a truncated one ({found})", "copy or download it again"
    )
