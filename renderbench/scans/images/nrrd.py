"""The header of an NRRD image (``.nrrd``, or ``.nhdr`` with its voxels in another file).

The format: https://teem.sourceforge.net/nrrd/format.html. ITK takes a missing orientation for the
identity and ignores units; here both count.
"""

from __future__ import annotations

import re
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
from renderbench.scans.images.stored import Encoding, StoredImage, opened

# The format's names of each type, and numpy's.
_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": (
        "longlong",
        "long long",
        "long long int",
        "signed long long",
        "signed long long int",
        "int64",
        "int64_t",
    ),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_DTYPES = {name: dtype for dtype, names in _TYPES.items() for name in names}

_ENCODINGS: dict[str, Encoding] = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}

# What turns each space into LPS.
_SIGNS = {
    "left-posterior-superior": (1, 1, 1),
    "lps": (1, 1, 1),
    "right-anterior-superior": (-1, -1, 1),
    "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1),
    "las": (1, -1, 1),
}

_MM_PER_UNIT = {
    **dict.fromkeys(("", "mm", "millimeter", "millimeters", "millimetre", "millimetres"), 1.0),
    **dict.fromkeys(("cm", "centimeter", "centimeters"), 10.0),
    **dict.fromkeys(("m", "meter", "meters"), 1e3),
    **dict.fromkeys(("um", "µm", "micron", "microns", "micrometer", "micrometers"), 1e-3),
}


def describe_nrrd(path: Path) -> StoredImage:
    """What the header of an NRRD image says.

    Raises:
        InputError: it is no NRRD, not one 3-D image of real numbers in one file, or has a geometry that
            cannot be trusted.
        Excluded: its direction is not orthonormal.
    """
    fields, header_bytes = _fields(path)
    i, j, k = _sizes(path, fields)
    kind = _required(path, fields, "type").lower()
    if kind not in _DTYPES:
        raise InputError(path, f"expected one number per voxel, found type {kind!r}", "export it as short")
    dtype = np.dtype(_DTYPES[kind])
    if dtype.itemsize > 1:
        endian = _required(path, fields, "endian").lower()
        if endian not in ("little", "big"):
            raise InputError(path, f"expected endian little or big, found {endian!r}", "re-export it")
        dtype = dtype.newbyteorder("<" if endian == "little" else ">")
    encoding = _required(path, fields, "encoding").lower()
    if encoding not in _ENCODINGS:
        raise InputError(
            path, f"expected voxels as raw or gzip, found the encoding {encoding!r}", "re-export it as gzip"
        )
    data, start = path, header_bytes
    name = fields.get("data file", fields.get("datafile"))
    if name is not None:
        if name.upper().startswith("LIST") or len(re.findall(r"%\d*d", name)):
            raise InputError(path, "expected voxels in one file, found a list of files", "export it as .nrrd")
        data, start = data_file(path, name), 0
    voxel_bytes = i * j * k * dtype.itemsize
    return StoredImage(
        title="NRRD",
        path=path,
        data=data,
        start=start,
        skip=_skip(path, fields, data, start, voxel_bytes, encoding),
        encoding=_ENCODINGS[encoding],
        shape=(k, j, i),
        world_from_voxel=_world_from_voxel(path, fields),
        dtype=dtype,
        rescale=Rescale(),
    )


def _fields(path: Path) -> tuple[dict[str, str], int]:
    """The header's fields by their names in lower case, and its length."""
    with opened(path, "raw") as stream:
        start = stream.read(MAX_HEADER_BYTES)
    if not re.match(rb"NRRD000[1-6]\r?\n", start):
        raise InputError(
            path, "expected an NRRD image, found a file that does not begin with its header", "re-export it"
        )
    end = re.search(rb"\r?\n\r?\n", start)
    if end is None and len(start) == MAX_HEADER_BYTES:
        raise InputError(path, "expected a header of NRRD, found no end of it", "re-export it")
    # A detached header need not end with an empty line.
    header = start[: end.start()] if end else start
    fields = {}
    for line in header.decode("utf-8", errors="replace").splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon and not line.startswith("#") and not value.startswith("="):
            fields[name.strip().lower()] = value.strip()
    return fields, end.end() if end else len(start)


def _required(path: Path, fields: dict[str, str], name: str) -> str:
    if name not in fields:
        raise InputError(path, f"expected the field {name!r} in its header, found none", "re-export it")
    return fields[name]


def _sizes(path: Path, fields: dict[str, str]) -> tuple[int, int, int]:
    sizes = whole_numbers(path, "sizes", _required(path, fields, "sizes"))
    if len(sizes) != 3:
        kinds = fields.get("kinds", "")
        found = " × ".join(map(str, sizes)) + (f" (kinds: {kinds[:60]})" if kinds else "")
        raise InputError(
            path, f"expected a 3-D image of one number per voxel, found {found}", "export one 3-D image"
        )
    return require_volume(path, sizes)


def _skip(path: Path, fields: dict[str, str], data: Path, start: int, voxel_bytes: int, encoding: str) -> int:
    """Bytes before the first voxel; of the uncompressed stream."""
    (lines,) = whole_numbers(path, "line skip", fields.get("line skip", fields.get("lineskip", "0")), 1)
    (skip,) = whole_numbers(path, "byte skip", fields.get("byte skip", fields.get("byteskip", "0")), 1)
    if lines or skip < -1 or (skip == -1 and encoding != "raw"):
        raise InputError(
            path,
            f"expected voxels from the beginning of their file, found line skip {lines}, byte skip {skip}",
            "re-export it as .nrrd",
        )
    # -1: the voxels are the last bytes of the file.
    return skip if skip >= 0 else max(0, data.stat().st_size - start - voxel_bytes)


def _world_from_voxel(path: Path, fields: dict[str, str]) -> NDArray[np.float64]:
    space = fields.get("space", "none")
    if space.lower() not in _SIGNS:
        raise InputError(
            path,
            f"expected an orientation in the patient (space: left-posterior-superior), found {space!r}",
            "re-export it with one",
        )
    to_lps_mm = np.array(_SIGNS[space.lower()]) * _scales(path, fields)
    text = _required(path, fields, "space directions")
    vectors = re.findall(r"none|\([^)]*\)", text)
    if len(vectors) != 3 or "none" in vectors:
        raise InputError(path, f"expected 3 space directions, found {text[:60]!r}", "re-export it")
    columns = [numbers(path, "space directions", _bare(vector), 3) for vector in vectors]
    origin = numbers(path, "space origin", _bare(_required(path, fields, "space origin")), 3)
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = (np.array(columns) * to_lps_mm).T
    world_from_voxel[:3, 3] = np.array(origin) * to_lps_mm
    with np.errstate(over="ignore"):
        spacing_mm = np.linalg.norm(world_from_voxel[:3, :3], axis=0)
    require_positive_spacing(path, spacing_mm)
    require_orthonormal(path, world_from_voxel)
    return world_from_voxel


def _scales(path: Path, fields: dict[str, str]) -> list[float]:
    """Millimetres in a unit of each of the space's axes."""
    text = fields.get("space units")
    if text is None:
        return [1.0, 1.0, 1.0]
    units = [unit.strip().lower() for unit in re.findall(r'"([^"]*)"', text)]
    if len(units) != 3 or not all(unit in _MM_PER_UNIT for unit in units):
        raise InputError(path, f"expected space units of length, found {text[:60]!r}", "re-export it in mm")
    return [_MM_PER_UNIT[unit] for unit in units]


def _bare(vector: str) -> str:
    return vector.strip("() ").replace(",", " ")
