"""The medium between its voxels."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.majorants import CELL
from renderbench.groundtruth.native.random_numbers import WEYL, mixed

_F = np.float32
_U64 = np.uint64
_21_BITS = _F(2.0**-21)


@helper
def interpolated(x: Any, y: Any, z: Any, density: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """The four values of ``density`` at float32 continuous voxel indices, trilinear."""
    depth, height, width, _ = density.shape
    i = min(max(int(x), 0), width - 2)
    j = min(max(int(y), 0), height - 2)
    k = min(max(int(z), 0), depth - 2)
    fx = min(x - _F(np.int32(i)), _F(1.0))
    fy = min(y - _F(np.int32(j)), _F(1.0))
    fz = min(z - _F(np.int32(k)), _F(1.0))
    a = b = c = d = _F(0.0)
    for dk in range(2):
        wz = fz if dk else _F(1.0) - fz
        for dj in range(2):
            wy = wz * (fy if dj else _F(1.0) - fy)
            for di in range(2):
                weight = wy * (fx if di else _F(1.0) - fx)
                a += weight * density[k + dk, j + dj, i + di, 0]
                b += weight * density[k + dk, j + dj, i + di, 1]
                c += weight * density[k + dk, j + dj, i + di, 2]
                d += weight * density[k + dk, j + dj, i + di, 3]
    return a, b, c, d


@helper
def albedo(x: Any, y: Any, z: Any, density: np.ndarray) -> tuple[Any, Any, Any]:
    """sigma_s / sigma_t (rgb), both interpolated trilinearly."""
    sigma_t, red, green, blue = interpolated(x, y, z, density)
    if sigma_t <= _F(0.0):
        return _F(0.0), _F(0.0), _F(0.0)
    return min(red / sigma_t, _F(1.0)), min(green / sigma_t, _F(1.0)), min(blue / sigma_t, _F(1.0))


@helper
def sigma_t_of_a_corner(
    x: Any, y: Any, z: Any, cx: int, cy: int, cz: int, density: np.ndarray, state: Any
) -> tuple[Any, Any]:
    """sigma_t at one of the eight voxels around, drawn with its trilinear weight.

    A collision accepted with probability sigma_t / majorant is then accepted exactly as often as
    with the interpolated value, for one look into memory instead of eight. The corners are among
    those that the cell's majorant bounds, whatever rounding did to the position.
    """
    state += WEYL
    bits = mixed(state)
    i = min(max(int(x), cx * CELL), min(cx * CELL + CELL - 1, density.shape[2] - 2))
    j = min(max(int(y), cy * CELL), min(cy * CELL + CELL - 1, density.shape[1] - 2))
    k = min(max(int(z), cz * CELL), min(cz * CELL + CELL - 1, density.shape[0] - 2))
    if _F(np.int32(bits >> _U64(43))) * _21_BITS < x - _F(np.int32(i)):
        i += 1
    if _F(np.int32((bits >> _U64(22)) & _U64(0x1FFFFF))) * _21_BITS < y - _F(np.int32(j)):
        j += 1
    if _F(np.int32((bits >> _U64(1)) & _U64(0x1FFFFF))) * _21_BITS < z - _F(np.int32(k)):
        k += 1
    return state, density[k, j, i, 0]
