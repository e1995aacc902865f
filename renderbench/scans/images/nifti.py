"""Reading NIfTI in one pass: checked to the last byte while it is decompressed into place.

ITK fills what a truncated file lacks with zeros, turns NaN into zero, takes a zero spacing for one, and
falls back on the qform when the sform is sheared, all without an error.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from isal import igzip, isal_zlib
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Assembly, blocks
from renderbench.scans.images.geometry import orient
from renderbench.scans.images.image import Image, ImageInfo
from renderbench.scans.images.nifti_header import HEADER_BYTES, NiftiHeader, parse_header

_GZIP = b"\x1f\x8b"
_BLOCK = 1 << 20
# DEFLATE cannot do better than 1032 : 1.
_MOST_COMPRESSED = 1100
# isal's stubs declare an instance.
_DEFLATE_ERROR: type[Exception] = isal_zlib.error  # type: ignore[assignment]


def probe_nifti(path: Path) -> ImageInfo:
    """What the header of a NIfTI file says.

    Raises:
        InputError: see :func:`parse_header`; or the file is too short for what its header promises.
    """
    with _opened(path) as stream:
        header = _checked_header(path, stream)
    return ImageInfo(
        grid=orient(header.shape, header.world_from_voxel).grid,
        dtype=header.dtype,
        files=(path,),
        title=f"NIfTI-{header.version}",
    )


def read_nifti(path: Path) -> Image:
    """Read a NIfTI-1 or NIfTI-2 file, gzip-compressed or not, whatever its name.

    Raises:
        InputError: as :func:`probe_nifti`; or the file is truncated or damaged, or has voxels of NaN or
            infinity.
    """
    with _opened(path) as stream:
        header = _checked_header(path, stream)
        orientation = orient(header.shape, header.world_from_voxel)
        stream.seek(header.offset)
        assembly = Assembly(orientation, header.rescale.dtype(header.dtype))
        slice_shape = header.shape[1:]
        for first, count in blocks(header.shape, header.dtype):
            block = np.empty((count, *slice_shape), dtype=header.dtype)
            found = _fill(stream, block)
            if found < block.nbytes:
                before = first * block[0].nbytes
                raise _truncated(path, f"{before + found} of {header.voxel_bytes} bytes of voxels")
            assembly.put(first, header.rescale(block))
        while stream.read(_BLOCK):  # to the checksum
            pass
    return Image(values=assembly.finished(path), grid=orientation.grid)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The uncompressed content of a file; what goes wrong in the body is reported as its fault."""
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == _GZIP
            raw.seek(0)
            yield cast(BinaryIO, igzip.IGzipFile(fileobj=raw)) if compressed else raw
    except (gzip.BadGzipFile, _DEFLATE_ERROR) as error:
        raise InputError(
            path,
            f"expected an undamaged gzip stream, found a damaged one ({error})",
            "copy or export it again",
        ) from None
    except EOFError:
        raise _truncated(path, "the gzip stream ends early") from None
    except OSError as error:
        raise InputError(
            path, f"expected a readable file, found that it is not ({error.strerror})", "check it"
        ) from None


def _checked_header(path: Path, stream: BinaryIO) -> NiftiHeader:
    """The header, once the file is long enough for what it promises: nothing absurd is ever allocated."""
    header = parse_header(path, stream.read(HEADER_BYTES))
    promised = header.offset + header.voxel_bytes
    size = path.stat().st_size
    if isinstance(stream, igzip.IGzipFile):
        if promised > _MOST_COMPRESSED * size:
            raise _truncated(path, f"{size} compressed bytes cannot hold {promised}")
    elif promised > size:
        found = max(0, size - header.offset)
        raise _truncated(path, f"{found} of {header.voxel_bytes} bytes of voxels")
    return header


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
