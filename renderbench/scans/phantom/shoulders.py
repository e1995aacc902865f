"""The shoulder girdle: clavicles, scapulae and the heads of the humeri."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Canvas
from renderbench.scans.phantom.fields import (
    Field,
    Noise,
    Space,
    beads,
    chain,
    ellipsoid,
    mirrored,
    roughened,
    spline,
    union,
)
from renderbench.scans.phantom.ribs import SIDES
from renderbench.scans.phantom.tissue import Textures

Array = NDArray[Any]

_COLLAR = np.array([[21, -55, 402], [48, -71, 406], [86, -55, 414], [118, -12, 424], [148, 8, 428]], float)
_COLLAR_MM = [9.5, 7.0, 5.8, 5.2, 5.6]

# Corners of the shoulder blade, and the side of it that faces away from the ribs.
_UPPER, _LOWER, _OUTER = np.array([[70, 66, 414], [92, 92, 290], [134, 30, 386]], dtype=float)
_OUTWARD = np.cross(_OUTER - _UPPER, _LOWER - _UPPER)
_OUTWARD /= np.linalg.norm(_OUTWARD) * np.sign(_OUTWARD[1])


def paint_shoulders(canvas: Canvas, body: Body, textures: Textures) -> None:
    """Clavicles, scapulae and the heads of the raised humeri."""
    space = canvas.space
    rough = Noise.drawn(body.stream("shoulders"), 11.0)
    bone = textures.bone(cortex_mm=1.5)
    for side, sign in SIDES:
        for name, shape in (
            ("clavicula", _clavicle(space, sign)),
            ("humerus", _humerus(space, sign)),
            ("scapula", _scapula(space, sign)),
        ):
            canvas.paint(f"{name}_{side}", roughened(space, shape, rough, 0.5), bone)


def _clavicle(space: Space, sign: int) -> Field:
    line = spline(mirrored(_COLLAR, sign), extra=_COLLAR_MM)
    flat = np.interp(np.linspace(0, 1, len(line)), [0, 0.5, 1], [1.1, 1.0, 1.7])
    return chain(space, line[:, :3], line[:, 3], wide=(0, 1, 0), stretch=flat)


def _humerus(space: Space, sign: int) -> Field:
    head = ellipsoid(space, mirrored([166, 20, 404], sign), [23, 23, 23])
    shaft = mirrored([[170, 20, 408], [188, 18, 430], [210, 14, 462]], sign)
    return union([head, chain(space, shaft, [20, 15, 12])], blend_mm=6.0)


def _scapula(space: Space, sign: int) -> Field:
    blade, thickness = _blade()
    acromion, ridge = _shoulder_spine()
    coracoid = spline([[130, 20, 402], [124, -4, 412], [132, -18, 404]])
    parts = [
        beads(space, mirrored(blade, sign), thickness),
        beads(space, mirrored(ridge, sign), 2.6),
        chain(space, mirrored(acromion, sign), [4.0, 5.0, 5.0], wide=(1, 0, 0), stretch=1.7),
        ellipsoid(space, mirrored([138, 26, 391], sign), [7, 12, 17]),
        chain(space, mirrored(coracoid, sign), 5.5),
    ]
    return union(parts, blend_mm=3.5)


def _on_blade(a: Array, b: Array, c: Array) -> Array:
    """Points of the bowed triangle with weights ``a``, ``b``, ``c`` of its upper, lower and outer corner."""
    flat = a[..., None] * _UPPER + b[..., None] * _LOWER + c[..., None] * _OUTER
    return np.asarray(flat + 34.0 * (a * c + b * c + a * b)[..., None] * _OUTWARD)


def _blade() -> tuple[Array, Array]:
    """Points and half-thickness of the triangular blade, bowed over the ribs."""
    u, v = np.meshgrid(np.linspace(0, 1, 110), np.linspace(0, 1, 90))
    a, b, c = (1 - u) * (1 - v), u * (1 - v), v
    lateral = np.clip(1.0 - a / 0.10, 0.0, 1.0)
    medial = np.clip(1.0 - c / 0.06, 0.0, 1.0)
    thickness = 2.5 + 2.4 * lateral + 0.8 * medial
    return _on_blade(a, b, c).reshape(-1, 3), thickness.reshape(-1)


def _shoulder_spine() -> tuple[Array, Array]:
    """The acromion's axis, and points of the ridge that rises towards it from the blade."""
    t = np.linspace(0, 1, 60)
    foot = _on_blade(0.72 - 0.54 * t, 0.28 - 0.18 * t, 0.72 * t)
    rise = (3.0 + 24.0 * t)[:, None] * _OUTWARD + t[:, None] * [8.0, 0.0, 16.0]
    ridge = foot[:, None, :] + np.linspace(0, 1, 24)[None, :, None] * rise[:, None, :]
    tip = ridge[-1, -1]
    return tip + np.array([[0, 0, 0], [18, -12, 6], [20, -40, 8]]), ridge.reshape(-1, 3)
