"""Vertebrae, discs, sacrum and the spinal cord."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import VERTEBRAE, Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    chain,
    ellipsoid,
    from_formula,
    roughened,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.tissue import DISC_HU, FLUID_HU, NERVE_HU, Textures
from renderbench.scans.phantom.vertebrae import half_depth, half_width, vertebra_parts

Array = NDArray[Any]

# Median line, half-width and half-thickness of the fused sacral segments and the coccyx.
_SACRUM = np.array(
    [
        # y, z, half-width, half-thickness
        [24, -6, 50, 13],
        [33, -20, 54, 14],
        [48, -38, 48, 12],
        [62, -58, 38, 10.5],
        [70, -78, 29, 9],
        [72, -98, 22, 7.5],
        [66, -114, 13, 6],
        [58, -128, 7, 4.5],
        [50, -138, 4.5, 3.5],
    ]
)


def paint_spine(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Cord, C1 to L5 with their processes, S1, sacrum and the discs."""
    space = canvas.space
    rough = Noise.drawn(body.stream("spine"), 7.0)
    bone = textures.bone(cortex_mm=1.5)
    levels = np.arange(22.0, body.skull_base[2], 6.0)
    canal = np.column_stack([0 * levels, body.spine(levels) + half_depth(levels) + 9.0, levels])
    canal = np.vstack([canal, body.skull_base])
    cord = chain(space, canal, 6.2, wide=(1, 0, 0), stretch=1.2)
    canvas.paint("spinal_cord", cord, textures.flesh(NERVE_HU, mottle_hu=4.0))
    canvas.paint(None, cord.grown(1.8), textures.flesh(FLUID_HU))

    for name in VERTEBRAE:
        shape = union(vertebra_parts(space, body, name), blend_mm=2.0 if name.startswith("C") else 3.0)
        canvas.paint(f"vertebrae_{name}", roughened(space, shape, rough, 0.7), bone)
    _paint_sacrum(canvas, body, textures, rough)
    canvas.paint(None, _discs(body, canvas), textures.flesh(DISC_HU))


def _paint_sacrum(canvas: Canvas, body: Body, textures: Textures, rough: Noise) -> None:
    space = canvas.space
    bone = textures.bone(cortex_mm=1.4, marrow_hu=205.0)
    canal = chain(space, [[0, 46, 10], [0, 58, -30], [0, 78, -62], [0, 84, -90]], [8, 7, 5, 3], stretch=1.0)
    canvas.paint(None, canal, textures.flesh(FLUID_HU - 30.0))

    lean = np.array([0.0, -0.55, 0.83])
    back = np.array([0.0, 0.83, 0.55])
    top = ellipsoid(
        space, [0, 24, -8], [28, 18, 15], frame=np.column_stack([[1, 0, 0], back, lean]), power=2.8
    )
    canvas.paint("vertebrae_S1", roughened(space, top, rough, 0.7), bone)

    column = spline(np.column_stack([0 * _SACRUM[:, 0], _SACRUM[:, :2]]), extra=_SACRUM[:, 2:])
    trunk = chain(space, column[:, :3], column[:, 4], wide=(1, 0, 0), stretch=column[:, 3] / column[:, 4])
    crest = [[0, 58, 0], [0, 76, -28], [0, 88, -56], [0, 86, -84]]
    ridge = chain(space, spline(crest), 4.0, wide=(0, 0.3, 1), stretch=1.5)
    shape = union([trunk, ridge, canal.grown(3.4)], blend_mm=6.0)
    for level, gap in ((1, 22.0), (2, 20.0), (3, 18.0), (4, 15.0)):
        y, z = _SACRUM[level + 1, 0], _SACRUM[level + 1, 1] + 8.0
        for side in (1, -1):
            hole = [[side * gap, y - 26, z - 14], [side * gap, y + 24, z + 12]]
            shape = without(shape, chain(space, hole, 3.8 - 0.4 * level), blend_mm=3.0)
    canvas.paint("sacrum", roughened(space, shape, rough, 0.5), bone)


def _discs(body: Body, canvas: Canvas) -> Field:
    def formula(x: Array, y: Array, z: Array) -> Array:
        wide, deep = half_width(z) - 1.0, half_depth(z) - 0.5
        return (np.sqrt((x / wide) ** 2 + ((y - body.spine(z)) / deep) ** 2) - 1.0) * deep

    above = body.vertebra("C2")[0][2]
    return from_formula(canvas.space, [-30, -40, 0], [30, 75, above], formula)


def sacral_front(z: Array) -> Array:
    """y of the front of the sacrum at height ``z``, for what lies before it."""
    order = np.argsort(_SACRUM[:, 1])
    levels = np.minimum(z, 0.0)
    return np.interp(levels, _SACRUM[order, 1], (_SACRUM[:, 0] - _SACRUM[:, 3])[order])
