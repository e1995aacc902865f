"""An anthropomorphic CT from a seed, with its labels: without any patient's data."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.phantom.abdomen import (
    paint_kidneys,
    paint_liver,
    paint_pelvic_organs,
    paint_spleen,
    paint_upper_organs,
)
from renderbench.scans.phantom.body import EXTENTS_MM, Body
from renderbench.scans.phantom.bowel import paint_colon, paint_small_bowel, paint_stomach
from renderbench.scans.phantom.brain import paint_brain
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.envelope import foremost, outline, paint_envelope
from renderbench.scans.phantom.heart import paint_heart
from renderbench.scans.phantom.muscles import paint_muscles
from renderbench.scans.phantom.pelvis import paint_pelvis
from renderbench.scans.phantom.ribs import paint_cage
from renderbench.scans.phantom.shoulders import paint_shoulders
from renderbench.scans.phantom.skull import cranial_cavity, paint_skull
from renderbench.scans.phantom.spine import paint_spine
from renderbench.scans.phantom.thorax import paint_airways, paint_lungs, paint_mediastinum
from renderbench.scans.phantom.tissue import Contrast, Textures, finished
from renderbench.scans.phantom.vessels import paint_vessels
from renderbench.scans.volume import Grid, Scan

Array = NDArray[Any]
Extent = Literal["torso", "body"]

PHANTOM_VERSION = 4
"""Part of every digest of a phantom: raised whenever a seed gives another scan than before."""

# A scanner's field of view: wide shoulders and hips are cut off, as they are in practice.
_FIELD_MM = (384.0, 288.0)


def phantom_scan(seed: int, *, extent: Extent = "torso", spacing_mm: float = 1.5) -> Scan:
    """A person from head to mid-thigh, or the torso alone, made from nothing but ``seed``.

    People differ in sex, size, build, posture and fat, in the size, shape and place of their organs, in what
    their bowels hold, in cysts and in the phase of the contrast agent. The raised arms leave the field of
    view. The same seed, extent and spacing give the same bits; the torso is that of the same person.

    Args:
        seed: any integer from 0 up.
        extent: ``torso``, from the root of the neck to below the hips; ``body``, from head to mid-thigh.
        spacing_mm: isotropic voxel size, in (0, 10].

    Returns:
        A scan named ``phantom-SEED``, its axes along patient LPS; about 250 x 185 x 420 voxels at 1.5 mm, or
        x 690 for the body.

    Raises:
        InputError: the seed is negative, the extent unknown or the spacing out of range.
    """
    if seed < 0:
        raise InputError(f"phantom seed {seed}", "must not be negative", "use 0 or more")
    if not 0.0 < spacing_mm <= 10.0:
        raise InputError(f"phantom spacing {spacing_mm} mm", "must be in (0, 10]", "1.5 is the working grid")
    if extent not in EXTENTS_MM:
        raise InputError(f"phantom extent {extent!r}", "is unknown", f"use {' or '.join(EXTENTS_MM)}")
    body = Body.drawn(seed)
    grid, axes = _grid(body, EXTENTS_MM[extent], spacing_mm)
    canvas = Canvas(body.chart.space(*axes))
    _paint(canvas, body)
    ct = finished(body, canvas.hu, spacing_mm)
    return Scan(name=f"phantom-{seed:04d}", ct=ct, labels=canvas.labels, grid=grid)


def _paint(canvas: Canvas, body: Body) -> None:
    """All of the anatomy, what must stay whole first."""
    contrast, textures = Contrast.drawn(body), Textures.drawn(body)
    if canvas.space.z[-1] > body.skull_base[2]:
        cavity = cranial_cavity(canvas.space, body)
        paint_brain(canvas, body, cavity, textures)
        paint_skull(canvas, body, cavity, textures)
    paint_spine(canvas, body, textures)
    paint_cage(canvas, body, textures)
    paint_shoulders(canvas, body, textures)
    paint_pelvis(canvas, body, textures)
    paint_vessels(canvas, body, contrast, textures)
    chest = paint_airways(canvas, body, contrast.thyroid, textures)
    chest += paint_heart(canvas, body, contrast, textures)
    paint_mediastinum(canvas, body, chest, textures)
    paint_lungs(canvas, body, textures)
    paint_kidneys(canvas, body, contrast, textures)
    paint_upper_organs(canvas, body, contrast, textures)
    paint_stomach(canvas, body, contrast, textures)
    paint_pelvic_organs(canvas, body, textures)
    paint_muscles(canvas, body, textures)
    paint_colon(canvas, body, contrast, textures)
    paint_liver(canvas, body, contrast, textures)
    paint_spleen(canvas, body, contrast, textures)
    paint_small_bowel(canvas, body, contrast, textures)
    paint_envelope(canvas, body, textures)


def _grid(
    body: Body, span: tuple[float, float], spacing_mm: float
) -> tuple[Grid, tuple[Array, Array, Array]]:
    """The grid around a body between two template heights, and the patient x, y, z of its voxels."""
    levels = np.linspace(*span, 120)
    half, front, back = outline(body, levels)
    wide, deep = body.chart.scale(levels)
    sideways, backwards = body.chart.shift(levels)
    margin = 6.0
    low = np.array([(sideways - wide * half).min(), (backwards + deep * front).min(), 0.0]) - margin
    high = np.array([(sideways + wide * half).max(), (backwards + deep * back).max(), 0.0]) + margin
    points = foremost(body)
    shown = points[(points[:, 2] > span[0]) & (points[:, 2] < span[1])]
    front_most = body.chart.shift(shown[:, 2])[1] + body.chart.scale(shown[:, 2])[1] * shown[:, 1]
    low[1] = np.min([low[1], *(front_most - margin)])
    low[2], high[2] = span[0] * body.chart.tall, span[1] * body.chart.tall
    for axis, limit in enumerate(_FIELD_MM):
        excess = max(0.0, high[axis] - low[axis] - limit)
        low[axis], high[axis] = low[axis] + 0.5 * excess, high[axis] - 0.5 * excess
    count = np.floor((high - low) / spacing_mm).astype(int) + 1
    axes = tuple(low[axis] + spacing_mm * np.arange(count[axis]) for axis in range(3))
    world_from_voxel = np.diag([spacing_mm, spacing_mm, spacing_mm, 1.0])
    world_from_voxel[:3, 3] = low
    shape = (int(count[2]), int(count[1]), int(count[0]))
    return Grid(shape=shape, world_from_voxel=world_from_voxel), (axes[0], axes[1], axes[2])
