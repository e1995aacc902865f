"""The hollow gut: stomach, duodenum, colon and the coils of the small bowel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.abdomen import cavity, in_belly
from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas, Material, Patch
from renderbench.scans.phantom.fields import Noise, chain, roughened, spline
from renderbench.scans.phantom.spine import sacral_front
from renderbench.scans.phantom.tissue import GAS_HU, Contrast, Textures
from renderbench.scans.phantom.vertebrae import half_depth

Array = NDArray[Any]


def paint_stomach(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """Stomach, with gas rising to the front, and duodenum."""
    space = canvas.space
    rng = body.stream("stomach")
    full, drop = float(rng.uniform(0.72, 1.1)), float(rng.normal(0.0, 10.0))
    curve = [
        [58, 16, 238],
        [64, 0, 216],
        [66, -26, 188],
        [58, -54, 154],
        [34, -76, 128],
        [6, -76, 118],
        [-16, -66, 122],
        [-30, -58, 128],
    ]
    # From a steer's horn, high and across, to a J that hangs to the navel.
    hang = drop * np.array([0.0, 0.0, 0.2, 0.8, 1.2, 1.0, 0.3, 0.0])
    path = np.array(curve, float) - hang[:, None] * [0.0, 0.0, 1.0]
    line = spline(path, extra=[26, 34, 33, 29, 24, 20, 14, 8])
    sac = in_belly(space, body, chain(space, line[:, :3], full * line[:, 3]))
    sac = roughened(space, sac, Noise.drawn(rng, 24.0), 2.0)
    level = float(rng.uniform(-62.0, -40.0))
    fluid = textures.flesh(contrast.bowel_content, mottle_hu=14.0)

    def inside(patch: Patch) -> Array:
        return np.where(patch.points[:, 1] < level, GAS_HU, fluid(patch))

    wall = textures.hollow(wall_mm=5.0, wall_hu=contrast.bowel_wall, inside=inside)
    canvas.paint("stomach", sac, wall)

    loop = spline(
        [
            [-30, -58, 128],
            [-46, -46, 122],
            [-54, -34, 104],
            [-54, -28, 78],
            [-42, -28, 58],
            [-14, -42, 50],
            [14, -44, 54],
            [34, -38, 68],
            [40, -48, 76],
        ],
        extra=[10, 12, 12.5, 12.5, 12, 11, 11, 11.5, 11],
    )
    tube = roughened(space, chain(space, loop[:, :3], loop[:, 3]), Noise.drawn(rng, 7.0), 1.4)
    canvas.paint("duodenum", tube, _lumen(contrast, textures, rng, gas=0.06, wall_mm=3.2))


def paint_colon(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """The colon's frame around the belly, with its pouches, down to the rectum."""
    space = canvas.space
    rng = body.stream("colon")
    sag, loop = rng.uniform(-26, 14), rng.uniform(-14, 14)
    front = -82.0 * body.belly
    path = np.array(
        [
            [-74, -42, -34],
            [-88, -34, -8],
            [-98, -16, 30],
            [-104, -8, 66],
            [-92, -26, 92],
            [-76, -56, 92],
            [-46, front, 90 + 0.6 * sag],
            [0, front - 2, 80 + sag],
            [44, front, 95 + 0.6 * sag],
            [76, -62, 122],
            [98, -42, 142],
            [110, -22, 128],
            [108, 0, 100],
            [98, 8, 70],
            [96, 0, 36],
            [93, -28, -2],
            [82, -54, -26],
            [58, -60 + 0.5 * loop, -40],
            [30, -42 + loop, -32],
            [4, -6, -36],
            [-18, 14, -54],
            [2, 34, -70],
            [0, 36, -96],
            [0, 24, -122],
            [0, 26, -152],
        ],
        float,
    )
    path[1:-4] += rng.normal(0.0, 3.0, (len(path) - 5, 3))
    path[-3:, 1] = sacral_front(path[-3:, 2]) - 24.0
    girth = [
        27,
        29,
        27,
        25,
        24,
        23,
        22,
        22,
        21,
        21,
        21,
        19,
        17,
        16,
        15.5,
        16,
        16,
        17,
        17,
        16,
        17,
        20,
        22,
        19,
        14,
    ]
    line = spline(path, step_mm=3.0, extra=girth)
    along = 3.0 * np.arange(len(line))
    beat = np.cumsum(1.0 + 0.25 * np.sin(along / 61.0 + rng.uniform(0, 6))) * 3.0
    pouch = np.abs(np.sin(np.pi * beat / 27.0)) ** 0.6
    # The rectum is smooth.
    depth = 0.40 * np.clip((along[-1] - along - 60.0) / 60.0, 0.0, 1.0)
    radius = line[:, 3] * float(rng.uniform(0.82, 1.08)) * (1.08 - depth * (1.0 - pouch))
    tube = in_belly(space, body, chain(space, line[:, :3], radius))
    tube = roughened(space, tube, Noise.drawn(rng, 12.0), 1.0)
    canvas.paint(
        "colon", tube, _lumen(contrast, textures, rng, gas=float(rng.uniform(0.15, 0.6)), wall_mm=4.2)
    )


def paint_small_bowel(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """One long tube coiled through the middle of the belly."""
    space = canvas.space
    rng = body.stream("small bowel")
    stops = _tour(_scattered(body, rng))
    start = np.array([[40, -48, 76]], float)
    line = spline(np.vstack([start, stops]), step_mm=2.5)
    swell = Noise.drawn(rng, 28.0).at(line)
    radius = np.clip(float(rng.uniform(10.8, 12.4)) + 1.5 * swell, 8.5, 15.0)
    tube = in_belly(space, body, chain(space, line, radius))
    tube = roughened(space, tube, Noise.drawn(rng, 7.0), 0.6)
    canvas.paint(
        "small_bowel", tube, _lumen(contrast, textures, rng, gas=float(rng.uniform(0.02, 0.16)), wall_mm=3.2)
    )


def _lumen(
    contrast: Contrast, textures: Textures, rng: np.random.Generator, *, gas: float, wall_mm: float
) -> Material:
    """Wall, then contents; ``gas`` is about the share of the lumen that gas fills."""
    pockets = Noise.drawn(rng, 34.0)
    threshold = float(np.interp(gas, [0.0, 0.5, 1.0], [2.2, 0.0, -2.2]))
    fluid = textures.flesh(contrast.bowel_content, mottle_hu=12.0)

    def inside(patch: Patch) -> Array:
        # Gas rises: pockets are likelier towards the front.
        favour = pockets.at(patch.points) - 0.012 * (patch.points[:, 1] + 40.0)
        return np.where(favour > threshold, GAS_HU, fluid(patch))

    return textures.hollow(wall_mm=wall_mm, wall_hu=contrast.bowel_wall, inside=inside)


def _scattered(body: Body, rng: np.random.Generator) -> Array:
    """Points (n, 3) at least one loop apart, filling the belly in front of spine and pelvis."""
    trial = rng.uniform([-92, -98, -92], [92, 0, 92], (6000, 3))
    x, y, z = trial.T
    room = cavity(body, x, y, z) < -15.0
    depth = half_depth(z)
    # In front of spine and great vessels, above the bladder, below the stomach and the transverse colon.
    front = y < np.minimum(body.spine(z) - depth - 34.0, 0.0)
    front |= (z < 0.0) & (y < sacral_front(z) - 30.0) & (np.abs(x) < 50.0)
    clear = (np.hypot(x, (y + 26.0)) > 48.0) | (z > -50.0)
    below = z < 78.0 - 0.5 * np.clip(-y - 60.0, 0.0, 60.0) + 0.25 * x
    chosen: list[Array] = []
    for point in trial[room & front & clear & below]:
        if all(np.sum((point - other) ** 2) > 20.5**2 for other in chosen):
            chosen.append(point)
    return np.array(chosen)


def _tour(points: Array) -> Array:
    """``points`` in the order of a short walk through all of them (2-opt), beginning at the upper left."""
    order = [int(np.argmax(points[:, 2] + 0.5 * points[:, 0]))]
    left = set(range(len(points))) - set(order)
    while left:
        here = points[order[-1]]
        rest = sorted(left)
        nearest = rest[int(np.argmin(np.sum((points[rest] - here) ** 2, axis=1)))]
        order.append(nearest)
        left.remove(nearest)
    gap = np.linalg.norm(points[:, None] - points[None], axis=2)
    improved = True
    while improved:
        improved = False
        for i in range(len(order) - 2):
            for j in range(i + 2, len(order)):
                after = order[j + 1] if j + 1 < len(order) else None
                old = gap[order[i], order[i + 1]] + (gap[order[j], after] if after is not None else 0.0)
                new = gap[order[i], order[j]] + (gap[order[i + 1], after] if after is not None else 0.0)
                if new < old - 1e-9:
                    order[i + 1 : j + 1] = order[i + 1 : j + 1][::-1]
                    improved = True
    return points[order]
