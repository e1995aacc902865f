"""The brain: folded hemispheres, cerebellum and stem in their fluid.

Written in millimetres from the middle of the foramen magnum, as the skull is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Patch
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    Space,
    chain,
    common,
    ellipsoid,
    mirrored,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import FLUID_HU, Textures

Array = NDArray[Any]

_GREY_HU, _WHITE_HU = 38.0, 29.0
_SULCUS_MM = 15.0


def paint_brain(canvas: Canvas, body: Body, cavity: Field, textures: Textures) -> None:
    """Brain, its ventricles and the fluid around it, inside the ``cavity`` of the skull."""
    space = canvas.space.moved(body.skull_base)
    rng = body.stream("brain")
    room = cavity.grown(-1.0)
    tent = _below_tent(space, room)
    folds = Noise.drawn(rng, 15.0), Noise.drawn(rng, 22.0)
    shrunk = float(rng.uniform(0.8, 1.5))
    hemispheres = _folded(space, without(room, tent.grown(1.0)), folds, shrunk)
    stem = chain(space, [[0, 0, -6], [0, -8, 14], [0, -16, 26], [0, -10, 42]], [6.5, 9, 13, 12])
    shape = union([hemispheres, common(room, common(tent, _cerebellum(space))), common(room, stem)])

    def material(patch: Patch) -> Array:
        deep = np.clip((patch.depth - 3.0) / 1.5, 0.0, 1.0)
        return _GREY_HU + deep * (_WHITE_HU - _GREY_HU) + 1.5 * textures.mottle.at(patch.points)

    canvas.paint("brain", shape, material)
    fluid = textures.flesh(FLUID_HU - 4.0, mottle_hu=2.0)
    for ventricle in _ventricles(space, shrunk):
        canvas.tint(["brain"], ventricle, fluid)
    canvas.paint(None, cavity, fluid)


def _below_tent(space: Space, room: Field) -> Field:
    """The room of the cerebellum, under the tent that carries the back of the hemispheres."""
    x, y, z = space.coordinates(room.box)
    tent = z - (44.0 - 0.010 * x**2 - 0.30 * np.maximum(y - 15.0, 0.0))
    return Field(box=room.box, values=np.maximum(tent, -14.0 - y).astype(np.float32))


def _folded(space: Space, room: Field, folds: tuple[Noise, Noise], shrunk: float) -> Field:
    """The hemispheres: the fissure between them, the lateral ones, and sulci where a noise crosses zero."""
    k, j, i = np.nonzero((room.values < 0.0) & (room.values > -_SULCUS_MM))
    x, y, z = space.coordinates(room.box)
    points = np.stack([x[k, 0, i], y[k, j, 0], z[k, 0, 0]], axis=1)
    winding = np.abs(folds[0].at(points) + 0.5 * folds[1].at(points))
    values = room.values.copy()
    tapered = shrunk * (1.0 + values[k, j, i] / _SULCUS_MM)
    values[k, j, i] = np.maximum(values[k, j, i], 6.0 * (0.28 * tapered - winding))
    around_callosum = np.hypot((y + 4.0) / 46.0, (z - 56.0) / 28.0) > 1.0
    values = np.maximum(values, np.where(around_callosum, 1.3 - np.abs(x), -1e3).astype(np.float32))
    hemispheres = Field(box=room.box, values=values)
    for _, sign in SIDES:
        line = spline([[56, -44, 34], [60, -24, 42], [61, 0, 52], [58, 22, 62]])
        cleft = chain(space, mirrored(line, sign), 1.6, wide=(1, 0, 0), stretch=6.0)
        hemispheres = without(hemispheres, cleft)
    return hemispheres


def _cerebellum(space: Space) -> Field:
    """Two hemispheres of the small brain, in leaves that lie flat."""
    lobes = [ellipsoid(space, mirrored([23, 34, 18], sign), [30, 32, 24]) for _, sign in SIDES]
    shape = union([*lobes, ellipsoid(space, [0, 30, 20], [12, 24, 22])], blend_mm=6.0)
    _, _, z = space.coordinates(shape.box)
    leaf = 1.0 - 2.0 * np.abs(np.sin(np.pi * (z) / 7.5)) - 0.25 * np.maximum(-shape.values, 0.0)
    return Field(box=shape.box, values=np.maximum(shape.values, leaf).astype(np.float32))


def _ventricles(space: Space, width: float) -> list[Field]:
    """The lateral ventricles with their horns, the third and the fourth."""
    found = [
        chain(space, [[0, -22, 50], [0, 0, 50]], 1.5 * width, wide=(0, 0, 1), stretch=5.0),
        chain(space, [[0, 10, 14], [0, 4, 26]], 4.0, wide=(1, 0, 0), stretch=1.5),
    ]
    for _, sign in SIDES:
        horn = spline([[12, -52, 62], [9, -28, 72], [11, 2, 76], [22, 24, 66], [26, 44, 56]])
        found.append(chain(space, mirrored(horn, sign), 3.6 * width, wide=(0, 0, 1), stretch=1.4))
    return found
