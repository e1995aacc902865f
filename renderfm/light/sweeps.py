"""Kernels: extinction of blocks, and radiance carried through a grid of them along 26 directions.

The directions are those to the neighbours of a cell, so what reaches a cell left exactly one other cell and
nothing is interpolated. Their weights are Lebedev's for 26 points, exact up to degree 7.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderfm.light.jit import helper, kernel

# Of a direction along an axis, a face diagonal, a space diagonal: by the number of axes that it moves along.
_AXIS, _FACE, _SPACE = np.float32(1 / 21), np.float32(4 / 105), np.float32(9 / 280)


@kernel
def block_extinction(alpha: Any, group: Any, shown: Any, alpha_max: Any, per_mm: Any, sigma_t: Any) -> None:
    """Mean extinction of every 2 × 2 × 2 block's voxels, 1/mm, into ``sigma_t`` (⌊D/2⌋, ⌊H/2⌋, ⌊W/2⌋).

    ``alpha`` and ``group`` are (D, H, W) float32, ``group`` the index over the highest; ``shown`` says of
    each group whether it is there at all.
    """
    highest = np.float32(len(shown) - 1)
    depth, height, width = sigma_t.shape
    for k in range(depth):
        for j in range(height):
            for i in range(width):
                total = 0.0
                for c in range(8):
                    z, y, x = 2 * k + c // 4, 2 * j + c // 2 % 2, 2 * i + c % 2
                    found = alpha[z, y, x]
                    if found > 0 and shown[int(group[z, y, x] * highest + np.float32(0.5))]:
                        total -= math.log1p(-min(float(found), alpha_max))
                sigma_t[k, j, i] = total * per_mm / 8.0


@helper
def _weight(axes: Any) -> Any:
    return _AXIS if axes == 1 else (_FACE if axes == 2 else _SPACE)


@helper
def _row(upstream: Any, transmittance: Any, source: Any, weight: Any, arriving: Any, leaving: Any) -> None:
    for i in range(len(leaving)):
        radiance = upstream[i]
        arriving[i] += weight * radiance
        leaving[i] = source[i] + (radiance - source[i]) * transmittance[i]


@kernel
def sweep_slices(transmittance: Any, source: Any, ascending: Any, arriving: Any) -> None:
    """Add the nine directions that go up (``ascending``) or down through the slices to ``arriving``.

    Args:
        transmittance: (3, D, H, W) float32, through a cell along an axis, a face diagonal, a space diagonal.
        source: (D, H, W) float32, what a cell itself sends: its in-scattered radiance times its albedo.
        ascending: whether k grows along the direction.
        arriving: (D, H, W) float32, the weighted sum of radiance that enters; outside, it is 1.
    """
    depth, height, width = source.shape
    before = np.ones((9, height + 2, width + 2), dtype=np.float32)
    here = np.ones((9, height + 2, width + 2), dtype=np.float32)
    for step in range(depth):
        k = step if ascending else depth - 1 - step
        for j in range(height):
            for direction in range(9):
                dj, di = direction // 3 - 1, direction % 3 - 1
                axes = 1 + abs(dj) + abs(di)
                _row(
                    before[direction, 1 + j - dj, 1 - di : 1 - di + width],
                    transmittance[axes - 1, k, j],
                    source[k, j],
                    _weight(axes),
                    arriving[k, j],
                    here[direction, 1 + j, 1 : 1 + width],
                )
        before, here = here, before


@kernel
def sweep_within_slices(transmittance: Any, source: Any, arriving: Any) -> None:
    """Add the eight directions that stay in a slice to ``arriving``; arguments as :func:`sweep_slices`."""
    depth, height, width = source.shape
    radiance = np.ones((height + 2, width + 2), dtype=np.float32)
    for k in range(depth):
        for direction in range(9):
            dj, di = direction // 3 - 1, direction % 3 - 1
            axes = abs(dj) + abs(di)
            if axes == 0:
                continue
            for row in range(height):
                j = row if dj >= 0 else height - 1 - row
                if dj != 0:
                    _row(
                        radiance[1 + j - dj, 1 - di : 1 - di + width],
                        transmittance[axes - 1, k, j],
                        source[k, j],
                        _weight(axes),
                        arriving[k, j],
                        radiance[1 + j, 1 : 1 + width],
                    )
                else:
                    entering = np.float32(1.0)
                    for column in range(width):
                        i = column if di > 0 else width - 1 - column
                        arriving[k, j, i] += _AXIS * entering
                        sent = source[k, j, i]
                        entering = sent + (entering - sent) * transmittance[0, k, j, i]
