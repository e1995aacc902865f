"""The solid organs of the belly, the gallbladder, the bladder and the prostate."""

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
    chain,
    ellipsoid,
    evaluated,
    from_formula,
    mirrored,
    roughened,
    soft_max,
    spline,
    union,
    without,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import FAT_HU, FLUID_HU, Contrast, Textures
from renderbench.scans.phantom.vessels import branching

Array = NDArray[Any]


def cavity(body: Body, x: Array, y: Array, z: Array) -> Array:
    """Signed distance to the lining of the belly: inside the ribs above, the muscular wall below."""
    upper = np.clip((z - 105.0) / 70.0, 0.0, 1.0)
    chest = body.cage_distance(x, y, z) + 8.5
    return upper * chest + (1.0 - upper) * body.belly_distance(x, y, z)


def in_belly(space: Space, body: Body, field: Field, *, gap_mm: float = 2.0) -> Field:
    """The part of ``field`` inside the belly's lining and below the diaphragm."""

    def lining(x: Array, y: Array, z: Array) -> Array:
        roof = 0.8 * (z - body.diaphragm(x, y) + gap_mm)
        return soft_max(cavity(body, x, y, z) + gap_mm, roof, 6.0)

    values = soft_max(field.values, evaluated(space, field.box, lining), 9.0)
    return Field(box=field.box, values=np.asarray(values, np.float32))


def paint_kidneys(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """Kidneys with their hollow of fat and pelvis, and the adrenal glands on top of them."""
    space = canvas.space
    rng = body.stream("kidneys")
    rough = Noise.drawn(rng, 16.0)
    for side, sign in SIDES:
        size = float(rng.uniform(0.9, 1.1))
        # The right kidney lies lower, under the liver; either may have sunk.
        sunk = float(rng.exponential(4.0))
        middle = np.array([0.0, 0.0, 118.0 if side == "left" else 105.0]) + rng.normal(0, [1.5, 2, 4])
        middle[2] -= sunk
        arc = np.array([[51, 32, 36], [64, 25, 22], [70, 19, 0], [68, 15, -20], [59, 12, -36]], float)
        line = spline(arc * [1, 1, size], extra=size * np.array([18, 24.5, 26, 24.5, 19]))
        _paint_cysts(canvas, rng, side, middle + mirrored(line[:, :3], sign), line[:, 3], textures)
        bean = chain(
            space, middle + mirrored(line[:, :3], sign), line[:, 3], wide=(0.4 * sign, 1, 0), stretch=1.0
        )
        sinus = ellipsoid(space, middle + mirrored([47, 9, 0], sign), [15, 11, 19])
        pelvis = ellipsoid(space, middle + mirrored([48, 9, -2], sign), [8, 6, 10])
        bean = without(roughened(space, bean, rough, 0.8), sinus, blend_mm=6.0)
        canvas.paint(f"kidney_{side}", bean, _renal(contrast, textures))
        canvas.paint(None, pelvis, textures.flesh(FLUID_HU))
        canvas.paint(None, sinus, textures.flesh(FAT_HU))

        top = middle + mirrored([42, 20, 50], sign)
        limbs = [
            [[0, -6, 4], [3, 8, -4], [8, 20, -12]],
            [[0, -6, 4], [-4, 8, -2], [-6, 20, -8]],
            [[0, -6, 4], [0, -12, 8]],
        ]
        parts = [
            chain(space, top + mirrored(limb, sign), 2.8, wide=(0, 0.2, 1), stretch=3.6) for limb in limbs
        ]
        canvas.paint(f"adrenal_gland_{side}", union(parts, blend_mm=3.0), textures.flesh(contrast.gland))


def _paint_cysts(
    canvas: Canvas, rng: np.random.Generator, side: str, axis: Array, girth: Array, textures: Textures
) -> None:
    """Every fourth kidney has one to three cysts, bulging out of it backwards, forwards or sideways."""
    count = int(rng.integers(1, 4)) if rng.random() < 0.25 else 0
    cysts = []
    for _ in range(count):
        level = int(rng.integers(1, len(axis) - 1))
        out = np.array([np.sign(axis[0, 0]) * rng.uniform(0.2, 1.0), rng.uniform(-1.0, 0.7), 0.0])
        size = float(rng.uniform(5.0, 19.0))
        centre = axis[level] + (girth[level] - 0.2 * size) * out / np.linalg.norm(out)
        cysts.append(ellipsoid(canvas.space, centre, size * rng.uniform(0.9, 1.1, 3)))
    if cysts:
        fluid = textures.flesh(FLUID_HU - 6.0, mottle_hu=2.0)
        canvas.paint(f"kidney_cyst_{side}", union(cysts, blend_mm=2.0), fluid)


def _renal(contrast: Contrast, textures: Textures) -> Material:
    def material(patch: Patch) -> Array:
        # Columns of cortex reach inwards between the pyramids.
        column = 3.0 * textures.mottle.at(patch.points)
        inner = np.clip((patch.depth - 7.5 - column) / 2.0, 0.0, 1.0)
        return contrast.renal_cortex + inner * (contrast.renal_medulla - contrast.renal_cortex)

    return material


def paint_upper_organs(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """Pancreas and gallbladder."""
    space = canvas.space
    rng = body.stream("upper organs")
    fine = Noise.drawn(rng, 6.5)
    gland = spline(
        [
            [-34, -36, 84],
            [-26, -44, 104],
            [-8, -54, 124],
            [18, -54, 140],
            [46, -30, 148],
            [72, 0, 158],
            [92, 14, 168],
        ],
        extra=[12, 15, 10, 10.5, 10, 9.5, 7],
    )
    pancreas = chain(space, gland[:, :3], gland[:, 3], wide=(0, 0, 1), stretch=1.3)
    canvas.paint(
        "pancreas", roughened(space, pancreas, fine, 1.7), textures.flesh(contrast.pancreas, mottle_hu=14)
    )

    full = float(rng.uniform(0.75, 1.2))
    sac = spline([[-34, -50, 150], [-44, -66, 132], [-52, -82, 112], [-54, -90, 100]], extra=[3.5, 9, 15, 14])
    bile = textures.hollow(wall_mm=1.8, wall_hu=62.0, inside=textures.flesh(FLUID_HU, mottle_hu=3.0))
    gallbladder = in_belly(space, body, chain(space, sac[:, :3], full * sac[:, 3]))
    canvas.paint("gallbladder", gallbladder, bile)


def paint_spleen(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """The spleen, which bears the imprints of stomach, kidney and colon."""
    space = canvas.space
    rng = body.stream("spleen")
    rough = Noise.drawn(rng, 20.0)
    # Spleens differ more than any other organ.
    size = float(np.clip(rng.normal(1.08, 0.12), 0.88, 1.4))
    tilt = np.column_stack([[0.80, -0.50, 0.33], [0.55, 0.83, -0.05], [-0.25, 0.22, 0.94]])
    tilt = np.linalg.qr(tilt)[0]
    half = size * np.array([49, 64, 79]) * rng.uniform(0.94, 1.06, 3)
    spleen = ellipsoid(space, [103, 30, 188], half, frame=tilt, power=2.2)
    hollow = ellipsoid(space, [48, -22, 194], [46, 46, 80])
    spleen = without(spleen, hollow, blend_mm=8.0)
    spleen = in_belly(space, body, roughened(space, spleen, rough, 1.8), gap_mm=3.0)
    canvas.paint("spleen", spleen, textures.flesh(contrast.spleen))


def paint_liver(canvas: Canvas, body: Body, contrast: Contrast, textures: Textures) -> None:
    """The wedge under the right dome: thick on the right, thin to the left, sharp at the front edge."""
    rng = body.stream("liver")
    low, reach = rng.normal(6.0, 8.0), rng.uniform(-30.0, 16.0)
    # A tongue of the right lobe that hangs down before the kidney (Riedel) is common.
    tongue = float(rng.uniform(35.0, 70.0)) if rng.random() < 0.18 else 0.0
    edge_x = np.array([-140, -100, -60, -20, 20, 60, 95], float) + reach * np.array([0, 0, 0, 0, 0.3, 1, 1])
    edge_z = np.array([58, 76, 106, 138, 168, 202, 244], float) + low * np.array([1, 1, 0.8, 0.5, 0.3, 0, 0])
    edge_z -= tongue * np.array([1.0, 1.0, 0.25, 0, 0, 0, 0])
    back_x = [-140, -70, -48, -30, -12, 20, 80]
    back_y = [80, 76, 48, 22, 0, -22, -50]

    def formula(x: Array, y: Array, z: Array) -> Array:
        wall = cavity(body, x, y, z) + 3.0
        dome = 0.8 * (z - body.diaphragm(x, y) + 2.0)
        # Notches for the round ligament and the gallbladder part the front edge.
        front = np.clip((-30.0 - y) / 40.0, 0.0, 1.0)
        notch = 20.0 * np.exp(-(((x - 4.0) / 7.0) ** 2)) + 12.0 * np.exp(-(((x + 50.0) / 11.0) ** 2))
        below = 0.75 * (np.interp(x, edge_x, edge_z) + front * notch + 0.30 * (y + 50.0) - z)
        behind = 0.8 * (y - np.interp(x, back_x, back_y))
        outside = soft_max(soft_max(wall, dome, 6.0), x - (82.0 + reach), 14.0)
        return soft_max(soft_max(outside, below, 10.0), behind, 12.0)

    space = canvas.space
    organ = from_formula(space, [-150, -125, -20], [105, 90, 300], formula)
    organ = roughened(space, organ, Noise.drawn(rng, 38.0), 2.4)
    canvas.paint("liver", organ, textures.flesh(contrast.liver))
    brighter = contrast.liver + 0.45 * (contrast.portal - contrast.liver)
    roots = [
        ([-46, -40, 180], [-0.8, 0.1, 0.3], 5.0),
        ([-46, -44, 180], [-0.5, -0.4, -0.6], 4.5),
        ([-20, -58, 192], [0.7, -0.3, 0.3], 4.0),
        ([-30, -14, 226], [-0.9, 0.1, -0.3], 5.0),
        ([-30, -20, 228], [-0.5, -0.8, -0.2], 4.5),
    ]
    for root, direction, radius in roots:
        for points, radii in branching(rng, root, direction, radius=radius, length=30.0, levels=5):
            twig = chain(space, points, radii, reach_mm=1.0)
            canvas.tint(["liver"], twig, textures.flesh(brighter, mottle_hu=3.0))


def paint_pelvic_organs(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Bladder, and a man's prostate."""
    space = canvas.space
    rng = body.stream("pelvic organs")
    full = float(rng.uniform(0.62, 1.2))
    rough = Noise.drawn(rng, 26.0)
    half = np.array([40.0, 31.0, 27.0]) * [full, full, full]
    bladder = ellipsoid(space, [1, -26, -112 + half[2]], half, power=2.3)
    urine = textures.flesh(FLUID_HU - 4.0, mottle_hu=2.0)
    wall = textures.hollow(wall_mm=3.2, wall_hu=52.0, inside=urine)
    canvas.paint("urinary_bladder", roughened(space, bladder, rough, 1.6), wall)
    size = float(rng.uniform(0.88, 1.3))
    prostate = ellipsoid(space, [0, -18, -126], size * np.array([23, 16, 15]), power=2.2)
    if body.female:
        return
    canvas.paint("prostate", roughened(space, prostate, rough, 1.2), textures.flesh(74.0, mottle_hu=12.0))
