"""Airways, oesophagus, thyroid, the fat between them, and the lungs around them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Material, Patch
from renderbench.scans.phantom.fields import (
    Field,
    Space,
    chain,
    from_formula,
    mirrored,
    soft_max,
    union,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import FAT_HU, Textures
from renderbench.scans.phantom.vessels import before_spine, branching, tube

Array = NDArray[Any]

LARYNX_MM = 474.0
"""Height of the cricoid cartilage, where windpipe and gullet begin."""

_RIB_TO_LUNG_MM = 7.5
_APEX_MM = 436.0


def paint_airways(canvas: Canvas, body: Body, gland_hu: float, textures: Textures) -> list[Field]:
    """Trachea with the main bronchi, oesophagus and thyroid; returns what the lungs must keep clear of."""
    space = canvas.space
    fork = np.array([0.0, -2.0, 350.0])
    top = before_spine(body, 1.0, [LARYNX_MM, 450, 420, 385], 17.0)
    airway = union(
        [
            tube(space, np.vstack([top, fork]), [9.0, 10.0, 10.0, 10.0, 10.5]),
            tube(space, [fork, [-20, 1, 336], [-40, 6, 320], [-52, 8, 306]], [8.5, 8.0, 7.4, 6.0]),
            tube(space, [fork, [22, 4, 336], [42, 10, 322], [54, 14, 310]], [8.0, 7.2, 6.8, 5.6]),
        ],
        blend_mm=4.0,
    )
    wall = textures.hollow(wall_mm=2.6, wall_hu=48.0, inside=lambda p: np.full(len(p.depth), -990.0))
    canvas.paint("trachea", airway, wall)

    gullet = before_spine(body, 4.0, [LARYNX_MM, 450, 420, 385, 350], 6.5)
    lower = [[4, 17, 315], [6, 14, 280], [10, 4, 250], [18, -8, 226], [30, -10, 212]]
    gullet[:, 0] += [-3, -1, 1, 2, 0]
    esophagus = tube(space, np.vstack([gullet, lower]), [6, 6.5, 7, 7.5, 7.5, 7.5, 7.5, 8, 8, 8.5])
    inside = textures.flesh(10.0, mottle_hu=30.0)
    canvas.paint("esophagus", esophagus, textures.hollow(wall_mm=3.8, wall_hu=68.0, inside=inside))

    thyroid = _thyroid(space, top, body.stream("thyroid"))
    canvas.paint("thyroid_gland", thyroid, textures.flesh(gland_hu, mottle_hu=12.0))
    return [airway, esophagus]


def _thyroid(space: Space, windpipe: Array, rng: np.random.Generator) -> Field:
    """Two pear-shaped lobes beside the windpipe below the larynx, and the isthmus between them."""
    size = float(rng.uniform(0.85, 1.2))
    low, high = windpipe[1] - [0, 0, 10], windpipe[0] + [0, 0, 6]
    shape = np.array([[15, -1, 0], [18, 2, 0], [18, 4, 0]], float)
    axis = np.vstack([low, 0.5 * (low + high), high])
    girth = size * np.array([8.5, 8.5, 4.5])
    lobes = [
        chain(space, axis + mirrored(shape, sign), girth, wide=(0, 1, 0), stretch=1.25) for _, sign in SIDES
    ]
    front = low + np.array([[-14, -10, 5], [0, -13, 6], [14, -10, 5]])
    bridge = chain(space, front, 4.0, wide=(0, 0, 1), stretch=1.8)
    return union([*lobes, bridge], blend_mm=5.0)


def paint_mediastinum(canvas: Canvas, body: Body, organs: list[Field], textures: Textures) -> None:
    """The fat that keeps heart, vessels and airways apart from the lungs."""
    space = canvas.space
    core = [
        chain(space, [[2, -56, 400], [2, -62, 340], [6, -80, 300]], [9, 7, 5], wide=(1, 0, 0), stretch=1.5),
        chain(space, [[0, -20, 440], [0, -22, 400], [-2, -20, 372], [2, 2, 340]], [26, 26, 26, 20]),
        chain(space, [[10, 15, 330], [10, 18, 290], [8, 10, 240], [8, 4, 190]], [16, 15, 15, 18]),
        chain(space, [[-40, -6, 322], [50, 4, 322]], [10, 12]),
    ]
    shape = union([*core, *[organ.grown(3.2) for organ in organs]], blend_mm=10.0)
    canvas.paint(None, shape, textures.flesh(FAT_HU, mottle_hu=12.0))


def paint_lungs(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Five lobes in what is left of the rib cage above the diaphragm, with their vessels."""
    space = canvas.space
    rng = body.stream("lungs")
    tilt = rng.normal(0.0, 5.0, 3)

    def pleura(x: Array, y: Array, z: Array) -> Array:
        inside = body.cage_distance(x, y, z) + _RIB_TO_LUNG_MM
        dome = 0.8 * (body.diaphragm(x, y) + 2.5 - z)
        roof = z - _APEX_MM + 0.0 * x
        spine = 3.5 + 0.06 * np.abs(y) - np.abs(x) + 0.0 * z
        return soft_max(soft_max(soft_max(inside, dome, 5.0), roof, 20.0), spine, 2.0)

    def oblique(x: Array, y: Array, z: Array, side: int) -> Array:
        """Above 0 before and above the oblique fissure."""
        level = 281.0 + tilt[side] + 1.05 * (y + 4.0) + 0.06 * np.abs(x)
        return (z - level) / 1.45

    def horizontal(x: Array, y: Array, z: Array) -> Array:
        return z - (290.0 + tilt[2]) - 0.10 * (y + 40.0) + 0.0 * x

    room = from_formula(space, [-155, -130, 120], [155, 95, _APEX_MM + 4.0], pleura)
    x, y, z = space.coordinates(room.box)

    def lobe(side: int, upper: int, middle: int) -> Field:
        here = np.maximum(room.values, -side * x)
        here = np.maximum(here, -upper * oblique(x, y, z, 0 if side > 0 else 1))
        if middle:
            here = np.maximum(here, -middle * horizontal(x, y, z))
        return Field(box=room.box, values=here)

    air = _lung_air(textures, rng)
    lobes = {
        "lung_upper_lobe_left": lobe(1, 1, 0),
        "lung_lower_lobe_left": lobe(1, -1, 0),
        "lung_upper_lobe_right": lobe(-1, 1, 1),
        "lung_middle_lobe_right": lobe(-1, 1, -1),
        "lung_lower_lobe_right": lobe(-1, -1, 0),
    }
    for name, shape in lobes.items():
        canvas.paint(name, shape, air)
    _tint_twigs(canvas, rng, list(lobes))


def _lung_air(textures: Textures, rng: np.random.Generator) -> Material:
    base = float(rng.uniform(-870.0, -835.0))

    def material(patch: Patch) -> Array:
        # Lung lies heavier towards the back of a patient on a table, and fissures show as thin lines.
        hanging = 0.45 * (patch.points[:, 1] + 10.0)
        seam = 150.0 * np.clip(1.0 - patch.depth / 1.2, 0.0, 1.0)
        return base + hanging + seam + 14.0 * textures.mottle.at(patch.points)

    return material


def _tint_twigs(canvas: Canvas, rng: np.random.Generator, lobes: list[str]) -> None:
    """Vessels inside the lungs; in the labels they belong to the lobe they run in."""
    roots: list[tuple[list[float], list[list[float]]]] = [
        (
            [54, 6, 320],
            [[0.6, -0.5, 0.7], [0.7, 0.5, 0.6], [0.7, -0.7, -0.2], [0.6, 0.6, -0.6], [0.5, -0.1, -0.9]],
        ),
        (
            [-52, 2, 314],
            [[-0.6, -0.5, 0.8], [-0.7, 0.5, 0.6], [-0.7, -0.8, -0.1], [-0.6, 0.6, -0.6], [-0.5, -0.1, -0.9]],
        ),
    ]
    for root, directions in roots:
        for direction in directions:
            for points, radii in branching(rng, root, direction, radius=4.2, length=30.0, levels=6):
                twig = chain(canvas.space, points, np.maximum(radii, 0.8), reach_mm=1.0)
                canvas.tint(lobes, twig, lambda p: np.full(len(p.depth), 40.0))
