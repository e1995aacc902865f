"""Vertebrae, discs, sacrum and the spinal cord."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import BOTTOM_MM, TOP_MM, VERTEBRAE, Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    chain,
    ellipsoid,
    from_formula,
    mirrored,
    roughened,
    soft_max,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.tissue import DISC_HU, FLUID_HU, NERVE_HU, Textures

Array = NDArray[Any]

_LUMBAR = 12  # index of L1 in VERTEBRAE

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


def half_width(z: float) -> float:
    """Half the width of the vertebral body at height ``z``."""
    return float(np.interp(z, [20, 160, 260, 437], [25.5, 21.0, 16.5, 14.0]))


def half_depth(z: float) -> float:
    """Half the depth, front to back, of the vertebral body at height ``z``."""
    return float(np.interp(z, [20, 160, 260, 437], [17.0, 16.0, 13.5, 9.0]))


def paint_spine(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Cord, T1 to L5 with their processes, S1, sacrum and the discs."""
    space = canvas.space
    rough = Noise.drawn(body.stream("spine"), 7.0)
    bone = textures.bone(cortex_mm=1.5)
    levels = np.arange(22.0, TOP_MM + 12.0, 6.0)
    depth = np.array([half_depth(z) for z in levels])
    canal = np.column_stack([0 * levels, body.spine(levels) + depth + 9.0, levels])
    cord = chain(space, canal, 6.6, wide=(1, 0, 0), stretch=1.2)
    canvas.paint("spinal_cord", cord, textures.flesh(NERVE_HU, mottle_hu=4.0))
    canvas.paint(None, cord.grown(1.8), textures.flesh(FLUID_HU))

    for index, name in enumerate(VERTEBRAE):
        shape = union([_vertebral_body(body, canvas, name), *_arch(body, canvas, index)], blend_mm=3.0)
        canvas.paint(f"vertebrae_{name}", roughened(space, shape, rough, 0.7), bone)
    _paint_sacrum(canvas, body, textures, rough)
    canvas.paint(None, _discs(body, canvas), textures.flesh(DISC_HU))


def _frame(body: Body, z: float) -> tuple[Array, Array]:
    """Unit vectors backwards and upwards along the spine at height ``z``."""
    slope = float(body.spine(z + 6.0) - body.spine(z - 6.0)) / 12.0
    up = np.array([0.0, slope, 1.0]) / np.hypot(1.0, slope)
    return np.array([0.0, up[2], -up[1]]), up


def _vertebral_body(body: Body, canvas: Canvas, name: str) -> Field:
    centre, height = body.vertebra(name)
    back, up = _frame(body, centre[2])
    wide, deep = half_width(centre[2]), half_depth(centre[2])

    def formula(x: Array, y: Array, z: Array) -> Array:
        v = (y - centre[1]) * back[1] + (z - centre[2]) * back[2]
        w = (y - centre[1]) * up[1] + (z - centre[2]) * up[2]
        waist = 1.0 - 0.11 * np.clip(1.0 - (2.2 * w / height) ** 2, 0.0, 1.0)
        # The back of the body is hollowed towards the canal.
        hollow = np.where(v > 0, 1.0 + 0.22 * np.exp(-((x / (0.5 * wide)) ** 2)), 1.0)
        round_ = np.sqrt((x / wide) ** 2 + (v * hollow / deep) ** 2) / waist
        return soft_max((round_ - 1.0) * deep, np.abs(w) - 0.5 * height, 3.0)

    reach = np.array([wide + 6, deep + 10, 0.5 * height + 10])
    return from_formula(canvas.space, centre - reach, centre + reach, formula)


def _arch(body: Body, canvas: Canvas, index: int) -> list[Field]:
    centre, height = body.vertebra(VERTEBRAE[index])
    back, up = _frame(body, centre[2])
    wide, deep = half_width(centre[2]), half_depth(centre[2])
    side_x = 0.62 * wide

    def place(local: list[list[float]]) -> Array:
        points = np.array(local)
        return centre + points[:, :1] * [1, 0, 0] + points[:, 1:2] * back + points[:, 2:] * up

    lumbar = index >= _LUMBAR
    # Spinous processes: short plates in the loins, long and steep in the mid-chest.
    steep = 0.3 * height if lumbar else height * np.interp(index, [0, 3, 8, 11], [0.6, 1.1, 1.25, 0.5])
    spinous = [[0, deep + 18, -0.1 * height], [0, deep + (46 if lumbar else 40), -steep]]
    plate = [2.6, 3.1] if lumbar else [2.4, 1.7]
    parts = [
        chain(canvas.space, place(spinous), [2.8, 3.2], wide=up, stretch=plate),
    ]
    if lumbar:
        transverse = [[0.7 * wide, deep + 7, 0.1 * height], [wide + 19, deep + 10, 0.28 * height]]
    else:
        reach = np.interp(index, [0, 6, 11], [22, 20, 12])
        transverse = [[side_x, deep + 9, 0.1 * height], [side_x + reach, deep + 20, 0.25 * height]]
    for side in (1, -1):
        pedicle = [[side_x, deep - 3, 0.2 * height], [side_x, deep + 10, 0.14 * height]]
        lamina = [[side_x, deep + 11, 0.08 * height], [2, deep + 20, -0.15 * height]]
        upper = [[side_x, deep + 12, 0.1 * height], [side_x * 1.05, deep + 14, 0.68 * height]]
        lower = [[side_x, deep + 14, -0.05 * height], [side_x * 0.9, deep + 17, -0.66 * height]]
        for points, radius, stretch in (
            (pedicle, [4.4, 4.2], 1.5),
            (lamina, [3.2, 2.8], 2.7),
            (upper, [4.8, 4.4], 1.3),
            (lower, [4.6, 4.2], 1.3),
            (transverse, [5.0, 3.2] if lumbar else [4.0, 4.2], 1.4),
        ):
            line = place(mirrored(points, side).tolist())
            parts.append(chain(canvas.space, line, radius, wide=up, stretch=stretch))
    return parts


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
    shape = union([trunk, ridge], blend_mm=6.0)
    for level, gap in ((1, 22.0), (2, 20.0), (3, 18.0), (4, 15.0)):
        y, z = _SACRUM[level + 1, 0], _SACRUM[level + 1, 1] + 8.0
        for side in (1, -1):
            hole = [[side * gap, y - 26, z - 14], [side * gap, y + 24, z + 12]]
            shape = without(shape, chain(space, hole, 3.8 - 0.4 * level), blend_mm=3.0)
    canvas.paint("sacrum", roughened(space, shape, rough, 0.5), bone)


def _discs(body: Body, canvas: Canvas) -> Field:
    def formula(x: Array, y: Array, z: Array) -> Array:
        wide = np.interp(z, [20, 160, 260, 437], [24.5, 20.0, 15.5, 13.0])
        deep = np.interp(z, [20, 160, 260, 437], [16.5, 15.5, 13.0, 8.5])
        return (np.sqrt((x / wide) ** 2 + ((y - body.spine(z)) / deep) ** 2) - 1.0) * deep

    return from_formula(canvas.space, [-30, -25, 0], [30, 75, TOP_MM + 4], formula)


def sacral_front(z: Array) -> Array:
    """y of the front of the sacrum at height ``z``, for what lies before it."""
    order = np.argsort(_SACRUM[:, 1])
    levels = np.clip(z, BOTTOM_MM, 0.0)
    return np.interp(levels, _SACRUM[order, 1], (_SACRUM[:, 0] - _SACRUM[:, 3])[order])
