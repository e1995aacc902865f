"""PLY files of one element, ``vertex``, with scalar properties, in binary little-endian."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import staged
from renderbench.errors import InputError

_FORMAT = "binary_little_endian 1.0"
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2",
    "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip
_NAMES = {"u1": "uchar", "<f4": "float"}
_HEADER_LINES_MAX = 1000


def write_vertices(path: Path, comments: Sequence[str], vertices: NDArray[np.void]) -> None:
    """Write a structured array of float32 and uint8 to ``path``, atomically.

    Args:
        path: the file.
        comments: lines of the header, ASCII.
        vertices: one record a vertex; the names of its fields become those of the properties.
    """
    header = [
        "ply",
        f"format {_FORMAT}",
        *(f"comment {line}" for line in comments),
        f"element vertex {len(vertices)}",
        *(f"property {_NAMES[kind.lstrip('|')]} {name}" for name, kind, *_ in vertices.dtype.descr),
        "end_header",
    ]
    with staged(path) as staging, staging.open("wb") as stream:
        stream.write(("\n".join(header) + "\n").encode("ascii"))
        stream.write(vertices.tobytes())


def read_vertices(path: Path, required: Sequence[str], remedy: str) -> NDArray[np.void]:
    """Read the vertices of a file, with its own types; others than the required properties may be there.

    Args:
        path: the file.
        required: names of properties that it must have; all of them finite.
        remedy: what to do about a file that is not such a PLY.

    Raises:
        InputError: no such file; another format or layout; a property is missing or there twice; more or
            fewer vertices than declared; or a number is not finite.
    """
    try:
        with path.open("rb") as stream:
            count, vertex = _read_header(path, stream, required, remedy)
            expected = count * vertex.itemsize
            found = os.fstat(stream.fileno()).st_size - stream.tell()
            if found != expected:
                problem = f"expected {expected} bytes of {count} vertices, found {found}"
                raise InputError(path, problem, remedy)
            vertices = np.frombuffer(stream.read(expected), vertex)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the path") from None
    for name in required:
        finite = np.isfinite(vertices[name])
        if not finite.all():
            row = int(np.argmin(finite))
            problem = f"expected finite numbers, found {vertices[name][row]} as {name} of vertex {row}"
            raise InputError(path, problem, remedy)
    return vertices


def _read_header(
    path: Path, stream: BinaryIO, required: Sequence[str], remedy: str
) -> tuple[int, np.dtype[np.void]]:
    """The number of vertices and their layout; leaves ``stream`` at the first vertex."""
    lines = _header_lines(stream)
    if lines is None:
        raise InputError(path, "expected the header of a PLY, found something else", remedy)
    formats = [" ".join(words[1:]) for words in lines if words[0] == "format"]
    if formats != [_FORMAT]:
        found = formats[0] if len(formats) == 1 else f"{len(formats)} formats"
        raise InputError(path, f"expected the format {_FORMAT}, found {found[:60]}", remedy)
    elements = [words[1:] for words in lines if words[0] == "element"]
    if len(elements) != 1 or elements[0][:1] != ["vertex"]:
        raise InputError(path, "expected one element, `vertex`, found others", remedy)
    count = elements[0][-1]
    if len(elements[0]) != 2 or not count.isdigit() or len(count) > 18:
        raise InputError(path, f"expected a number of vertices, found {count[:60]!r}", remedy)
    properties = [words[1:] for words in lines if words[0] == "property"]
    if any(len(words) != 2 or words[0] not in _TYPES for words in properties):
        raise InputError(path, "expected scalar properties, found others", remedy)
    names = [name for _, name in properties]
    missing = [name for name in required if name not in names]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(path, f"expected a property {missing[0]}{more}, found none", remedy)
    if len(set(names)) != len(names):
        raise InputError(path, "expected each property once, found one twice", remedy)
    return int(count), np.dtype([(name, _TYPES[kind]) for kind, name in properties])


def _header_lines(stream: BinaryIO) -> list[list[str]] | None:
    """The words of the header's lines but comments and the last; None if this is no such header."""
    if stream.readline(4096).strip() != b"ply":
        return None
    lines: list[list[str]] = []
    for _ in range(_HEADER_LINES_MAX):
        line = stream.readline(4096).decode("ascii", errors="replace").strip()
        if line == "end_header":
            return lines
        words = line.split()
        if words and words[0] not in ("comment", "obj_info"):
            lines.append(words)
    return None
