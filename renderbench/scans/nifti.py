"""What a NIfTI-1 file says of itself, checked before ITK reads it.

ITK fills what a truncated file lacks with zeros, turns NaN into zero, takes a zero spacing for one, and
falls back on the qform when the sform is sheared, all without an error. So the header and the stream are
checked here.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError

ORTHONORMAL_TOLERANCE = 1e-4

_HEADER_BYTES = 348
_BLOCK = 1 << 20
_RE_EXPORT = "re-export it"
# NIfTI-1's datatypes of one number; no complex ones, no colours.
_DTYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}


@dataclass(frozen=True, kw_only=True)
class NiftiHeader:
    """The geometry in a NIfTI-1 header.

    Args:
        shape: (x, y, z).
        spacing_mm: (3,) voxel size along x, y, z.
        world_from_voxel: (4, 4) to patient LPS, mm: the sform, or the qform where there is none.
        dtype: of a voxel.
        offset: of the first voxel in the uncompressed file, in bytes.
    """

    shape: tuple[int, int, int]
    spacing_mm: NDArray[np.float64]
    world_from_voxel: NDArray[np.float64]
    dtype: np.dtype
    offset: int

    @property
    def data_bytes(self) -> int:
        """How long the voxels are."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def direction_error(self) -> float:
        """max |RRᵀ - I| of the direction R, columns scaled to unit length."""
        columns = self.world_from_voxel[:3, :3]
        direction = columns / np.linalg.norm(columns, axis=0)
        return float(np.abs(direction @ direction.T - np.eye(3)).max())


def check_nifti(path: Path) -> NiftiHeader:
    """Check a ``.nii`` or ``.nii.gz`` file to its last byte, and return its geometry.

    Raises:
        InputError: not a NIfTI-1 file, not one 3-D image of numbers, a geometry that cannot be
            trusted, or a stream that ends early or is damaged.
    """
    try:
        with cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb") as stream:
            header = _parse(path, stream.read(_HEADER_BYTES))
            stream.read(header.offset - _HEADER_BYTES)
            found, strange = _survey(stream, header)
    except (gzip.BadGzipFile, zlib.error) as error:
        if "Not a gzipped file" in str(error):
            raise _not_nifti(path, "a file that is not gzip-compressed") from None
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
    if found < header.data_bytes:
        raise _truncated(path, f"{found} of {header.data_bytes} bytes of voxels")
    if strange:
        raise InputError(
            path,
            f"expected finite values, found {strange} voxels of NaN or infinity",
            "replace them and export it again",
        )
    return header


def _survey(stream: BinaryIO, header: NiftiHeader) -> tuple[int, int]:
    """How many bytes of voxels there are, and how many voxels are not finite; reads to the end."""
    found = strange = 0
    while block := stream.read(_BLOCK):
        voxels = block[: header.data_bytes - found]
        found += len(voxels)
        if header.dtype.kind == "f":
            values = np.frombuffer(voxels, header.dtype, count=len(voxels) // header.dtype.itemsize)
            strange += int(np.count_nonzero(~np.isfinite(values)))
    return found, strange


def _parse(path: Path, header: bytes) -> NiftiHeader:
    order = _byte_order(path, header)

    def read(layout: str, offset: int) -> tuple[Any, ...]:
        return struct.unpack_from(order + layout, header, offset)

    shape = _shape(path, read("8h", 40))
    (datatype,) = read("h", 70)
    if datatype not in _DTYPES:
        raise InputError(
            path,
            f"expected one number per voxel, found NIfTI datatype {datatype}",
            "export it as 16-bit integers",
        )
    (offset,) = read("f", 108)
    if not offset >= _HEADER_BYTES:
        raise InputError(
            path, f"expected voxels behind the header, found them at byte {offset:g}", _RE_EXPORT
        )
    qfac, *spacing = read("4f", 76)
    if not all(math.isfinite(size) and size > 0 for size in spacing):
        found = ", ".join(f"{size:g}" for size in spacing)
        raise InputError(path, f"expected a positive voxel spacing, found ({found}) mm", _RE_EXPORT)
    spacing_mm = np.array(spacing, dtype=np.float64)
    qform_code, sform_code = read("2h", 252)
    if sform_code > 0:
        world_from_voxel = np.array(read("12f", 280), dtype=np.float64).reshape(3, 4)
    elif qform_code > 0:
        world_from_voxel = _qform(read("3f", 256), read("3f", 268), qfac, spacing_mm)
    else:
        raise InputError(
            path,
            "expected an orientation, found none (sform_code and qform_code are 0)",
            "re-export it with one",
        )
    if not (np.isfinite(world_from_voxel).all() and abs(np.linalg.det(world_from_voxel[:, :3])) > 0):
        raise InputError(path, "expected an invertible orientation, found a singular one", _RE_EXPORT)
    world_from_voxel[:2] *= -1  # NIfTI's world is RAS
    return NiftiHeader(
        shape=shape,
        spacing_mm=spacing_mm,
        world_from_voxel=np.vstack([world_from_voxel, [0.0, 0.0, 0.0, 1.0]]),
        dtype=np.dtype(order + _DTYPES[datatype]),
        offset=int(offset),
    )


def _byte_order(path: Path, header: bytes) -> str:
    if len(header) == _HEADER_BYTES and header[344:348] == b"n+1\0":
        for order in "<>":
            if struct.unpack_from(f"{order}i", header)[0] == _HEADER_BYTES:
                return order
    raise _not_nifti(path, "a file that does not begin with its header")


def _shape(path: Path, dim: tuple[int, ...]) -> tuple[int, int, int]:
    sizes = list(dim[1 : 1 + dim[0]])
    while len(sizes) > 3 and sizes[-1] == 1:
        sizes.pop()
    if len(sizes) != 3 or min(sizes) < 2:
        found = " × ".join(map(str, sizes)) or "nothing"
        raise InputError(
            path, f"expected a 3-D image, found {found} voxels", "export the volume as one 3-D image"
        )
    return sizes[0], sizes[1], sizes[2]


def _qform(
    quaternion: tuple[float, ...], offset: tuple[float, ...], qfac: float, spacing_mm: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(3, 4) to RAS, method 2 of the NIfTI-1 standard."""
    b, c, d = quaternion
    a = math.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    scale = spacing_mm * [1, 1, -1 if qfac < 0 else 1]
    return np.column_stack([rotation * scale, offset])


def _not_nifti(path: Path, found: str) -> InputError:
    return InputError(path, f"expected a NIfTI-1 image, found {found}", "re-export it as .nii.gz")


def _truncated(path: Path, found: str) -> InputError:
    return InputError(
        path, f"expected a whole file, found a truncated one ({found})", "copy or download it again"
    )
