"""Compiled loops over voxels: distance to chains and beads, and value noise.

Every loop visits only the voxels near its primitive and runs on one thread in a fixed order, so a field is
bitwise the same wherever it is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, vectorize
from numpy.typing import NDArray

Floats = NDArray[Any]


@njit(cache=True, nogil=True)
def _first(low: float, start: float, step: float) -> int:
    return max(0, int(np.ceil((low - start) / step)))


@njit(cache=True, nogil=True)
def _last(high: float, start: float, step: float, count: int) -> int:
    return min(count, int(np.floor((high - start) / step)) + 1)


@njit(cache=True, nogil=True)
def chain_distance(
    values: Floats,
    z: Floats,
    y: Floats,
    y_scale: Floats,
    y_shift: Floats,
    x: Floats,
    x_scale: Floats,
    x_shift: Floats,
    points: Floats,
    radii: Floats,
    wide: Floats,
    stretch: Floats,
    reach: float,
) -> None:
    """Lower ``values`` (d, h, w) to the signed distance of a chain of tapered, flattened capsules.

    Voxel (k, j, i) lies where `Space` says. ``points`` (n, 3), ``radii`` (n,);
    the section is ``stretch`` (n,) times wider along the unit vectors ``wide`` (n, 3). Voxels farther than
    ``reach`` from a capsule are left as they are.
    """
    depth, height, width = values.shape
    dz = z[1] - z[0]
    dy = y[1] - y[0]
    dx = x[1] - x[0]
    for s in range(points.shape[0] - 1):
        ax, ay, az = points[s, 0], points[s, 1], points[s, 2]
        vx, vy, vz = points[s + 1, 0] - ax, points[s + 1, 1] - ay, points[s + 1, 2] - az
        length2 = vx * vx + vy * vy + vz * vz + 1e-9
        ux, uy, uz = wide[s, 0], wide[s, 1], wide[s, 2]
        widest = max(radii[s], radii[s + 1]) * max(stretch[s], stretch[s + 1], 1.0) + reach
        k0 = _first(min(az, az + vz) - widest, z[0], dz)
        k1 = _last(max(az, az + vz) + widest, z[0], dz, depth)
        for k in range(k0, k1):
            y_step, y_start = dy * y_scale[k], y[0] * y_scale[k] + y_shift[k]
            x_step, x_start = dx * x_scale[k], x[0] * x_scale[k] + x_shift[k]
            j0 = _first(min(ay, ay + vy) - widest, y_start, y_step)
            j1 = _last(max(ay, ay + vy) + widest, y_start, y_step, height)
            i0 = _first(min(ax, ax + vx) - widest, x_start, x_step)
            i1 = _last(max(ax, ax + vx) + widest, x_start, x_step, width)
            qz = z[k] - az
            for j in range(j0, j1):
                qy = y_start + j * y_step - ay
                for i in range(i0, i1):
                    qx = x_start + i * x_step - ax
                    t = (qx * vx + qy * vy + qz * vz) / length2
                    t = min(1.0, max(0.0, t))
                    ex, ey, ez = qx - t * vx, qy - t * vy, qz - t * vz
                    flat = stretch[s] + t * (stretch[s + 1] - stretch[s])
                    off = (1.0 / flat - 1.0) * (ex * ux + ey * uy + ez * uz)
                    ex, ey, ez = ex + off * ux, ey + off * uy, ez + off * uz
                    d = np.sqrt(ex * ex + ey * ey + ez * ez) - (radii[s] + t * (radii[s + 1] - radii[s]))
                    if d < values[k, j, i]:
                        values[k, j, i] = d


@njit(cache=True, nogil=True)
def bead_distance(
    values: Floats,
    z: Floats,
    y: Floats,
    y_scale: Floats,
    y_shift: Floats,
    x: Floats,
    x_scale: Floats,
    x_shift: Floats,
    points: Floats,
    radii: Floats,
    reach: float,
) -> None:
    """Lower ``values`` (d, h, w) to the signed distance of spheres: ``points`` (n, 3), ``radii`` (n,)."""
    depth, height, width = values.shape
    dz = z[1] - z[0]
    dy = y[1] - y[0]
    dx = x[1] - x[0]
    for s in range(points.shape[0]):
        cx, cy, cz = points[s, 0], points[s, 1], points[s, 2]
        far = radii[s] + reach
        for k in range(_first(cz - far, z[0], dz), _last(cz + far, z[0], dz, depth)):
            ez = z[k] - cz
            y_step, y_start = dy * y_scale[k], y[0] * y_scale[k] + y_shift[k]
            x_step, x_start = dx * x_scale[k], x[0] * x_scale[k] + x_shift[k]
            j0 = _first(cy - far, y_start, y_step)
            j1 = _last(cy + far, y_start, y_step, height)
            i0 = _first(cx - far, x_start, x_step)
            i1 = _last(cx + far, x_start, x_step, width)
            for j in range(j0, j1):
                ey = y_start + j * y_step - cy
                for i in range(i0, i1):
                    ex = x_start + i * x_step - cx
                    d = np.sqrt(ex * ex + ey * ey + ez * ez) - radii[s]
                    if d < values[k, j, i]:
                        values[k, j, i] = d


@njit(cache=True, nogil=True)
def value_noise(points: Floats, table: Floats, cell: float, out: Floats) -> None:
    """Fill ``out`` (n,) with smooth noise at ``points`` (n, 3): a periodic (m, m, m) table, eased between."""
    m = table.shape[0]
    for n in range(points.shape[0]):
        px, py, pz = points[n, 0] / cell, points[n, 1] / cell, points[n, 2] / cell
        fx, fy, fz = np.floor(px), np.floor(py), np.floor(pz)
        tx, ty, tz = px - fx, py - fy, pz - fz
        tx, ty, tz = tx * tx * (3 - 2 * tx), ty * ty * (3 - 2 * ty), tz * tz * (3 - 2 * tz)
        i0, j0, k0 = int(fx) % m, int(fy) % m, int(fz) % m
        i1, j1, k1 = (i0 + 1) % m, (j0 + 1) % m, (k0 + 1) % m
        a = table[k0, j0, i0] + tx * (table[k0, j0, i1] - table[k0, j0, i0])
        b = table[k0, j1, i0] + tx * (table[k0, j1, i1] - table[k0, j1, i0])
        c = table[k1, j0, i0] + tx * (table[k1, j0, i1] - table[k1, j0, i0])
        d = table[k1, j1, i0] + tx * (table[k1, j1, i1] - table[k1, j1, i0])
        low = a + ty * (b - a)
        out[n] = low + tz * (c + ty * (d - c) - low)


@vectorize(["float32(float32, float32, float32)"], cache=True)
def eased_min(a: float, b: float, blend: float) -> float:
    """The smaller of two distances, eased over ``blend`` (above 0) where they are close."""
    near = max(blend - abs(a - b), 0.0) / blend
    return min(a, b) - near * near * 0.25 * blend


@vectorize(["float32(float32, float32, float32, float32, float32)"], cache=True)
def oval(u: float, v: float, half_u: float, half_v: float, power: float) -> float:
    """Signed distance to a superellipse: ``u`` and ``v`` from its centre, in units of the half-axes."""
    level = (abs(u) ** power + abs(v) ** power) ** (1.0 / power)
    steep = np.sqrt((u / half_u) ** 2 + (v / half_v) ** 2) + 1e-4
    return level * (level - 1.0) / steep
