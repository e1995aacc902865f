"""Great vessels of chest and abdomen, as tubes along splines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    Space,
    chain,
    mirrored,
    roughened,
    spline,
    union,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import Contrast, Textures
from renderbench.scans.phantom.vertebrae import half_depth

Array = NDArray[Any]
Waypoint = Sequence[float] | Array
Waypoints = Sequence[Waypoint] | Array

PULMONARY_ARTERY = "Pulmonary Artery (User-defined)"

# Radii of the carotid above the collar bone; it widens where it divides.
_CAROTID_MM = [4.2, 4.2, 5.4, 3.6, 3.2, 3.0]


def tube(space: Space, points: Waypoints, radii: ArrayLike) -> Field:
    """A round tube along a smooth curve through ``points`` (n, 3) with ``radii`` (n,)."""
    line = spline(np.array(points, float), extra=radii)
    return chain(space, line[:, :3], line[:, 3])


def paint_vessels(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """Arteries, then veins; what runs in front is painted first."""
    rng = body.stream("vessels")
    rough = Noise.drawn(rng, 14.0)
    girth = float(rng.uniform(0.92, 1.12))

    def paint(name: str, parts: list[Field], hu: float) -> None:
        shape = roughened(canvas.space, union(parts, blend_mm=3.0), rough, 0.5).grown(girth - 1.0)
        canvas.paint(name, shape, textures.flesh(hu, mottle_hu=4.0))

    arteries = _arteries(canvas.space, body)
    veins = _veins(canvas.space, body)
    for name, parts in arteries.items():
        paint(name, parts, contrast.lung_artery if name == PULMONARY_ARTERY else contrast.aorta)
    for name, parts in veins.items():
        paint(name, parts, contrast.portal if name == "portal_vein_and_splenic_vein" else contrast.veins)
    _paint_limb_vessels(canvas, body, contrast, textures)


def before_spine(body: Body, x: float, z: ArrayLike, gap: float) -> Array:
    """Points (n, 3) at ``x``, ``gap`` mm before the vertebral bodies, at heights ``z``."""
    level = np.asarray(z, float)
    depth = half_depth(level)
    return np.column_stack([np.full_like(level, x), body.spine(level) - depth - gap, level])


def _arteries(space: Space, body: Body) -> dict[str, list[Field]]:
    arch = [[2, -36, 296], [-12, -42, 318], [-18, -44, 345], [-12, -36, 368], [2, -18, 380], [15, 2, 378]]
    chest = np.array([[22, 17, 362], [23, 25, 335], [22, 29, 300], [19, 27, 262], [15, 19, 225]], float)
    belly = before_spine(body, 10.0, [190, 160, 130, 100, 72, 52], 11.0)
    belly[-1, 0] = 4.0
    aorta = tube(
        space,
        np.vstack([arch, chest, belly]),
        [15.5, 15.5, 15, 14, 13.5, 13, 12.5, 12, 11.8, 11.5, 11, 10.5, 10, 9.5, 9.2, 9, 8.6],
    )
    trunks: dict[str, list[Field]] = {
        "aorta": [aorta, *_branches(space, belly)],
        "brachiocephalic_trunk": [
            tube(space, [[-9, -34, 372], [-18, -26, 392], [-26, -16, 408]], [7, 6.5, 6.5])
        ],
        "common_carotid_artery_right": [
            tube(space, [[-25, -17, 406], [-25, -16, 425], *_carotid(body, -1)], [4.4, 4.2, *_CAROTID_MM])
        ],
        "common_carotid_artery_left": [
            tube(
                space,
                [[1, -20, 380], [12, -17, 402], [21, -16, 426], *_carotid(body, 1)],
                [4.6, 4.3, 4.2, *_CAROTID_MM],
            )
        ],
        "subclavian_artery_right": [
            tube(
                space,
                [[-26, -15, 408], [-42, -8, 419], [-66, -8, 419], [-100, -14, 406], [-134, -2, 400]],
                [5.2, 5, 4.8, 4.4, 4],
            )
        ],
        "subclavian_artery_left": [
            tube(
                space,
                [[13, -2, 381], [22, 0, 402], [38, -2, 418], [64, -8, 420], [100, -14, 407], [134, -2, 400]],
                [5.6, 5.3, 5, 4.8, 4.4, 4],
            )
        ],
        PULMONARY_ARTERY: [
            tube(space, [[18, -74, 298], [18, -66, 318], [15, -48, 334], [12, -30, 340]], [15, 14, 14, 13]),
            tube(space, [[14, -32, 338], [-12, -20, 337], [-38, -12, 330], [-54, -8, 318]], [12, 11, 10, 7]),
            tube(space, [[14, -34, 339], [34, -16, 344], [48, 2, 338], [56, 12, 322]], [12, 11, 10, 7]),
        ],
    }
    y = float(belly[-1, 1])
    common: list[list[float]]
    outer: list[list[float]]
    inner: list[list[float]]
    for side, sign in SIDES:
        common = [[sign * 2 + 3, y, 54], [sign * 22, y + 3, 22], [sign * 42, y + 10, -4]]
        outer = [[sign * 58, -22, -34], [sign * 72, -46, -70], [sign * 80, -62, -104], [sign * 86, -62, -150]]
        inner = [[sign * 42, y + 10, -4], [sign * 44, 14, -24], [sign * 52, 30, -56]]
        trunks[f"iliac_artery_{side}"] = [
            tube(space, [*common, *outer], [6.2, 5.8, 5.4, 4.8, 4.6, 4.6, 4.4]),
            tube(space, inner, [4.4, 3.8, 2.6]),
        ]
    return trunks


def _carotid(body: Body, sign: int) -> Array:
    """The common carotid from the collar bone on, and the internal one up to its canal in the skull.

    TotalSegmentator has no label for the internal carotid; its course is given to the common one.
    """
    base = body.skull_base + mirrored([25, -14, -2], sign)
    neck = before_spine(body, 0.0, [450.0, 482.0, 512.0, 534.0], 5.0)
    neck[:, 0] = sign * np.array([23.0, 27.0, 28.0, 29.0])
    return np.vstack([neck, 0.5 * (neck[-1] + base) + mirrored([1, -2, 0], sign), base])


def _jugular(body: Body, sign: int) -> Array:
    """The internal jugular vein, which has no label, from the skull to behind the collar bone."""
    base = body.skull_base + mirrored([27, -2, -2], sign)
    neck = before_spine(body, 0.0, [432.0, 465.0, 500.0, 535.0], 1.0)
    neck[:, 0] = sign * np.array([38.0, 37.0, 37.0, 34.0])
    neck[0, 1] = -22.0
    return np.vstack([neck, base])


def _paint_limb_vessels(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """Jugular veins and the vessels of the thighs, which have no label."""
    space = canvas.space
    thigh = [[86, -62, -140], [88, -52, -190], [78, -34, -250], [66, -10, -330]]
    arteries, veins = [], []
    for _, sign in SIDES:
        veins.append(tube(space, _jugular(body, sign), [6, 6.5, 6, 5, 4.5]))
        line = mirrored(thigh, sign)
        arteries.append(tube(space, line, [4.4, 4.2, 3.8, 3.4]))
        veins.append(tube(space, line + mirrored([-12, 8, 0], sign), [5.6, 5.2, 4.6, 4.2]))
    canvas.paint(None, union(arteries), textures.flesh(contrast.aorta, mottle_hu=4.0))
    canvas.paint(None, union(veins), textures.flesh(contrast.veins, mottle_hu=4.0))


def _branches(space: Space, belly: Array) -> list[Field]:
    """Coeliac trunk, superior mesenteric and renal arteries."""
    x, y = belly[1, 0], belly[1, 1]
    return [
        tube(
            space,
            [[x, y, 163], [x - 2, y - 16, 164], [x - 14, y - 24, 162], [x - 30, y - 26, 158]],
            [4, 3.6, 3, 2.4],
        ),
        tube(space, [[x, y - 16, 164], [x + 18, y - 18, 166], [x + 42, y + 4, 166]], [3.2, 2.8, 2.4]),
        tube(
            space,
            [[x, y, 152], [x - 1, y - 18, 142], [x - 4, y - 24, 116], [x - 10, y - 30, 76]],
            [4.2, 4, 3.4, 2.6],
        ),
        tube(space, [[x, y + 2, 124], [x + 22, y + 14, 121], [x + 40, y + 28, 118]], [3.4, 3, 2.6]),
        tube(space, [[x, y + 2, 122], [x - 28, y + 12, 118], [x - 56, y + 28, 110]], [3.4, 3, 2.6]),
    ]


def _veins(space: Space, body: Body) -> dict[str, list[Field]]:
    cava = before_spine(body, -20.0, [50, 80, 110, 140, 165], 9.0)
    cava = np.vstack(
        [
            [[-14, cava[0, 1] + 3, 34]],
            cava,
            [[-24, -8, 195], [-27, -14, 225], [-28, -20, 252], [-28, -24, 272]],
        ]
    )
    start = cava[0]
    veins: dict[str, list[Field]] = {
        "superior_vena_cava": [
            tube(
                space,
                [[-27, -36, 374], [-30, -34, 350], [-31, -32, 325], [-30, -32, 302]],
                [9, 9.5, 9.8, 10.5],
            )
        ],
        "brachiocephalic_vein_right": [
            tube(space, [[-27, -36, 376], [-32, -32, 396], [-38, -25, 414], [-38, -22, 432]], [8, 7.4, 7, 6])
        ],
        "brachiocephalic_vein_left": [
            tube(
                space,
                [[-25, -37, 377], [-6, -41, 387], [18, -36, 397], [35, -26, 412], [38, -22, 432]],
                [7.6, 7.2, 7, 7, 6],
            )
        ],
        "inferior_vena_cava": [
            tube(space, cava, [11, 11, 11, 11.5, 11.5, 12, 12.5, 12.5, 13, 13]),
            tube(space, [[-20, cava[3, 1] + 2, 118], [-40, 4, 114], [-58, 20, 108]], [5, 4.5, 4]),
            tube(
                space,
                [[-18, cava[3, 1], 122], [10, cava[3, 1] - 13, 124], [38, 6, 120], [48, 20, 118]],
                [4.6, 4.2, 4.2, 4],
            ),
        ],
        "portal_vein_and_splenic_vein": [
            tube(space, [[-8, -40, 130], [-16, -44, 148], [-30, -46, 166], [-42, -46, 178]], [7, 7.4, 7, 6]),
            tube(space, [[-42, -46, 178], [-62, -36, 186], [-84, -26, 188]], [5.6, 4.6, 3.2]),
            tube(space, [[-38, -47, 176], [-14, -58, 192], [8, -66, 202]], [5, 4.2, 3]),
            tube(
                space,
                [[-8, -40, 132], [16, -38, 140], [44, -12, 150], [68, 14, 164], [88, 24, 176]],
                [5.6, 5, 4.6, 4.4, 3.8],
            ),
            tube(space, [[-8, -40, 130], [-8, -44, 105], [-8, -48, 74]], [5.6, 4.8, 3.4]),
        ],
    }
    for side, sign in SIDES:
        line = [start, [-14 + sign * 14, start[1] + 8, 12], [sign * 36, 6, -14], [sign * 54, -8, -42]]
        outer = [[sign * 66, -34, -74], [sign * 70, -52, -106], [sign * 73, -54, -150]]
        inner = [[sign * 38, 6, -14], [sign * 46, 24, -38], [sign * 52, 34, -66]]
        veins[f"iliac_vena_{side}"] = [
            tube(space, [*line, *outer], [9, 8, 7.2, 6.4, 6, 6, 5.6]),
            tube(space, inner, [5, 4.4, 3]),
        ]
    return veins


def branching(
    rng: np.random.Generator,
    start: ArrayLike,
    direction: ArrayLike,
    *,
    radius: float,
    length: float,
    levels: int,
) -> list[tuple[Array, Array]]:
    """A tree of tapering twigs: for each, its points (3, 3) and radii (3,)."""
    base, ahead = np.asarray(start, float), np.asarray(direction, float)
    ahead = ahead / np.linalg.norm(ahead)
    bend = ahead + rng.normal(0.0, 0.18, 3)
    middle = base + 0.5 * length * ahead
    tip = middle + 0.5 * length * bend / np.linalg.norm(bend)
    twigs = [(np.vstack([base, middle, tip]), radius * np.array([1.0, 0.9, 0.8]))]
    if levels > 1:
        for _ in range(2 if rng.random() < 0.75 else 3):
            turn = bend + rng.normal(0.0, 0.55, 3)
            scale = rng.uniform(0.62, 0.86)
            twigs += branching(
                rng,
                tip,
                turn,
                radius=radius * scale,
                length=length * rng.uniform(0.68, 0.95),
                levels=levels - 1,
            )
    return twigs
