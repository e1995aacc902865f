"""The labelled muscles: erectors of the spine, iliopsoas and the three gluteal muscles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import TOP_MM, Body
from renderbench.scans.phantom.canvas import Canvas, Patch
from renderbench.scans.phantom.fields import Noise, beads, chain, mirrored, roughened, spline, union
from renderbench.scans.phantom.pelvis import wing
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.spine import half_depth
from renderbench.scans.phantom.tissue import FAT_HU, MUSCLE_HU, Textures

Array = NDArray[Any]


def paint_muscles(canvas: Canvas, body: Body, textures: Textures) -> None:
    """All labelled muscles, both sides."""
    space = canvas.space
    rng = body.stream("muscles")
    strength = float(rng.uniform(0.9, 1.1))
    rough = Noise.drawn(rng, 15.0)
    strands = Noise.drawn(rng, 7.0)

    def flesh(patch: Patch) -> Array:
        # Fat between the bundles shows as dark streaks.
        streak = np.clip(strands.at(patch.points) - 1.5, 0.0, 1.0)
        return MUSCLE_HU + 7.0 * textures.mottle.at(patch.points) + streak * (FAT_HU - MUSCLE_HU) * 0.6

    surface, normal, along, height = wing((90, 60))
    for side, sign in SIDES:

        def paint(name: str, shape: Any, side: str = side) -> None:
            canvas.paint(f"{name}_{side}", roughened(space, shape, rough, 1.2), flesh)

        levels = np.arange(-70.0, TOP_MM + 12.0, 12.0)
        depth = np.array([half_depth(z) for z in levels])
        out = np.interp(levels, [-70, -20, 60, 160, 260, 437], [18, 30, 34, 32, 27, 22])
        size = strength * np.interp(levels, [-70, -30, 20, 90, 170, 300, 437], [7, 15, 20, 22, 18, 12, 13])
        # Over the sacrum the muscle lies on its back, above it behind the transverse processes.
        rest = np.interp(levels, [-70, -30, 10, 60], [90, 82, 60, 48])
        y = np.where(
            levels < 60, rest, body.spine(levels) + depth + np.interp(levels, [60, 170, 437], [31, 28, 27])
        )
        erector = chain(space, np.column_stack([sign * out, y, levels]), size, wide=(1, 0, 0), stretch=1.35)
        paint("autochthon", erector)

        psoas = spline(
            mirrored(
                [
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
                ],
                sign,
            ),
            extra=strength * np.array([7, 13, 18, 21, 20, 17, 15, 15, 12, 9]),
        )
        inner = (height > 0.12) & (height < 0.93) & (along > 0.06) & (along < 0.74)
        iliacus = surface[inner] - normal[inner] * 9.0
        shape = union(
            [chain(space, psoas[:, :3], psoas[:, 3]), beads(space, mirrored(iliacus, sign), 7.0)],
            blend_mm=8.0,
        )
        paint("iliopsoas", shape)

        small = (height > 0.05) & (height < 0.55) & (along > 0.12) & (along < 0.62)
        under = surface[small] + normal[small] * 8.5
        fan = _fan([[104, -20, -62], [112, 8, -62]], [[138, 2, -98], [140, 10, -100]])
        paint(
            "gluteus_minimus",
            union([beads(space, mirrored(p, sign), 6.0) for p in (under, fan)], blend_mm=4.0),
        )

        large = (height > 0.10) & (height < 0.97) & (along > 0.04) & (along < 0.80)
        over = surface[large] + normal[large] * 14.0
        fan = _fan(
            [[116, -34, -40], [128, -4, -44], [110, 30, -50]],
            [[144, 8, -96], [148, 18, -102], [144, 26, -104]],
        )
        paint(
            "gluteus_medius",
            union([beads(space, mirrored(p, sign), 12.5) for p in (over, fan)], blend_mm=6.0),
        )

        sheet = _fan(
            [[52, 98, 8], [34, 104, -24], [20, 104, -60], [16, 98, -100], [22, 90, -140]],
            [[112, 70, -22], [138, 54, -62], [150, 38, -104], [146, 36, -140], [132, 40, -170]],
        )
        edge = np.linspace(0, 1, 70)
        bow = np.sin(np.pi * edge)[None, :, None] * np.array([0.0, 17.0, -4.0])
        sheet = sheet.reshape(80, 70, 3) + bow
        thick = strength * (8.0 + 11.0 * np.sin(np.pi * np.clip(edge, 0.02, 0.98)))
        big = beads(space, mirrored(sheet.reshape(-1, 3), sign), np.tile(thick, 80))
        paint("gluteus_maximus", big)


def _fan(first: list[list[float]], second: list[list[float]]) -> Array:
    """Points (80 * 70, 3) of the ruled surface between two curves."""
    t = np.linspace(0, 1, 80)
    rims = []
    for rim in (first, second):
        points = np.array(rim, float)
        place = np.linspace(0, 1, len(points))
        rims.append(np.stack([np.interp(t, place, points[:, axis]) for axis in range(3)], axis=1))
    u = np.linspace(0, 1, 70)[None, :, None]
    return (rims[0][:, None] * (1 - u) + rims[1][:, None] * u).reshape(-1, 3)
