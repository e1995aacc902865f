"""The labelled muscles: erectors of the spine, iliopsoas and the three gluteal muscles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Material, Patch
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    Space,
    beads,
    chain,
    mirrored,
    roughened,
    spline,
    union,
)
from renderbench.scans.phantom.pelvis import wing
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import FAT_HU, MUSCLE_HU, Textures
from renderbench.scans.phantom.vertebrae import half_depth

Array = NDArray[Any]
Rim = list[list[float]]

_PSOAS: Rim = [
    [27, 4, 160],
    [36, 0, 120],
    [45, -3, 80],
    [53, -6, 40],
    [60, -12, 0],
    [68, -26, -40],
    [82, -42, -72],
    [98, -44, -96],
    [112, -12, -138],
    [112, 0, -160],
]
_PSOAS_MM = np.array([7, 13, 18, 21, 20, 17, 15, 15, 12, 9], float)


def paint_muscles(canvas: Canvas, body: Body, textures: Textures) -> None:
    """All labelled muscles, both sides."""
    space = canvas.space
    rng = body.stream("muscles")
    strength = float(rng.uniform(0.9, 1.1))
    rough = Noise.drawn(rng, 18.0)
    upright = _fibres(Noise.drawn(rng, 5.0), textures, 0.0)
    slanting = _fibres(Noise.drawn(rng, 6.0), textures, 0.8)
    for side, sign in SIDES:
        small, large, largest = _glutei(space, sign, strength)
        for name, shape, flesh in (
            ("autochthon", _erector(space, body, sign, strength), upright),
            ("iliopsoas", _iliopsoas(space, sign, strength), upright),
            ("gluteus_minimus", small, slanting),
            ("gluteus_medius", large, slanting),
            ("gluteus_maximus", largest, slanting),
        ):
            canvas.paint(f"{name}_{side}", roughened(space, shape, rough, 1.4), flesh)


def _fibres(strands: Noise, textures: Textures, slant: float) -> Material:
    """Flesh with fat between bundles that run downwards, leaning outwards by ``slant``."""

    def material(patch: Patch) -> Array:
        # Bundles are long: along them the noise varies six times slower than across.
        along = patch.points * np.array([1.0, 1.0, 0.16], np.float32)
        along[:, 0] += slant * np.sign(patch.points[:, 0]) * patch.points[:, 2]
        streak = np.clip(strands.at(along) - 1.4, 0.0, 1.0)
        return MUSCLE_HU + 6.0 * textures.mottle.at(patch.points) + 0.5 * streak * (FAT_HU - MUSCLE_HU)

    return material


def _erector(space: Space, body: Body, sign: int, strength: float) -> Field:
    """Three columns side by side, from the sacrum to the back of the head."""
    levels = np.arange(-70.0, body.skull_base[2], 12.0)
    out = np.interp(levels, [-70, -20, 60, 160, 260, 437, 560], [16, 28, 34, 32, 27, 21, 19])
    size = strength * np.interp(
        levels, [-70, -30, 20, 90, 170, 260, 350, 437, 490, 575], [6, 14, 20, 23, 19, 13, 10, 13, 14, 10]
    )
    # Over the sacrum the muscle lies on its back, above it behind the transverse processes.
    sacral = np.interp(levels, [-70, -30, 10, 60], [88, 80, 60, 48])
    behind = (
        body.spine(levels) + half_depth(levels) + np.interp(levels, [60, 170, 437, 560], [31, 28, 27, 25])
    )
    y = np.where(levels < 60, sacral, behind)
    strands = []
    for place, girth, back in ((-0.52, 0.66, 0.12), (0.18, 0.80, 0.08), (0.84, 0.62, -0.10)):
        x = np.maximum(out + place * size, 0.7 * size)
        line = np.column_stack([sign * x, y + back * size, levels])
        strands.append(chain(space, line, girth * size, wide=(0, 1, 0), stretch=1.2))
    return union(strands, blend_mm=3.0)


def _iliopsoas(space: Space, sign: int, strength: float) -> Field:
    psoas = spline(mirrored(_PSOAS, sign), extra=strength * _PSOAS_MM)
    surface, normal, along, height = wing((48, 34))
    fossa = (height > 0.12) & (height < 0.93) & (along > 0.06) & (along < 0.74)
    iliacus = beads(space, mirrored(surface[fossa] - 9.0 * normal[fossa], sign), 7.0)
    return union([chain(space, psoas[:, :3], psoas[:, 3]), iliacus], blend_mm=8.0)


def _glutei(space: Space, sign: int, strength: float) -> tuple[Field, Field, Field]:
    """Minimus and medius in layers on the iliac wing, maximus from the sacrum down to the femur."""
    surface, normal, along, height = wing((48, 34))
    low = (height > 0.05) & (height < 0.55) & (along > 0.12) & (along < 0.62)
    tendon, _ = _between([[104, -20, -62], [112, 8, -62]], [[138, 2, -98], [140, 10, -100]])
    small = [surface[low] + 8.5 * normal[low], tendon]

    most = (height > 0.10) & (height < 0.97) & (along > 0.04) & (along < 0.80)
    tendon, _ = _between(
        [[116, -34, -40], [128, -4, -44], [110, 30, -50]], [[144, 8, -96], [148, 18, -102], [144, 26, -104]]
    )
    large = [surface[most] + 14.0 * normal[most], tendon]

    sheet, across = _between(
        [[60, 84, 2], [46, 95, -22], [24, 102, -58], [15, 101, -98], [18, 90, -140]],
        [[112, 66, -52], [134, 52, -80], [148, 38, -112], [148, 36, -142], [136, 40, -176]],
    )
    belly = np.sin(np.pi * np.clip(across, 0.02, 0.98))
    largest = sheet + belly[:, None] * np.array([2.0, 16.0, -4.0])
    return (
        union([beads(space, mirrored(points, sign), 6.0) for points in small], blend_mm=4.0),
        union([beads(space, mirrored(points, sign), 12.5) for points in large], blend_mm=6.0),
        beads(space, mirrored(largest, sign), strength * (7.0 + 12.0 * belly)),
    )


def _between(first: Rim, second: Rim, count: tuple[int, int] = (40, 32)) -> tuple[Array, Array]:
    """Points (n, 3) of the ruled surface between two curves; how far (n,) each is on the way across."""
    rims = []
    for rim in (first, second):
        points = np.array(rim, float)
        place = np.linspace(0, len(points) - 1, count[0])
        rims.append(np.stack([np.interp(place, np.arange(len(points)), p) for p in points.T], axis=1))
    u = np.linspace(0, 1, count[1])[None, :, None]
    points = rims[0][:, None] * (1 - u) + rims[1][:, None] * u
    return points.reshape(-1, 3), np.tile(u[0, :, 0], count[0])
