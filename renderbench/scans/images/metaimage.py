"""The header of a MetaImage (``.mha``, or ``.mhd`` with its voxels in another file).

The format: https://itk.org/Wiki/ITK/MetaIO/Documentation. Its world is LPS; each row of TransformMatrix is
the direction of an axis.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.assembly import Rescale
from renderbench.scans.images.geometry import (
    require_orthonormal,
    require_positive_spacing,
    require_volume,
)
from renderbench.scans.images.header_text import MAX_HEADER_BYTES, data_file, numbers, whole_numbers
from renderbench.scans.images.stored import StoredImage, opened

# MET_LONG is left out: writers disagree on whether it has 4 or 8 bytes.
_DTYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}

_MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "um": 1e-3}

_LAST = "ElementDataFile"


def describe_metaimage(path: Path) -> StoredImage:
    """What the header of a MetaImage says.

    Raises:
        InputError: it is no MetaImage, not one 3-D image of real numbers in one file, or has a geometry
            that cannot be trusted.
        Excluded: its direction is not orthonormal.
    """
    fields, header_bytes = _fields(path)
    i, j, k = require_volume(path, whole_numbers(path, "DimSize", _required(path, fields, "DimSize")))
    channels = fields.get("ElementNumberOfChannels", "1")
    kind = _required(path, fields, "ElementType")
    if channels != "1" or kind not in _DTYPES:
        raise InputError(
            path,
            f"expected one number per voxel, found {channels[:20]} of type {kind[:60]!r}",
            "export it as MET_SHORT",
        )
    if not _flag(path, fields, "BinaryData", default="True"):
        raise InputError(path, "expected binary voxels, found text (BinaryData = False)", "re-export it")
    big = _flag(path, fields, "BinaryDataByteOrderMSB") or _flag(path, fields, "ElementByteOrderMSB")
    dtype = np.dtype((">" if big else "<") + _DTYPES[kind])
    compressed = _flag(path, fields, "CompressedData")
    name = fields[_LAST]
    if name.startswith("LIST") or "%" in name:
        raise InputError(path, "expected voxels in one file, found a list of files", "export it as .mha")
    data, start = (path, header_bytes) if name == "LOCAL" else (data_file(path, name), 0)
    (skip,) = whole_numbers(path, "HeaderSize", fields.get("HeaderSize", "0"), 1)
    if skip == -1 and not compressed:  # the voxels are the last bytes of the file
        skip = max(0, data.stat().st_size - start - i * j * k * dtype.itemsize)
    if skip < 0 or (skip and compressed):
        raise InputError(path, f"expected no header before the voxels, found {skip} bytes", "re-export it")
    return StoredImage(
        title="MetaImage",
        path=path,
        data=data,
        start=start,
        skip=skip,
        encoding="zlib" if compressed else "raw",
        shape=(k, j, i),
        world_from_voxel=_world_from_voxel(path, fields),
        dtype=dtype,
        rescale=_rescale(path, fields),
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The header's fields, and its length."""
    with opened(path, "raw") as stream:
        start = stream.read(MAX_HEADER_BYTES)
    fields: dict[str, str] = {}
    position = 0
    while _LAST not in fields:
        end = start.find(b"\n", position)
        line = start[position : end if end >= 0 else len(start)]
        name, equals, value = line.decode("utf-8", errors="replace").partition("=")
        if not equals and line.strip():
            break
        if equals:
            fields[name.strip()] = value.strip()
        if end < 0:
            position = len(start)
            break
        position = end + 1
    if fields.get("ObjectType", "Image") != "Image" or _LAST not in fields or "DimSize" not in fields:
        raise InputError(
            path, "expected a MetaImage, found a file that does not begin with its header", "re-export it"
        )
    return fields, position


def _required(path: Path, fields: dict[str, str], *names: str) -> str:
    """The value of a field that goes by any of several names."""
    for name in names:
        if name in fields:
            return fields[name]
    raise InputError(path, f"expected the field {names[0]} in its header, found none", "re-export it")


def _flag(path: Path, fields: dict[str, str], name: str, *, default: str = "False") -> bool:
    value = fields.get(name, default).lower()
    if value not in ("true", "false", "1", "0"):
        raise InputError(path, f"expected {name} = True or False, found {value[:20]!r}", "re-export it")
    return value in ("true", "1")


def _rescale(path: Path, fields: dict[str, str]) -> Rescale:
    slope, intercept = (
        numbers(path, name, fields.get(name, default), 1)[0]
        for name, default in (
            ("ElementToIntensityFunctionSlope", "1"),
            ("ElementToIntensityFunctionOffset", "0"),
        )
    )
    if not (math.isfinite(slope) and math.isfinite(intercept) and slope):
        raise InputError(
            path,
            f"expected a finite scaling, found slope {slope:g} and intercept {intercept:g}",
            "re-export it",
        )
    return Rescale(slope=slope, intercept=intercept)


def _world_from_voxel(path: Path, fields: dict[str, str]) -> NDArray[np.float64]:
    unit = fields.get("DistanceUnits", "mm")
    if unit not in _MM_PER_UNIT:
        raise InputError(path, f"expected DistanceUnits of mm, cm or um, found {unit[:20]!r}", "re-export it")
    spacing = numbers(path, "ElementSpacing", _required(path, fields, "ElementSpacing", "ElementSize"), 3)
    rows = numbers(
        path, "TransformMatrix", _required(path, fields, "TransformMatrix", "Rotation", "Orientation"), 9
    )
    origin = numbers(path, "Offset", _required(path, fields, "Offset", "Position", "Origin"), 3)
    spacing_mm = np.array(spacing) * _MM_PER_UNIT[unit]
    require_positive_spacing(path, spacing_mm)
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = np.array(rows).reshape(3, 3).T * spacing_mm
    world_from_voxel[:3, 3] = np.array(origin) * _MM_PER_UNIT[unit]
    require_orthonormal(path, world_from_voxel)
    return world_from_voxel
