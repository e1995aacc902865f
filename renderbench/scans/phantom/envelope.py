"""What lies around the organs: skin, fat, and the muscle of the trunk's wall. None of it is labelled."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from renderbench.scans.phantom.abdomen import cavity
from renderbench.scans.phantom.body import BOTTOM_MM, TOP_MM, Body, oval_distance
from renderbench.scans.phantom.canvas import Canvas, Patch
from renderbench.scans.phantom.fields import Noise, from_formula
from renderbench.scans.phantom.tissue import FAT_HU, MUSCLE_HU, SKIN_HU, Textures

Array = NDArray[Any]

_SKIN_MM = 2.2

# Half-width, front and back of the trunk without its fat.
_LEVELS = [-160, -100, -50, 0, 50, 100, 150, 200, 250, 300, 340, 380, 410, 430, 460]
_WIDE = PchipInterpolator(
    _LEVELS, [164, 164, 156, 148, 142, 147, 153, 156, 156, 157, 166, 188, 196, 186, 160]
)
_FRONT = PchipInterpolator(
    _LEVELS, [-78, -88, -100, -112, -114, -116, -122, -127, -123, -112, -100, -85, -69, -58, -46]
)
_BACK = PchipInterpolator(_LEVELS, [112, 122, 122, 110, 94, 88, 90, 97, 104, 108, 108, 104, 94, 84, 70])


def outline(body: Body, z: Any) -> tuple[Array, Array, Array]:
    """Half-width, front and back of the skin at template height ``z``."""
    fat = body.fat_mm
    level = np.clip(z, _LEVELS[0], _LEVELS[-1])
    front = np.asarray(_FRONT(level))
    # A deeper belly pushes the wall forward, most at the navel.
    front = front - 110.0 * (body.belly - 1.0) * np.exp(-(((level - 40.0) / 110.0) ** 2))
    return _WIDE(level) + fat, front - 1.15 * fat, _BACK(level) + 0.8 * fat


def paint_envelope(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Fill everything inside the skin that no organ holds."""
    rng = body.stream("envelope")
    bundles = Noise.drawn(rng, 13.0)
    wobble = Noise.drawn(rng, 60.0)

    def skin(x: Array, y: Array, z: Array) -> Array:
        return oval_distance(x, y, *outline(body, z), 2.45)

    def material(patch: Patch) -> Array:
        x, y, z = patch.points.T
        below_fat = patch.depth - body.fat_mm - 2.0 * wobble.at(patch.points)
        inside = cavity(body, x, y, z) < 0.0
        mottle = textures.mottle.at(patch.points)
        muscle = MUSCLE_HU + 6.0 * mottle
        # Planes of fat part the muscles of the wall.
        muscle = np.where(np.abs(bundles.at(patch.points)) < 0.10, FAT_HU * 0.7, muscle)
        soft = FAT_HU + 9.0 * mottle
        hu = np.where((below_fat > 0.0) & ~inside, muscle, soft)
        return np.where(patch.depth < _SKIN_MM, SKIN_HU, hu)

    low, high = [-230, -180, BOTTOM_MM - 10], [230, 180, TOP_MM + 10]
    canvas.paint(None, from_formula(canvas.space, low, high, skin), material)
