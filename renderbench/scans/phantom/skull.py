"""The skull with mandible and teeth, and the outline of the head around it.

Written in millimetres from the middle of the foramen magnum; the plane through ear canals and lower orbital
rims (Frankfurt) is horizontal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Material
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    Space,
    chain,
    ellipsoid,
    mirrored,
    roughened,
    soft_max,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import FAT_HU, FLUID_HU, GAS_HU, NERVE_HU, Textures

Array = NDArray[Any]

# Ellipsoids that together make the cranial cavity: centre and half-axes.
_CRANIUM: tuple[tuple[ArrayLike, ArrayLike], ...] = (
    ([0, 4, 62], [67, 74, 66]),
    ([0, -34, 62], [53, 56, 54]),
    ([0, 36, 34], [56, 42, 42]),
    ([42, -22, 28], [23, 36, 26]),
    ([-42, -22, 28], [23, 36, 26]),
)
# Floor of the cavity from front to back: above the orbits, beside the sella, behind the petrous bones.
_FLOOR_Y = [-120.0, -52.0, -44.0, -14.0, -2.0, 60.0, 90.0]
_FLOOR_Z = [40.0, 37.0, 17.0, 13.0, -2.0, -4.0, 6.0]

_TOOTH_ROW = np.array(
    [[27, -48], [27, -58], [26, -67], [24, -76], [19, -85], [12, -91], [4, -94]], dtype=float
)


def cranial_cavity(space: Space, body: Body) -> Field:
    """The room that the brain fills, in the ``space`` of the whole body."""
    space = space.moved(body.skull_base)
    room = union([ellipsoid(space, centre, half, reach_mm=26.0) for centre, half in _CRANIUM], blend_mm=26.0)
    x, y, z = space.coordinates(room.box)
    floor = np.interp(y, _FLOOR_Y, _FLOOR_Z)
    # The middle fossae lie beside a bony saddle.
    front = np.clip((-6.0 - y) / 8.0, 0.0, 1.0) * np.clip((y + 56.0) / 8.0, 0.0, 1.0)
    saddle = 22.0 * front * np.exp(-((x / 13.0) ** 4))
    return Field(box=room.box, values=soft_max(room.values, 0.8 * (floor + saddle - z), 8.0))


def paint_skull(canvas: Canvas, body: Body, cavity: Field, textures: Textures) -> None:
    """Cranium, face, mandible and teeth under one label, with air in sinuses and eyes in the orbits."""
    space = canvas.space.moved(body.skull_base)
    rough = Noise.drawn(body.stream("skull"), 12.0)
    for part in _air(space):
        canvas.paint(None, part, textures.flesh(GAS_HU, mottle_hu=20.0))
    canvas.paint("skull", union(_teeth(space), blend_mm=0.5), textures.flesh(1900.0, mottle_hu=120.0))
    shape = union([cavity.grown(6.0), *_cranial_relief(space), *_face(space)], blend_mm=5.0)
    for hole in [*_orbits(space), _foramen(space), *_passages(space)]:
        shape = without(shape, hole, blend_mm=3.0)
    jaw = union(_mandible(space), blend_mm=5.0)
    canvas.paint("skull", roughened(space, union([shape, jaw]), rough, 0.5), _diploe(textures))
    _paint_eyes(canvas, space, textures)


def head_outline(space: Space, body: Body, soft_mm: float) -> Field:
    """Signed distance to the skin of the head, ``soft_mm`` of soft tissue over the vault."""
    space = space.moved(body.skull_base)
    vault = union(
        [
            ellipsoid(space, centre, np.asarray(half) + 7.0 + soft_mm, reach_mm=40.0)
            for centre, half in _CRANIUM
        ],
        blend_mm=26.0,
    )
    parts = [
        vault,
        ellipsoid(space, [0, -54, -18], [57, 52, 70], power=2.3, reach_mm=40.0),
        ellipsoid(space, [0, -80, -66], [30, 28, 24], reach_mm=40.0),
        chain(space, [[0, -98, 32], [0, -114, 2]], [7.0, 11.0], reach_mm=40.0),
        chain(space, [[0, -20, 0], [0, -14, -80]], [62.0, 54.0], reach_mm=40.0),
    ]
    head = union(parts, blend_mm=14.0)
    ears = [
        ellipsoid(space, mirrored([77, 0, 8], sign), [5, 17, 30], frame=_leaning(sign)) for _, sign in SIDES
    ]
    return union([head, *ears], blend_mm=4.0)


def _leaning(sign: int) -> Array:
    turn = 0.35 * sign
    return np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]])


def _diploe(textures: Textures) -> Material:
    """Two dense tables with spongy bone between."""
    return textures.bone(cortex_mm=2.8, cortex_hu=1500.0, marrow_hu=560.0)


def _cranial_relief(space: Space) -> list[Field]:
    """What stands out of the vault and its base."""
    parts = [
        chain(space, [[0, -12, 0], [0, -26, 20]], [6, 8], wide=(1, 0, 0), stretch=1.6),
        ellipsoid(space, [0, -44, 16], [17, 17, 13]),
        ellipsoid(space, [0, 78, 16], [9, 7, 7]),
        chain(
            space,
            spline([[-50, -74, 42], [-27, -88, 45], [0, -93, 38], [27, -88, 45], [50, -74, 42]]),
            4.5,
        ),
    ]
    for _, sign in SIDES:
        parts += [
            # Petrous bone, mastoid process, condyle and the nuchal line.
            chain(space, mirrored([[58, -4, 4], [18, -24, 12]], sign), [10, 6]),
            chain(space, mirrored([[54, 8, 4], [52, 4, -20]], sign), [13, 6]),
            chain(space, mirrored([[17, 0, -3], [13, -11, -4]], sign), 5.0),
            chain(space, mirrored(spline([[56, 34, 8], [34, 66, 12], [2, 80, 16]]), sign), 4.0),
            # Styloid and pterygoid processes.
            chain(space, mirrored([[42, -8, -4], [37, -20, -34]], sign), [2.6, 1.4]),
            chain(space, mirrored([[15, -46, 4], [17, -43, -30]], sign), 1.8, wide=(0, 1, 0), stretch=3.5),
        ]
    return parts


def _face(space: Space) -> list[Field]:
    """Nasal bones, upper jaw with its sockets, cheek bones and the arches to the ears."""
    row = np.column_stack([_TOOTH_ROW, np.full(len(_TOOTH_ROW), -31.0)])
    parts = [
        chain(
            space,
            [[0, -94, 36], [0, -100, 24], [0, -106, 14]],
            [5, 4.5, 3],
            wide=(1, 0, 0),
            stretch=1.5,
        ),
        ellipsoid(space, [0, -68, -25], [27, 28, 4.5]),
        chain(space, [[0, -90, -22], [0, -100, -24]], [4, 1.6]),
        # The septum.
        chain(space, [[0, -84, -20], [0, -80, 28]], 1.6, wide=(0, 1, 0), stretch=7.0),
    ]
    for _, sign in SIDES:
        left: list[tuple[ArrayLike, ArrayLike, ArrayLike, float]] = [
            # Upper jaw, its alveolar process and the frontal process beside the nose.
            (spline([[36, -62, -4], [30, -70, -14], [24, -72, -24]]), 13.0, (0, 0, 1), 1.0),
            (spline(row), 6.0, (0, 0, 1), 1.5),
            ([[14, -91, -14], [13, -88, 12], [9, -90, 34]], [5.0, 4.0, 4.0], (0, 1, 0), 1.6),
            ([[19, -84, -4], [33, -79, -8]], 5.5, (0, 0, 1), 2.0),
            # Lower and outer rim of the orbit, the cheek bone and its arch.
            (
                spline([[17, -87, 8], [32, -83, -1], [47, -74, 3], [52, -66, 20], [51, -68, 40]]),
                4.4,
                (0, 0, 1),
                1.0,
            ),
            ([[40, -76, -6], [51, -68, -8]], [8.0, 7.0], (0, 0, 1), 1.3),
            (spline([[53, -64, -7], [63, -46, -4], [67, -28, -1], [63, -8, 2]]), 3.2, (0, 0, 1), 1.7),
            # The outer wall behind the rim, and the temporal line above it.
            ([[48, -62, 20], [34, -44, 20]], [3.0, 4.0], (0, 0, 1), 4.5),
            (spline([[51, -70, 40], [56, -56, 62], [62, -34, 78]]), 3.0, (0, 0, 1), 1.0),
        ]
        parts += [
            chain(space, mirrored(points, sign), radius, wide=wide, stretch=stretch)
            for points, radius, wide, stretch in left
        ]
    return parts


def _mandible(space: Space) -> list[Field]:
    parts = [ellipsoid(space, [0, -94, -75], [12, 7, 9])]
    for _, sign in SIDES:
        arch = spline([[44, -28, -56], [38, -50, -63], [27, -74, -67], [13, -90, -69], [0, -94, -69]])
        parts += [
            chain(space, mirrored(arch, sign), 5.6, wide=(0, 0, 1), stretch=2.3),
            chain(
                space,
                mirrored([[44, -26, -60], [49, -24, -18]], sign),
                4.2,
                wide=(0, 1, 0),
                stretch=3.6,
            ),
            chain(
                space,
                mirrored([[49, -16, -20], [51, -13, -5]], sign),
                [4.0, 5.4],
                wide=(1, 0, 0),
                stretch=1.5,
            ),
            chain(
                space,
                mirrored([[49, -32, -22], [48, -40, -5]], sign),
                [3.6, 2.0],
                wide=(0, 1, 0),
                stretch=2.0,
            ),
        ]
    return parts


def _teeth(space: Space) -> list[Field]:
    """Two rows that meet: molars broad, incisors flat."""
    fine = spline(_TOOTH_ROW, step_mm=0.5)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    parts = []
    for height, tip, shrink in ((-45.5, -38.0, 1.0), (-54.5, -62.0, 0.95)):
        place, widths = 0.0, [9.5, 10.0, 9.0, 7.0, 6.8, 7.6, 6.6, 7.4]
        for width in widths:
            middle = np.array([np.interp(place + 0.5 * width, along, fine[:, axis]) for axis in range(2)])
            place += 0.94 * width
            for _, sign in SIDES:
                point = [sign * shrink * middle[0], shrink * middle[1] - (1.0 - shrink) * 50.0]
                crown = np.array([[*point, height], [*point, tip]])
                parts.append(chain(space, crown, [0.46 * width, 0.3 * width], reach_mm=4.0))
    return parts


def _orbits(space: Space) -> list[Field]:
    """Cones that open forwards and a little outwards."""
    found = []
    for _, sign in SIDES:
        line = mirrored([[15, -44, 20], [26, -66, 20], [33, -82, 20], [37, -104, 19]], sign)
        found.append(chain(space, line, [4.0, 15.0, 17.5, 20.0]))
    return found


def _foramen(space: Space) -> Field:
    return chain(space, [[0, 0, -22], [0, 0, 8]], 14.5, wide=(0, 1, 0), stretch=1.2)


def _passages(space: Space) -> list[Field]:
    """The pear-shaped opening of the nose, the ear canals and the temporal fossae behind the cheek bones."""
    holes = [chain(space, [[0, -112, -12], [0, -84, -12]], [12.0, 11.0])]
    holes.append(chain(space, [[0, -112, 4], [0, -90, 6]], [7.5, 7.0]))
    for _, sign in SIDES:
        holes.append(chain(space, mirrored([[80, -2, 2], [48, -6, 3]], sign), 3.2))
    return holes


def _air(space: Space) -> list[Field]:
    """Nasal cavity, ethmoid, frontal, sphenoid and maxillary sinuses, and the pharynx behind."""
    parts = [
        ellipsoid(space, [0, -50, 16], [9, 9, 8]),
        chain(
            space,
            [[0, -40, -14], [0, -34, -40], [0, -38, -72]],
            [9.0, 8.0, 7.0],
            wide=(1, 0, 0),
            stretch=1.4,
        ),
    ]
    for _, sign in SIDES:
        parts += [
            chain(
                space,
                mirrored([[5.5, -98, -14], [5.5, -46, -12]], sign),
                3.4,
                wide=(0, 0, 1),
                stretch=1.8,
            ),
            chain(
                space,
                mirrored([[7.5, -80, 22], [7.5, -56, 20]], sign),
                4.0,
                wide=(0, 0, 1),
                stretch=2.2,
            ),
            ellipsoid(space, mirrored([31, -61, -10], sign), [10, 12, 13]),
            ellipsoid(space, mirrored([9, -85, 46], sign), [7, 3.5, 7]),
        ]
    return parts


def _paint_eyes(canvas: Canvas, space: Space, textures: Textures) -> None:
    """Lens, globe and optic nerve in the fat of the orbit."""
    for _, sign in SIDES:
        globe = mirrored([33, -80, 20], sign)
        lens = ellipsoid(space, globe + np.array([0, -8, 0]), [4.5, 2.2, 4.5])
        canvas.paint(None, lens, textures.flesh(95.0, mottle_hu=3.0))
        canvas.paint(None, ellipsoid(space, globe, [12, 12, 12]), textures.flesh(FLUID_HU, mottle_hu=2.0))
        nerve = np.vstack([globe + np.array([0, 10, 0]), mirrored([16, -44, 21], sign)])
        canvas.paint(None, chain(space, nerve, 2.2), textures.flesh(NERVE_HU))
    for orbit in _orbits(space):
        behind = _before(space, orbit, -82.0)
        canvas.paint(None, behind, textures.flesh(FAT_HU))


def _before(space: Space, field: Field, y_mm: float) -> Field:
    """The part of ``field`` behind (at larger y than) ``y_mm``."""
    _, y, _ = space.coordinates(field.box)
    return Field(box=field.box, values=np.maximum(field.values, np.float32(y_mm) - y))
