"""What lies around the organs: skin, fat, and the muscle of the body's wall. None of it is labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from renderbench.scans.phantom.abdomen import cavity
from renderbench.scans.phantom.body import BOTTOM_MM, TOP_MM, Body, oval_distance
from renderbench.scans.phantom.canvas import Canvas, Patch
from renderbench.scans.phantom.fields import Field, Noise, chain, ellipsoid, from_formula, mirrored, union
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.skull import head_outline
from renderbench.scans.phantom.tissue import FAT_HU, MUSCLE_HU, SKIN_HU, Textures

Array = NDArray[Any]

_SKIN_MM = 2.2
# Below this the trunk is two thighs, above the other it is a head.
_CROTCH_MM, _NECK_TOP_MM = -172.0, 566.0
_BREAST_AT = np.array([72.0, -106.0, 286.0])

# Half-width, front and back of the trunk and neck without their fat, and how much of the fat they carry.
_LEVELS = [-310, -160, -100, -50, 0, 50, 100, 150, 200, 250, 300, 340, 380, 410, 430, 446, 462, 480, 510, 600]
_WIDE = PchipInterpolator(
    _LEVELS,
    [164, 164, 164, 156, 148, 142, 147, 153, 156, 156, 157, 166, 188, 194, 178, 140, 96, 66, 57, 57],
)
_FRONT = PchipInterpolator(
    _LEVELS,
    [
        -80,
        -80,
        -88,
        -100,
        -112,
        -114,
        -116,
        -122,
        -127,
        -123,
        -112,
        -100,
        -85,
        -68,
        -58,
        -54,
        -54,
        -56,
        -60,
        -52,
    ],
)
_BACK = PchipInterpolator(
    _LEVELS, [112, 116, 122, 122, 110, 94, 88, 90, 97, 104, 108, 108, 104, 95, 86, 80, 72, 63, 56, 62]
)
_FAT = PchipInterpolator([-310, 330, 400, 450, 490, 600], [1.0, 1.0, 0.9, 0.5, 0.3, 0.3])


def outline(body: Body, z: Any) -> tuple[Array, Array, Array]:
    """Half-width, front and back of the skin of trunk and neck at template height ``z``."""
    fat = fat_mm(body, z)
    level = np.clip(z, _LEVELS[0], _LEVELS[-1])
    front = np.asarray(_FRONT(level))
    # A deeper belly pushes the wall forward, most at the navel.
    front = front - 110.0 * (body.belly - 1.0) * np.exp(-(((level - 40.0) / 110.0) ** 2))
    return _WIDE(level) + fat, front - 1.15 * fat, _BACK(level) + 0.8 * fat


def fat_mm(body: Body, z: Any) -> Array:
    """Thickness of the fat under the skin at template height ``z``: thin at the neck and over the head."""
    return body.fat_mm * np.asarray(_FAT(np.clip(z, _LEVELS[0], _LEVELS[-1])))


def paint_envelope(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Fill what no organ holds inside the skin: the body's cavities with fat, its wall with muscle."""
    rng = body.stream("envelope")
    bundles, lobules, wobble = Noise.drawn(rng, 13.0), Noise.drawn(rng, 9.0), Noise.drawn(rng, 60.0)
    dense = float(rng.uniform(-0.3, 1.2))
    soft = textures.flesh(FAT_HU, mottle_hu=9.0)

    lining = from_formula(
        canvas.space, [-160, -140, -165], [160, 110, 300], lambda x, y, z: cavity(body, x, y, z)
    )
    canvas.paint(None, lining, soft)

    def wall(patch: Patch) -> Array:
        """Muscle, parted by planes of fat that run down the body."""
        along = patch.points * np.array([1.0, 1.0, 0.35], np.float32)
        mottle = textures.mottle.at(patch.points)
        return np.where(np.abs(bundles.at(along)) < 0.10, FAT_HU * 0.7, MUSCLE_HU + 6.0 * mottle)

    def material(patch: Patch) -> Array:
        fat = fat_mm(body, patch.points[:, 2]) + 2.0 * wobble.at(patch.points)
        hu = np.where(patch.depth > fat, wall(patch), soft(patch))
        if body.female:
            x, y, z = patch.points.T
            breast = (y < 0.0) & (np.abs(z - _BREAST_AT[2]) < 100.0)
            breast[breast] = (
                oval_distance(x[breast], y[breast], *outline(body, z[breast]), 2.45) > -fat[breast]
            )
            gland = lobules.at(patch.points) - 0.05 * np.maximum(30.0 - patch.depth, 0.0) > dense
            hu = np.where(breast, np.where(gland, 35.0, soft(patch)), hu)
        return np.where(patch.depth < _SKIN_MM, SKIN_HU, hu)

    canvas.paint(None, _skin(canvas, body), material)


def foremost(body: Body) -> Array:
    """Points (n, 3) that stand out before the outline of trunk and neck: the nose, and a woman's breasts."""
    points = [body.skull_base + np.array([0.0, -127.0, 0.0])]
    if body.female:
        centre, half = _breast(body)
        points.append(centre - np.array([0.0, half[1], 0.0]))
    return np.array(points)


def _breast(body: Body) -> tuple[Array, Array]:
    """Centre and half-axes of the left breast, flat as the patient lies on the back."""
    fat = body.fat_mm
    return _BREAST_AT - np.array([0.0, 0.9 * fat, 0.0]), np.array([44.0, 22.0, 46.0]) + 0.8 * fat


def _skin(canvas: Canvas, body: Body) -> Field:
    """The surface of the body."""
    space = canvas.space
    low, high = [-230, -190, BOTTOM_MM - 10], [230, 180, TOP_MM + 10]

    def trunk(x: Array, y: Array, z: Array) -> Array:
        wall = oval_distance(x, y, *outline(body, z), 2.45)
        return np.maximum(np.maximum(wall, _CROTCH_MM - z), z - _NECK_TOP_MM)

    fat = body.fat_mm
    parts = [from_formula(space, low, high, trunk), head_outline(space, body, 3.0 + 0.15 * fat)]
    for _, sign in SIDES:
        thigh = [[90, 14, -150], [87, 12, -220], [82, 8, -330]]
        parts.append(chain(space, mirrored(thigh, sign), np.array([74, 71, 62]) + 0.6 * fat, reach_mm=40.0))
        arm = [[158, 18, 402], [205, 14, 450], [250, 10, 530]]
        parts.append(chain(space, mirrored(arm, sign), np.array([44, 40, 38]) + 0.5 * fat, reach_mm=40.0))
        if body.female:
            centre, half = _breast(body)
            parts.append(ellipsoid(space, mirrored(centre, sign), half, reach_mm=40.0))
    return union(parts, blend_mm=16.0)
