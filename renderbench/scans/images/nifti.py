"""The header of a NIfTI-1 or NIfTI-2 file: sizes, type, scaling, and where the voxels lie.

ITK takes a zero spacing for one and falls back on the qform when the sform is sheared, without an error;
here both are refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Rescale
from renderbench.scans.images.geometry import (
    SAME_GRID,
    corner_distance,
    require_orthonormal,
    require_positive_spacing,
    require_volume,
)
from renderbench.scans.images.stored import Encoding, StoredImage, opened

_HEADER_BYTES = 540  # the longer of the two headers
_GZIP = b"\x1f\x8b"

# The types of one real number; no complex ones, no colours.
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

_MM_PER_UNIT = {1: 1e3, 2: 1.0, 3: 1e-3}


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where the fields of a version lie: ``struct`` layout and byte offset."""

    version: int
    header_bytes: int
    magic: tuple[int, bytes]
    dim: tuple[str, int]
    datatype: tuple[str, int]
    pixdim: tuple[str, int]
    vox_offset: tuple[str, int]
    scaling: tuple[str, int]
    units: tuple[str, int]
    codes: tuple[str, int]
    qform: tuple[str, int]
    sform: tuple[str, int]


_LAYOUTS = (
    _Layout(
        version=1,
        header_bytes=348,
        magic=(344, b"n+1\0"),
        dim=("8h", 40),
        datatype=("2h", 70),
        pixdim=("4f", 76),
        vox_offset=("f", 108),
        scaling=("2f", 112),
        units=("b", 123),
        codes=("2h", 252),
        qform=("6f", 256),
        sform=("12f", 280),
    ),
    _Layout(
        version=2,
        header_bytes=540,
        magic=(4, b"n+2\0\r\n\x1a\n"),
        dim=("8q", 16),
        datatype=("2h", 12),
        pixdim=("4d", 104),
        vox_offset=("q", 168),
        scaling=("2d", 176),
        units=("i", 500),
        codes=("2i", 344),
        qform=("6d", 352),
        sform=("12d", 400),
    ),
)

_Field = Callable[[tuple[str, int]], tuple[Any, ...]]


def describe_nifti(path: Path) -> StoredImage:
    """What the header of a ``.nii`` file says, gzip-compressed or not, whatever its name.

    Raises:
        InputError: it is no NIfTI, not one 3-D image of real numbers, or has a geometry or a scaling that
            cannot be trusted.
        Excluded: its direction is not orthonormal.
    """
    with opened(path, "raw") as stream:
        compressed = stream.read(2) == _GZIP
    encoding: Encoding = "gzip" if compressed else "raw"
    with opened(path, encoding) as stream:
        start = stream.read(_HEADER_BYTES)
    layout, order = _recognised(path, start)

    def field(where: tuple[str, int]) -> tuple[Any, ...]:
        return struct.unpack_from(order + where[0], start, where[1])

    dim = field(layout.dim)
    if not 1 <= dim[0] <= 7:
        raise InputError(
            path, f"expected a 3-D image, found {dim[0]} dimensions: the header is damaged", "export it again"
        )
    i, j, k = require_volume(path, tuple(dim[1 : 1 + dim[0]]))
    datatype, bitpix = field(layout.datatype)
    if datatype not in _DTYPES:
        raise InputError(
            path,
            f"expected one number per voxel, found NIfTI datatype {datatype}",
            "export it as 16-bit integers",
        )
    dtype = np.dtype(order + _DTYPES[datatype])
    if bitpix not in (0, 8 * dtype.itemsize):
        raise InputError(
            path,
            f"expected {8 * dtype.itemsize} bits a voxel of NIfTI datatype {datatype}, found bitpix {bitpix}",
            "re-export it",
        )
    (offset,) = field(layout.vox_offset)
    if not (math.isfinite(offset) and offset >= layout.header_bytes):
        raise InputError(
            path, f"expected voxels behind the header, found them at byte {offset:g}", "re-export it"
        )
    return StoredImage(
        title=f"NIfTI-{layout.version}",
        path=path,
        data=path,
        start=0,
        skip=int(offset),
        encoding=encoding,
        shape=(k, j, i),
        world_from_voxel=_world_from_voxel(path, (k, j, i), layout, field),
        dtype=dtype,
        rescale=_rescale(path, *field(layout.scaling)),
    )


def _recognised(path: Path, start: bytes) -> tuple[_Layout, str]:
    for layout in _LAYOUTS:
        at, magic = layout.magic
        if len(start) >= layout.header_bytes and start[at : at + len(magic)] == magic:
            for order in "<>":
                if struct.unpack_from(f"{order}i", start)[0] == layout.header_bytes:
                    return layout, order
    raise InputError(
        path,
        "expected a NIfTI image, found a file that does not begin with its header",
        "re-export it as .nii.gz",
    )


def _rescale(path: Path, slope: float, intercept: float) -> Rescale:
    if slope == 0:  # the standard's way of saying that there is none
        return Rescale()
    if not (math.isfinite(slope) and math.isfinite(intercept)):
        raise InputError(
            path,
            f"expected a finite scaling, found slope {slope:g} and intercept {intercept:g}",
            "re-export it",
        )
    return Rescale(slope=slope, intercept=intercept)


def _world_from_voxel(
    path: Path, shape: tuple[int, int, int], layout: _Layout, field: _Field
) -> NDArray[np.float64]:
    (units,) = field(layout.units)
    scale = _MM_PER_UNIT.get(units & 7, 1.0)
    qfac, *pixdim = field(layout.pixdim)
    spacing_mm = np.array(pixdim, dtype=np.float64) * scale
    require_positive_spacing(path, spacing_mm)
    qform_code, sform_code = field(layout.codes)
    accounts = []
    if sform_code > 0:
        sform = np.array(field(layout.sform), dtype=np.float64).reshape(3, 4) * scale
        accounts.append(_to_lps(sform))
    if qform_code > 0:
        quaternion = np.array(field(layout.qform), dtype=np.float64)
        accounts.append(_to_lps(_qform(quaternion[:3], quaternion[3:] * scale, qfac, spacing_mm)))
    if not accounts:
        raise InputError(
            path,
            "expected an orientation, found none (sform_code and qform_code are 0)",
            "re-export it with one",
        )
    chosen = accounts[0]
    require_orthonormal(path, chosen)
    # pixdim has the last word on the spacing, as in ITK.
    world_from_voxel = chosen.copy()
    world_from_voxel[:3, :3] *= spacing_mm / np.linalg.norm(chosen[:3, :3], axis=0)
    apart_mm = max(corner_distance(shape, world_from_voxel, account) for account in accounts)
    if not apart_mm <= SAME_GRID * spacing_mm.min():
        raise InputError(
            path,
            f"expected sform, qform and pixdim to agree, found positions {apart_mm:.3g} mm apart",
            "re-export it with one orientation",
        )
    return world_from_voxel


def _to_lps(ras: NDArray[np.float64]) -> NDArray[np.float64]:
    """(4, 4) to LPS of (3, 4) to NIfTI's RAS."""
    return np.vstack([ras * [[-1], [-1], [1]], [0.0, 0.0, 0.0, 1.0]])


def _qform(
    quaternion: NDArray[np.float64], offset: NDArray[np.float64], qfac: float, spacing: NDArray[np.float64]
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
    scale = spacing * [1, 1, -1 if qfac < 0 else 1]
    return np.column_stack([rotation * scale, offset])
