"""The heart: four chambers in their muscle, the coronary arteries, the left auricle and the lung veins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import Field, Noise, Space, chain, ellipsoid, roughened, spline, union
from renderbench.scans.phantom.tissue import Contrast, Textures
from renderbench.scans.phantom.vessels import Waypoint, tube

Array = NDArray[Any]

# Centre, half-axes and wall; the ventricles lie along the heart's axis, the atria upright.
_VENTRICLES: dict[str, tuple[Waypoint, Waypoint, float]] = {
    "left": ([36, -46, 268], [43, 25, 26], 10.0),
    "right": ([14, -68, 268], [44, 22, 28], 4.0),
}
_ATRIA: dict[str, tuple[Waypoint, Waypoint, float]] = {
    "left": ([4, -4, 302], [32, 18, 22], 3.0),
    "right": ([-26, -40, 282], [24, 22, 31], 3.0),
}
_CORONARIES = (
    [[10, -64, 310], [22, -92, 292], [44, -98, 262], [62, -88, 240]],
    [[-4, -62, 308], [-26, -74, 292], [-34, -68, 268], [-22, -52, 250]],
    [[12, -62, 310], [38, -48, 306], [54, -30, 288], [52, -22, 268]],
)
_LUNG_VEINS = (
    [[26, 0, 308], [42, 0, 318], [56, -14, 330]],
    [[28, 2, 296], [46, 10, 290], [58, 20, 280]],
    [[-18, -2, 308], [-34, -8, 314], [-52, -22, 322]],
    [[-20, 0, 294], [-38, 6, 286], [-54, 16, 274]],
)
_AURICLE = [[32, -24, 306], [44, -42, 310], [40, -56, 314]]


def paint_heart(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> list[Field]:
    """The heart and what grows out of it; returns the outer shapes, which the lungs must keep clear of."""
    space = canvas.space
    rng = body.stream("heart")
    size = float(rng.uniform(0.98, 1.09))
    rough = Noise.drawn(rng, 22.0)
    # The heart rests on the diaphragm and follows part of its way.
    lift = np.array([0.0, 5.0, 0.6 * body.breath_mm])
    chambers = _chambers(space, lift, size)
    muscle = union([outer for _, outer, _ in chambers], blend_mm=14.0)
    muscle = roughened(space, muscle, rough, 1.4)

    arteries = [_hugging(space, muscle, lift + np.array(path, float)) for path in _CORONARIES]
    canvas.paint("Coronary Arteries (User-defined)", union(arteries), textures.flesh(contrast.aorta - 15.0))
    auricle = roughened(space, tube(space, lift + np.array(_AURICLE), [9, 10, 5.5]), rough, 1.5)
    canvas.paint("atrial_appendage_left", auricle, textures.flesh(contrast.left_heart))
    veins = [tube(space, lift + np.array(path, float), [7.5, 6.0, 4.5]) for path in _LUNG_VEINS]
    canvas.paint("pulmonary_vein", union(veins, blend_mm=2.0), textures.flesh(contrast.left_heart))
    canvas.paint("heart", muscle, textures.flesh(contrast.muscle_of_heart))
    for side, _, cavity in chambers:
        blood = contrast.left_heart if side == "left" else contrast.right_heart
        canvas.tint(["heart"], roughened(space, cavity, rough, 2.0), textures.flesh(blood))
    return [muscle, auricle]


def _chambers(space: Space, lift: Array, size: float) -> list[tuple[str, Field, Field]]:
    """Side, outside and cavity of each chamber."""
    # Long axis from the base (right, behind, above) to the apex (left, in front, below).
    axis = np.array([0.66, -0.52, -0.54]) / np.linalg.norm([0.66, -0.52, -0.54])
    across = np.cross(axis, [0.0, 0.0, 1.0])
    across /= np.linalg.norm(across)
    slanted = np.column_stack([axis, across, np.cross(axis, across)])
    found = []
    for parts, frame in ((_VENTRICLES, slanted), (_ATRIA, np.eye(3))):
        for side, (centre, half, wall) in parts.items():
            outer, cavity = (
                ellipsoid(space, lift + centre, size * np.array(half) + grow, frame=frame, reach_mm=12.0)
                for grow in (wall, 0.0)
            )
            found.append((side, outer, cavity))
    return found


def _hugging(space: Space, organ: Field, path: Array) -> Field:
    """A thin artery along ``path``, pulled onto the surface of ``organ``."""
    line = spline(path, step_mm=2.5)
    z, y, y_scale, y_shift, x, x_scale, x_shift = space.axes(organ.box)
    for _ in range(4):
        k = (line[:, 2] - z[0]) / (z[1] - z[0])
        near = np.clip(np.rint(k).astype(int), 0, len(z) - 1)
        j = ((line[:, 1] - y_shift[near]) / y_scale[near] - y[0]) / (y[1] - y[0])
        i = ((line[:, 0] - x_shift[near]) / x_scale[near] - x[0]) / (x[1] - x[0])
        steps = []
        for dk, dj, di in ((1, 0, 0), (0, 1, 0), (0, 0, 1)):
            ahead = map_coordinates(organ.values, [k + dk, j + dj, i + di], order=1, mode="nearest")
            behind = map_coordinates(organ.values, [k - dk, j - dj, i - di], order=1, mode="nearest")
            steps.append(ahead - behind)
        distance = map_coordinates(organ.values, [k, j, i], order=1, mode="nearest")
        gradient = np.column_stack([steps[2], steps[1], steps[0]])
        gradient /= np.linalg.norm(gradient, axis=1, keepdims=True) + 1e-6
        line -= np.clip(distance - 0.6, -15, 15)[:, None] * gradient
    return chain(space, line, np.linspace(2.4, 1.5, len(line)))
