"""Hip bones and femurs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Material, Patch
from renderbench.scans.phantom.fields import (
    Noise,
    beads,
    chain,
    cut,
    ellipsoid,
    mirrored,
    roughened,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import Textures

Array = NDArray[Any]

HIP_JOINT = np.array([90.0, 4.0, -99.0])
_HEAD_MM = 22.5

# The wing's upper edge from the front spine over the crest to the back, and its lower edge above the socket.
_CREST = np.array(
    [[120, -62, -22], [133, -40, 8], [137, -6, 32], [120, 32, 42], [88, 60, 36], [60, 82, 14], [50, 90, -10]],
    dtype=float,
)
_BROW = np.array(
    [
        [102, -44, -62],
        [100, -26, -70],
        [94, 0, -72],
        [82, 24, -62],
        [68, 42, -48],
        [60, 62, -42],
        [52, 80, -36],
    ],
    dtype=float,
)


def wing(count: tuple[int, int] = (120, 80)) -> tuple[Array, Array, Array, Array]:
    """The left iliac wing as a surface.

    Returns:
        Points and outward unit normals (a, u, 3); the position along the crest, front to back, and the height
        from the socket to the crest, both in [0, 1] and (a, u).
    """
    along = np.linspace(0, 1, count[0])
    crest, brow = _resampled(_CREST, along), _resampled(_BROW, along)
    u = np.linspace(0, 1, count[1])[None, :, None]
    points = brow[:, None, :] * (1 - u) + crest[:, None, :] * u
    # The fossa is hollow towards the belly: the sheet bulges outwards and backwards half-way up.
    bulge = 26.0 * u * (1 - u) * np.sin(np.pi * np.clip(along, 0.02, 0.98))[:, None, None]
    points = points + bulge * np.array([0.55, 0.25, -0.35])
    normal = np.cross(np.gradient(points, axis=0), np.gradient(points, axis=1))
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    normal *= np.where(normal[..., :1] < 0, -1.0, 1.0)
    a, h = np.broadcast_arrays(along[:, None], u[..., 0])
    return points, normal, a, h


def paint_pelvis(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Femurs, then the hip bones around them, on both sides."""
    space = canvas.space
    rough = Noise.drawn(body.stream("pelvis"), 12.0)
    bone = textures.bone(cortex_mm=1.6, marrow_hu=215.0)
    surface, _, along, height = wing()
    edge = np.clip((height - 0.86) / 0.14, 0, 1) + np.clip((0.10 - along) / 0.10, 0, 1) * 0.5
    thick = (
        2.9 + 3.4 * edge + 6.5 * np.clip(1 - height / 0.35, 0, 1) + 4.0 * np.clip((along - 0.8) / 0.2, 0, 1)
    )
    for side, sign in SIDES:
        joint = mirrored(HIP_JOINT, sign)
        femur = union(
            [
                ellipsoid(space, joint, [_HEAD_MM] * 3),
                chain(space, np.vstack([joint, mirrored([124, 8, -122], sign)]), [15.5, 16.0]),
                chain(space, mirrored([[134, 18, -106], [130, 14, -128]], sign), [12.5, 17.0]),
                chain(space, mirrored(_SHAFT, sign), [19, 16, 14.5, 14]),
            ],
            blend_mm=9.0,
        )
        canvas.paint(f"femur_{side}", roughened(space, femur, rough, 0.4), _thigh_bone(textures))

        socket = ellipsoid(space, joint - [sign * 3, 0, 0], [31, 31, 31])
        socket = cut(
            space, socket, joint + np.array([sign * 8, -4, -4]), [sign * 0.75, -0.38, -0.5], blend_mm=4.0
        )
        hip = union(
            [
                beads(space, mirrored(surface.reshape(-1, 3), sign), thick.reshape(-1)),
                socket,
                chain(space, spline(mirrored(_PUBIS, sign)), np.linspace(11, 7.5, len(spline(_PUBIS)))),
                chain(space, mirrored([[84, 24, -100], [70, 44, -132], [62, 44, -168]], sign), [15, 13, 15]),
                chain(space, mirrored([[60, 34, -166], [34, -4, -156], [13, -38, -134]], sign), [9, 6, 7]),
                ellipsoid(space, mirrored([11, -46, -122], sign), [9, 9, 17]),
                chain(space, mirrored([[72, 38, -108], [56, 58, -112]], sign), [7, 3]),
            ],
            blend_mm=7.0,
        )
        hip = without(hip, ellipsoid(space, joint, [_HEAD_MM + 2.6] * 3), blend_mm=2.0)
        canvas.paint(f"hip_{side}", roughened(space, hip, rough, 0.45), bone)
        gap = ellipsoid(space, joint, [_HEAD_MM + 2.6] * 3)
        canvas.paint(None, gap, textures.flesh(70.0))


def _thigh_bone(textures: Textures) -> Material:
    """Spongy at the hip; further down a thick tube around yellow marrow."""
    hip = textures.bone(cortex_mm=1.6, marrow_hu=215.0)
    shaft = textures.bone(cortex_mm=5.5, cortex_hu=1250.0, marrow_hu=-35.0)

    def material(patch: Patch) -> Array:
        down = np.clip((-140.0 - patch.points[:, 2]) / 40.0, 0.0, 1.0)
        return np.asarray(hip(patch) + down * (shaft(patch) - hip(patch)))

    return material


_SHAFT = np.array([[126, 10, -128], [120, 6, -160], [112, 0, -220], [99, -5, -330]], dtype=float)
_PUBIS = np.array([[80, -22, -92], [58, -40, -98], [34, -50, -108], [12, -50, -116]], dtype=float)


def _resampled(points: Array, t: Array) -> Array:
    curve = spline(points, step_mm=1.0)
    place = np.linspace(0, 1, len(curve))
    return np.stack([np.interp(t, place, curve[:, axis]) for axis in range(3)], axis=1)
