"""The thoracic cage: ribs, costal cartilages and the sternum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import (
    Noise,
    chain,
    mirrored,
    roughened,
    spline,
    union,
)
from renderbench.scans.phantom.tissue import CARTILAGE_HU, Textures
from renderbench.scans.phantom.vertebrae import half_depth, half_width

Array = NDArray[Any]

SIDES = (("left", 1), ("right", -1))

# Per rib: angle at which its bone ends (degrees from the back), and how far it descends on the way.
_END_DEG = [164, 160, 156, 153, 149, 143, 136, 127, 116, 106, 76, 50]
_DROP_MM = [30, 47, 60, 71, 80, 87, 93, 95, 90, 82, 56, 42]
# Where cartilages 1 to 7 meet the sternum.
_STERNAL_Z = [394, 353, 328, 308, 290, 273, 259]
# Half-width and half-thickness of the sternum by height.
_STERNUM = np.array(
    [
        # z, half-width, half-thickness
        [401, 25, 5.5],
        [388, 26, 6.5],
        [370, 20, 6],
        [353, 16, 5],
        [335, 15, 5.5],
        [300, 18, 5.5],
        [268, 20, 5],
        [256, 14, 4.5],
        [246, 8, 3.5],
        [228, 4, 2.6],
    ]
)


def paint_cage(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Twelve pairs of ribs, the sternum and the cartilages between them."""
    space = canvas.space
    rng = body.stream("ribs")
    rough = Noise.drawn(rng, 9.0)
    bone = textures.bone(cortex_mm=1.3, marrow_hu=250.0)
    levels = _STERNUM[:, 0]
    middle = np.column_stack([0 * levels, body.cage(levels)[1], levels])
    plate = spline(middle, extra=_STERNUM[:, 1:])
    sternum = chain(space, plate[:, :3], plate[:, 4], wide=(1, 0, 0), stretch=plate[:, 3] / plate[:, 4])
    canvas.paint("sternum", roughened(space, sternum, rough, 0.4), bone)

    cartilages = []
    for side, sign in SIDES:
        margin: list[Array] = []
        for number in range(1, 13):
            line = _rib_line(body, number, wobble=float(rng.normal(0.0, 1.5)))
            radius, broad, stretch = _rib_section(body, line, number, sign)
            shape = chain(space, mirrored(line, sign), radius, wide=broad, stretch=stretch)
            canvas.paint(f"rib_{side}_{number}", roughened(space, shape, rough, 0.25), bone)
            if number <= 10:
                path = _cartilage_line(body, line, number, margin)
                margin.append(path)
                girth = np.linspace(4.2, 4.8 if number < 8 else 3.4, len(path))
                cartilages.append(chain(space, mirrored(path, sign), girth, stretch=1.3))
    gristle = textures.flesh(CARTILAGE_HU, mottle_hu=14.0)
    canvas.paint("costal_cartilages", union(cartilages, blend_mm=4.0), gristle)


def _rib_line(body: Body, number: int, *, wobble: float) -> Array:
    """The axis (n, 3) of a left rib from its head to the cartilage."""
    centre, height = body.vertebra(f"T{number}")
    wide, deep = half_width(centre[2]), half_depth(centre[2])
    head_z = 0.2 if number in (1, 11, 12) else 0.42
    head = [wide * 0.92, centre[1] + 0.8 * deep, centre[2] + head_z * height]
    tubercle = [0.62 * wide + 24.0, centre[1] + deep + 12.0, centre[2] + 0.3 * height]
    first = np.deg2rad(np.interp(number, [1, 2, 3, 5, 12], [62, 42, 32, 25, 22]))
    last = np.deg2rad(_END_DEG[number - 1])
    t = np.linspace(0.0, 1.0, 14 if number < 11 else 7)
    # Ribs fall fastest along the side of the chest.
    fall = 0.10 + 0.90 * (t + 0.09 * np.sin(2 * np.pi * (t - 0.5)))
    z = centre[2] + 0.3 * height - (_DROP_MM[number - 1] + wobble) * fall
    return spline(np.vstack([head, tubercle, body.on_cage(first + t * (last - first), z)]), step_mm=4.0)


def _rib_section(body: Body, line: Array, number: int, sign: int) -> tuple[Array, Array, Array]:
    """Radius, broad direction and flattening along a rib: flat against the chest wall."""
    along = np.gradient(line, axis=0)
    _, front, back = body.cage(line[:, 2])
    outward = np.column_stack([line[:, 0], 1.4 * (line[:, 1] - 0.5 * (front + back)), 0 * front])
    broad = np.cross(outward, along)
    if number == 1:
        # The first rib lies flat, like a collar.
        broad = np.cross(np.broadcast_to([0.0, 0.0, 1.0], along.shape), along)
    t = np.linspace(0.0, 1.0, len(line))
    size = 0.95 if number == 1 else 0.82 if number == 12 else 1.0
    radius = size * np.interp(t, [0, 0.08, 0.2, 0.9, 1], [4.4, 3.6, 3.7, 3.2, 3.0])
    stretch = np.interp(t, [0, 0.1, 0.3, 0.85, 1], [1.3, 1.4, 1.75, 1.9, 2.1])
    return radius, mirrored(broad, sign), stretch


def _cartilage_line(body: Body, rib: Array, number: int, others: list[Array]) -> Array:
    """From the end of rib 1 to 7 to the sternum, of 8 to 10 up to the cartilage above."""
    start = rib[-1]
    if number <= 7:
        z = float(_STERNAL_Z[number - 1])
        edge = float(np.interp(z, _STERNUM[::-1, 0], _STERNUM[::-1, 1]))
        end = np.array([edge + 1.0, float(body.cage(z)[1]) + 1.0, z])
    else:
        above = others[-1]
        end = above[int(0.45 * len(above))]
    angle = [np.arctan2(p[0], -(p[1] + 10.0)) for p in (start, end)]
    middle = body.on_cage(np.pi - 0.5 * (angle[0] + angle[1]), 0.5 * (start[2] + end[2]))
    # The lower cartilages go on downwards before they turn up to the sternum.
    middle = 0.5 * (middle + 0.5 * (start + end)) - [0.0, 0.0, max(0.0, 2.2 * (number - 4))]
    return spline(np.vstack([start, middle, end]), step_mm=4.0)
