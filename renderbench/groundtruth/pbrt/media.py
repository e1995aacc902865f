"""A medium as a pbrt file that every view of it includes."""

from __future__ import annotations

import gzip
import hashlib
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import staged
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt.scene import VERSION, bounds, column_major, numbers, template

FLOOR = 1e-4
"""The smallest channel of a colour, relative to its largest.

pbrt turns colours into spectra; of a fully saturated one the spectrum exceeds pbrt's own bound and a
check of it fails. A ten-thousandth of the brightest channel is below an 8-bit step.
"""

# Corner 4 z + 2 y + x of a box, each 0 or 1; seen from outside, these go counterclockwise.
_FACES = ((0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6))
_MARK = "\0"


def write_medium(folder: Path, medium: Medium, *, anisotropy: float) -> Path:
    """Write ``medium-<digest>.pbrt.gz`` to ``folder`` unless it is there; returns its path.

    The name is a digest of the content, and the file appears whole or not at all.
    """
    path = folder / f"medium-{_digest(medium, anisotropy)}.pbrt.gz"
    if not path.is_file():
        with staged(path) as staging:
            _write(staging, medium, anisotropy)
    return path


def coefficients(colours: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Absorption and scattering (N, 3) in 1/mm of (N, 4) voxels of a medium: grey sigma_t, rgb sigma_s.

    Where a triple has any colour, no channel is below :data:`FLOOR` of its largest one.
    """
    values = colours.astype(np.float64)
    scattering = values[:, 1:]
    absorption = np.maximum(values[:, :1] - scattering, 0.0)
    return _floored(absorption), _floored(scattering)


def _floored(triples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.maximum(triples, FLOOR * triples.max(axis=1, keepdims=True, initial=0.0))


def _digest(medium: Medium, anisotropy: float) -> str:
    content = hashlib.sha256(f"{VERSION} {medium.density.shape} {anisotropy!r} {FLOOR!r}".encode())
    content.update(medium.world_from_voxel.tobytes())
    content.update(medium.density.tobytes())
    return content.hexdigest()[:16]


def _write(path: Path, medium: Medium, anisotropy: float) -> None:
    low, high = bounds(medium)
    corners = np.array([np.where(bits[::-1], high, low) for bits in product((0, 1), repeat=3)])
    rotation, shift = medium.world_from_voxel[:3, :3], medium.world_from_voxel[:3, 3]
    mirrored = np.linalg.det(rotation) < 0
    triangles = [(face[0], face[i], face[i + 1]) for face in _FACES for i in (1, 2)]
    text = template("medium.pbrt").substitute(
        nx=medium.density.shape[2],
        ny=medium.density.shape[1],
        nz=medium.density.shape[0],
        world_from_voxel=numbers(column_major(medium.world_from_voxel)),
        low=numbers(low),
        high=numbers(high),
        anisotropy=repr(float(anisotropy)),
        sigma_a=_MARK,
        sigma_s=_MARK,
        indices=numbers([triangle[::-1] if mirrored else triangle for triangle in triangles]),
        corners=numbers(corners @ rotation.T + shift),
    )
    before, between, after = (part.encode() for part in text.split(_MARK))
    codes, colours = _distinct(medium.density.reshape(-1, 4))
    absorption, scattering = coefficients(colours)
    # Level 1: the text shrinks tenfold, and a higher level takes longer than pbrt takes to read it.
    with gzip.open(path, "wb", compresslevel=1) as stream:
        stream.write(before)
        _write_triples(stream, codes, absorption)
        stream.write(between)
        _write_triples(stream, codes, scattering)
        stream.write(after)


def _write_triples(stream: gzip.GzipFile, codes: NDArray[np.int64], triples: NDArray[np.float64]) -> None:
    # A medium comes from a transfer function and has few distinct voxels: each is formatted once.
    lines = [b"%.5g %.5g %.5g\n" % tuple(triple) for triple in triples.tolist()]
    step = 1 << 20
    for start in range(0, len(codes), step):
        stream.write(b"".join(map(lines.__getitem__, codes[start : start + step].tolist())))


def _distinct(voxels: NDArray[np.float32]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """For (N, 4) voxels: (N,) which of the distinct ones each is, and those (M, 4)."""
    from pandas import factorize

    pairs = np.ascontiguousarray(voxels).view(np.uint64)
    first, _ = factorize(pairs[:, 0])
    second, _ = factorize(pairs[:, 1])
    codes, _ = factorize(first * (second.max(initial=0) + 1) + second)
    where = np.empty(codes.max(initial=-1) + 1, dtype=np.int64)
    where[codes] = np.arange(len(codes))
    return codes, voxels[where]
