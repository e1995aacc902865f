"""6D Gaussians as binary little-endian PLY, one vertex per Gaussian.

The properties shared with 3DGS keep its names and order: ``x y z``, ``nx ny nz`` (which hold the mean
direction, as Render-FM writes them), ``f_dc_*``, ``f_rest_*`` (channel by channel) and ``opacity`` (before
the sigmoid). ``log_diagonal_*``, ``off_diagonal_*`` and ``label`` follow; see
:class:`~renderbench.splats.gaussians.Gaussians6D`. For viewers of 3DGS, see
:func:`renderbench.splats.ply_3dgs.write_3dgs_ply`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.lib.recfunctions import structured_to_unstructured
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.groups import GROUPS
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.ply_file import read_vertices, write_vertices

_POSITION = ("x", "y", "z")
_DIRECTION = ("nx", "ny", "nz")
_SH_DC = tuple(f"f_dc_{k}" for k in range(3))
_SH_REST = tuple(f"f_rest_{k}" for k in range(9))
_LOG_DIAGONAL = tuple(f"log_diagonal_{k}" for k in range(6))
_OFF_DIAGONAL = tuple(f"off_diagonal_{k}" for k in range(15))
_FLOATS = (*_POSITION, *_DIRECTION, *_SH_DC, *_SH_REST, "opacity", *_LOG_DIAGONAL, *_OFF_DIAGONAL)
_VERTEX = np.dtype([*((name, "<f4") for name in _FLOATS), ("label", "u1")])

_COMMENTS = (
    "renderbench 6D Gaussians, version 1",
    "x y z in millimetres, patient LPS; nx ny nz is the mean view direction",
    "covariance L L^T over (position, direction): diag L = exp(log_diagonal), mm and 1",
    "L_ij (j < i, row-major) = (2 sigmoid(off_diagonal) - 1) L_ii",
    "colour = 0.5 + SH, degree 1, sRGB; f_rest channel by channel; opacity before the sigmoid",
)
_REMEDY = "write the 6D Gaussians again with write_ply"


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
    write_vertices(path, _COMMENTS, vertices)


def read_ply(path: Path) -> Gaussians6D:
    """Read what :func:`write_ply` wrote; properties may come in any order, and others are ignored.

    Raises:
        InputError: no such file; not such a PLY; more or fewer vertices than declared; a number that is not
            finite; or a label that is no group.
    """
    vertices = read_vertices(path, _VERTEX.names or (), _REMEDY)
    labels = vertices["label"]
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(GROUPS):
        problem = f"expected labels from 0 to {len(GROUPS) - 1}, found {labels.min()} to {labels.max()}"
        raise InputError(path, problem, _REMEDY)
    rest = _columns(vertices, _SH_REST).reshape(-1, 3, 3).transpose(0, 2, 1)
    sh = np.concatenate([_columns(vertices, _SH_DC)[:, None], rest], axis=1)
    return Gaussians6D(
        means_mm=torch.from_numpy(_columns(vertices, _POSITION)),
        directions=torch.from_numpy(_columns(vertices, _DIRECTION)),
        log_diagonal=torch.from_numpy(_columns(vertices, _LOG_DIAGONAL)),
        off_diagonal=torch.from_numpy(_columns(vertices, _OFF_DIAGONAL)),
        opacity_logit=torch.from_numpy(_columns(vertices, ("opacity",))[:, 0].copy()),
        sh=torch.from_numpy(sh),
        labels=torch.from_numpy(labels.astype(np.uint8)),
    )


def _columns(vertices: NDArray[np.void], names: tuple[str, ...]) -> NDArray[np.float32]:
    """Some properties as a new contiguous (N, len(names)) array."""
    return np.ascontiguousarray(
        structured_to_unstructured(vertices[list(names)], dtype=np.float32, copy=True)
    )


def _array(tensor: torch.Tensor) -> NDArray:
    return tensor.detach().cpu().numpy()
