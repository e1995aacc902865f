"""Flight to the next collision: delta tracking, cell by cell of constant majorant."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.interpolation import sigma_t_of_a_corner
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.majorants import CELL
from renderbench.groundtruth.native.random_numbers import two_uniforms

_F = np.float32
_CELL_F = _F(CELL)
_NEVER = _F(1e30)


@helper
def flight(
    x: Any,
    y: Any,
    z: Any,
    vx: Any,
    vy: Any,
    vz: Any,
    tau: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    state: Any,
) -> tuple[bool, Any, Any, Any, Any]:
    """Fly from a position (voxels) at a velocity (voxels / mm) to the next real collision, or out.

    ``tau`` is the optical depth, by the majorants, at which the first tentative collision lies.
    Returns whether there was a collision, where, and the state of the random numbers.
    """
    cells_z, cells_y, cells_x = majorants.shape
    cx = min(max(int(x / _CELL_F), 0), cells_x - 1)
    cy = min(max(int(y / _CELL_F), 0), cells_y - 1)
    cz = min(max(int(z / _CELL_F), 0), cells_z - 1)
    step_x, next_x, every_x = _cell_steps(x, vx, cx)
    step_y, next_y, every_y = _cell_steps(y, vy, cy)
    step_z, next_z, every_z = _cell_steps(z, vz, cz)
    t = _F(0.0)
    while True:
        majorant = majorants[cz, cy, cx]
        t_out = min(next_x, min(next_y, next_z))
        while tau < majorant * (t_out - t):
            t += tau / majorant
            px, py, pz = x + t * vx, y + t * vy, z + t * vz
            state, accept, redraw = two_uniforms(state)
            state, sigma_t = sigma_t_of_a_corner(px, py, pz, cx, cy, cz, density, state)
            if accept * majorant < sigma_t:
                return True, px, py, pz, state
            tau = -math.log(_F(1.0) - redraw)
        tau -= max(majorant * (t_out - t), _F(0.0))
        t = t_out
        if next_x <= t_out:
            cx += step_x
            next_x += every_x
            if cx < 0 or cx >= cells_x:
                break
        elif next_y <= t_out:
            cy += step_y
            next_y += every_y
            if cy < 0 or cy >= cells_y:
                break
        else:
            cz += step_z
            next_z += every_z
            if cz < 0 or cz >= cells_z:
                break
    return False, x, y, z, state


@helper
def _cell_steps(position: Any, velocity: Any, cell: int) -> tuple[int, Any, Any]:
    """The direction of the walk along one axis, the time to the first cell boundary and between two (mm)."""
    if velocity > _F(1e-9):
        return 1, (_F(np.int32(cell + 1)) * _CELL_F - position) / velocity, _CELL_F / velocity
    if velocity < _F(-1e-9):
        return -1, (_F(np.int32(cell)) * _CELL_F - position) / velocity, -_CELL_F / velocity
    return 0, _NEVER, _NEVER
