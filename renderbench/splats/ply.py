"""6D Gaussians as binary little-endian PLY, one vertex per Gaussian.

The properties shared with 3DGS keep its names and order: ``x y z``, ``nx ny nz`` (which hold the mean
direction, as Render-FM writes them), ``f_dc_*``, ``f_rest_*`` (channel by channel) and ``opacity`` (before
the sigmoid). ``log_diagonal_*``, ``off_diagonal_*`` and ``label`` follow; see
:class:`~renderbench.splats.gaussians.Gaussians6D`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray

from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.splats.gaussians import Gaussians6D

_POSITION = ("x", "y", "z")
_DIRECTION = ("nx", "ny", "nz")
_SH_DC = tuple(f"f_dc_{k}" for k in range(3))
_SH_REST = tuple(f"f_rest_{k}" for k in range(9))
_LOG_DIAGONAL = tuple(f"log_diagonal_{k}" for k in range(6))
_OFF_DIAGONAL = tuple(f"off_diagonal_{k}" for k in range(15))
_FLOATS = (*_POSITION, *_DIRECTION, *_SH_DC, *_SH_REST, "opacity", *_LOG_DIAGONAL, *_OFF_DIAGONAL)
_VERTEX = np.dtype([*((name, "<f4") for name in _FLOATS), ("label", "u1")])

_FORMAT = "format binary_little_endian 1.0"
_COMMENTS = (
    "6D Gaussians: x y z in millimetres, patient LPS; nx ny nz is the mean view direction",
    "covariance L L^T over (position, direction): diag L = exp(log_diagonal), mm and 1",
    "L_ij (j < i, row-major) = (2 sigmoid(off_diagonal) - 1) L_ii",
    "colour = 0.5 + SH, degree 1, sRGB; f_rest channel by channel; opacity before the sigmoid",
)
_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1",
    "short": "<i2", "int16": "<i2", "ushort": "<u2", "uint16": "<u2",
    "int": "<i4", "int32": "<i4", "uint": "<u4", "uint32": "<u4",
    "float": "<f4", "float32": "<f4", "double": "<f8", "float64": "<f8",
}  # fmt: skip
_REMEDY = "write it again with write_ply"
_HEADER_LINES_MAX = 1000


def write_ply(path: Path, gaussians: Gaussians6D) -> None:
    """Write ``gaussians`` to ``path``, atomically; float32 values keep their bits."""
    vertices = np.empty(len(gaussians), _VERTEX)
    sh = _array(gaussians.sh)
    columns = {
        _POSITION: _array(gaussians.means_mm),
        _DIRECTION: _array(gaussians.directions),
        _SH_DC: sh[:, 0],
        _SH_REST: sh[:, 1:].transpose(0, 2, 1).reshape(-1, 9),
        ("opacity",): _array(gaussians.opacity_logit)[:, None],
        _LOG_DIAGONAL: _array(gaussians.log_diagonal),
        _OFF_DIAGONAL: _array(gaussians.off_diagonal),
        ("label",): _array(gaussians.labels)[:, None],
    }
    for names, values in columns.items():
        for k, name in enumerate(names):
            vertices[name] = values[:, k]
    header = [
        "ply",
        _FORMAT,
        *(f"comment {line}" for line in _COMMENTS),
        f"element vertex {len(vertices)}",
        *(f"property float {name}" for name in _FLOATS),
        "property uchar label",
        "end_header",
    ]
    with staged(path) as staging, staging.open("wb") as stream:
        stream.write(("\n".join(header) + "\n").encode("ascii"))
        stream.write(vertices.tobytes())


def read_ply(path: Path) -> Gaussians6D:
    """Read what :func:`write_ply` wrote; properties may come in any order, and others are ignored.

    Raises:
        InputError: no such file, not such a PLY, or cut short.
    """
    try:
        with path.open("rb") as stream:
            count, vertex = _read_header(path, stream)
            expected = count * vertex.itemsize
            found = os.fstat(stream.fileno()).st_size - stream.tell()
            if found < expected:
                raise InputError(path, f"expected {expected} bytes of vertices, found {found}", _REMEDY)
            vertices = np.frombuffer(stream.read(expected), vertex)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "check the path") from None
    rest = _columns(vertices, _SH_REST).reshape(-1, 3, 3).transpose(0, 2, 1)
    sh = np.concatenate([_columns(vertices, _SH_DC)[:, None], rest], axis=1)
    return Gaussians6D(
        means_mm=torch.from_numpy(_columns(vertices, _POSITION)),
        directions=torch.from_numpy(_columns(vertices, _DIRECTION)),
        log_diagonal=torch.from_numpy(_columns(vertices, _LOG_DIAGONAL)),
        off_diagonal=torch.from_numpy(_columns(vertices, _OFF_DIAGONAL)),
        opacity_logit=torch.from_numpy(_columns(vertices, ("opacity",))[:, 0].copy()),
        sh=torch.from_numpy(sh),
        labels=torch.from_numpy(vertices["label"].astype(np.uint8)),
    )


def _read_header(path: Path, stream: BinaryIO) -> tuple[int, np.dtype]:
    """The number of vertices and their layout; leaves ``stream`` at the first vertex."""
    lines = []
    for _ in range(_HEADER_LINES_MAX):
        line = stream.readline(4096).decode("ascii", errors="replace").strip()
        if line == "end_header":
            break
        if line and not line.startswith("comment"):
            lines.append(line.split())
        if lines[:1] != [["ply"]]:
            break
    else:
        line = ""
    if line != "end_header":
        raise InputError(path, "expected the header of a PLY, found something else", _REMEDY)
    if _FORMAT.split() not in lines:
        raise InputError(path, f"expected `{_FORMAT}`, found another format", _REMEDY)
    elements = [words for words in lines if words[0] == "element"]
    if len(elements) != 1 or elements[0][1:2] != ["vertex"] or not elements[0][-1].isdigit():
        raise InputError(path, "expected one element, `vertex`, found others", _REMEDY)
    properties = [words[1:] for words in lines if words[0] == "property"]
    if any(len(words) != 2 or words[0] not in _TYPES for words in properties):
        raise InputError(path, "expected scalar properties, found others", _REMEDY)
    names = [name for _, name in properties]
    missing = [name for name in (_VERTEX.names or ()) if name not in names]
    if missing or len(set(names)) != len(names):
        problem = f"none called {missing[0]}" if missing else "one twice"
        raise InputError(path, f"expected the properties of 6D Gaussians, found {problem}", _REMEDY)
    return int(elements[0][-1]), np.dtype([(name, _TYPES[kind]) for kind, name in properties])


def _columns(vertices: NDArray[np.void], names: tuple[str, ...]) -> NDArray[np.float32]:
    """Some properties as a new contiguous (N, len(names)) array."""
    return np.ascontiguousarray(
        structured_to_unstructured(vertices[list(names)], dtype=np.float32, copy=True)
    )


def _array(tensor: torch.Tensor) -> NDArray:
    return tensor.detach().cpu().numpy()
