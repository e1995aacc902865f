"""An anthropomorphic torso from a seed: CT and labels without any patient's data."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.phantom.abdomen import (
    paint_kidneys,
    paint_liver,
    paint_pelvic_organs,
    paint_upper_organs,
)
from renderbench.scans.phantom.body import BOTTOM_MM, TOP_MM, Body
from renderbench.scans.phantom.bowel import paint_colon, paint_small_bowel, paint_stomach
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.envelope import outline, paint_envelope
from renderbench.scans.phantom.heart import paint_heart
from renderbench.scans.phantom.muscles import paint_muscles
from renderbench.scans.phantom.pelvis import paint_pelvis
from renderbench.scans.phantom.ribs import paint_cage
from renderbench.scans.phantom.shoulders import paint_shoulders
from renderbench.scans.phantom.spine import paint_spine
from renderbench.scans.phantom.thorax import paint_airways, paint_lungs, paint_mediastinum
from renderbench.scans.phantom.tissue import Contrast, Textures, finished
from renderbench.scans.phantom.vessels import paint_vessels
from renderbench.scans.volume import Grid, Scan

Array = NDArray[Any]

PHANTOM_VERSION = 3
"""Part of every digest of a phantom: raised whenever a seed gives another scan than before."""

# A scanner's field of view: wide shoulders and hips are cut off, as they are in practice.
_FIELD_MM = (346.0, 270.0)


def phantom_scan(seed: int, *, spacing_mm: float = 1.5) -> Scan:
    """A torso from the upper chest to the hips, made from nothing but ``seed``.

    Bodies differ in size, shape, bend, fat, in the size and place of their organs and in the phase of the
    contrast agent. The same seed and spacing give the same bits.

    Args:
        seed: any integer from 0 up.
        spacing_mm: isotropic voxel size, in (0, 10].

    Returns:
        A scan named ``phantom-SEED``, its axes along patient LPS; about 230 x 170 x 330 voxels at 1.5 mm.

    Raises:
        InputError: the seed is negative or the spacing out of range.
    """
    if seed < 0:
        raise InputError(f"phantom seed {seed}", "must not be negative", "use 0 or more")
    if not 0.0 < spacing_mm <= 10.0:
        raise InputError(f"phantom spacing {spacing_mm} mm", "must be in (0, 10]", "1.5 is the working grid")
    body = Body.drawn(seed)
    grid, axes = _grid(body, spacing_mm)
    canvas = Canvas(body.space(*axes))
    _paint(canvas, body)
    ct = finished(body, canvas.hu, spacing_mm)
    return Scan(name=f"phantom-{seed:04d}", ct=ct, labels=canvas.labels, grid=grid)


def _paint(canvas: Canvas, body: Body) -> None:
    """All of the anatomy, what must stay whole first."""
    contrast, textures = Contrast.drawn(body), Textures.drawn(body)
    paint_spine(canvas, body, textures)
    paint_cage(canvas, body, textures)
    paint_shoulders(canvas, body, textures)
    paint_pelvis(canvas, body, textures)
    paint_vessels(canvas, body, contrast, textures)
    chest = paint_airways(canvas, body, textures)
    chest += paint_heart(canvas, body, contrast, textures)
    paint_mediastinum(canvas, body, chest, textures)
    paint_lungs(canvas, body, textures)
    paint_kidneys(canvas, body, contrast, textures)
    paint_upper_organs(canvas, body, contrast, textures)
    paint_stomach(canvas, body, contrast, textures)
    paint_liver(canvas, body, contrast, textures)
    paint_pelvic_organs(canvas, body, textures)
    paint_muscles(canvas, body, textures)
    paint_colon(canvas, body, contrast, textures)
    paint_small_bowel(canvas, body, contrast, textures)
    paint_envelope(canvas, body, textures)


def _grid(body: Body, spacing_mm: float) -> tuple[Grid, tuple[Array, Array, Array]]:
    """The grid around a body, and the patient positions of its voxels along x, y, z."""
    levels = np.linspace(BOTTOM_MM, TOP_MM, 100)
    wide, front, back = outline(body, levels)
    sideways, backwards = body.shift(levels)
    margin = 6.0
    low = np.array([(sideways - wide * body.size[0]).min(), (backwards + front * body.size[1]).min(), 0.0])
    high = np.array([(sideways + wide * body.size[0]).max(), (backwards + back * body.size[1]).max(), 0.0])
    low, high = low - margin, high + margin
    low[2], high[2] = BOTTOM_MM * body.size[2], TOP_MM * body.size[2]
    for axis, limit in enumerate(_FIELD_MM):
        excess = max(0.0, high[axis] - low[axis] - limit)
        low[axis], high[axis] = low[axis] + 0.5 * excess, high[axis] - 0.5 * excess
    count = np.floor((high - low) / spacing_mm).astype(int) + 1
    axes = tuple(low[axis] + spacing_mm * np.arange(count[axis]) for axis in range(3))
    world_from_voxel = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    world_from_voxel[:3, 3] = low
    shape = (int(count[2]), int(count[1]), int(count[0]))
    return Grid(shape=shape, world_from_voxel=world_from_voxel), (axes[0], axes[1], axes[2])
