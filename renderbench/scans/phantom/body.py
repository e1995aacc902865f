"""The landmarks that every organ is placed by: spine, rib cage, diaphragm, belly, and how one body varies.

The anatomy is written down once, in template millimetres: x to the patient's left from the midline, y
backwards from the front of the third lumbar vertebra, z upwards from the sacral promontory. A `Body` says how
this patient's proportions differ from the template, its `Chart` where the template lies in the patient.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from renderbench.scans.phantom.chart import Chart
from renderbench.scans.phantom.fields import single
from renderbench.scans.phantom.kernels import oval

Array = NDArray[Any]

# What a scan shows: neck to below the hips, or head to mid-thigh.
EXTENTS_MM = {"torso": (-186.0, 458.0), "body": (-305.0, 734.0)}
BOTTOM_MM, TOP_MM = EXTENTS_MM["body"]

# From the top down, as a surgeon counts; index 0 of every per-vertebra array is C1.
VERTEBRAE = tuple(
    f"{part}{n}" for part, count in (("C", 7), ("T", 12), ("L", 5)) for n in range(1, count + 1)
)

# The disc below each; below the atlas there is a joint, and the axis's tooth stands within its ring.
_DISC_MM = np.repeat(
    [3.0, 4.0, 4.4, 3.5, 4.0, 5.0, 7.0, 8.0, 9.0, 10.0, 11.0], [1, 1, 5, 4, 4, 4, 1, 1, 1, 1, 1]
)
_BODY_MM = np.hstack(
    [
        [14, 22, 13, 13, 13, 13.5, 15],
        [16, 16.5, 17, 17.5, 18, 18.3, 18.6, 19, 19.5, 20.5, 21.5, 22.5],
        [24, 25, 25.5, 25.5, 25],
    ]
)

# Middle of the vertebral bodies seen from the side: lumbar lordosis, thoracic kyphosis, cervical lordosis.
_SPINE = PchipInterpolator(
    [
        -150,
        -120,
        -95,
        -64,
        -38,
        -12,
        14,
        48,
        85,
        120,
        150,
        180,
        245,
        320,
        385,
        430,
        460,
        490,
        520,
        550,
        575,
        600,
    ],
    [54, 68, 76, 72, 52, 27, 7, -1, 0, 7, 17, 26, 43, 45, 32, 15, 1, -10, -15, -15, -11, -8],
)

# Rib cage in the horizontal plane: half-width, front and back at the middle line of the ribs.
_CAGE_Z = [90, 120, 150, 200, 245, 300, 340, 365, 390, 412, 430, 445]
_CAGE_WIDE = PchipInterpolator(_CAGE_Z, [137, 140, 142, 143, 141, 134, 122, 110, 94, 75, 54, 30])
_CAGE_FRONT = PchipInterpolator(_CAGE_Z, [-104, -108, -112, -115, -110, -96, -81, -67, -53, -38, -20, -4])
_CAGE_BACK = PchipInterpolator(_CAGE_Z, [50, 56, 62, 72, 80, 83, 79, 73, 65, 54, 44, 32])
_CAGE_POWER = 2.35

# Inside of the abdominal wall below the ribs.
_BELLY_Z = [-160, -120, -80, -40, 0, 50, 100, 150, 200]
_BELLY_WIDE = PchipInterpolator(_BELLY_Z, [22, 44, 62, 86, 112, 124, 129, 132, 134])
_BELLY_FRONT = PchipInterpolator(_BELLY_Z, [-12, -50, -74, -92, -101, -103, -103, -104, -104])
_BELLY_BACK = PchipInterpolator(_BELLY_Z, [50, 70, 80, 72, 52, 44, 48, 58, 64])


@dataclass(frozen=True, kw_only=True)
class Body:
    """One patient.

    Args:
        seed: of the scan; every organ draws from a stream of its own, see `stream`.
        female: wider hips, breasts, no prostate.
        chart: the template's place in the patient: size, build and posture.
        belly: depth of the abdomen, relative to the template.
        fat_mm: thickness of the fat under the skin.
        breath_mm: height of the diaphragm above the template's.
        centre_z: (24,) heights of the vertebral bodies' middles, C1 first.
        height: (24,) of the vertebral bodies, mm.
    """

    seed: int
    female: bool
    chart: Chart
    belly: float
    fat_mm: float
    breath_mm: float
    centre_z: NDArray[np.float64] = field(repr=False)
    height: NDArray[np.float64] = field(repr=False)

    @classmethod
    def drawn(cls, seed: int) -> Body:
        """The body of a seed."""
        rng = _stream(seed, "body")
        female = bool(rng.random() < 0.5)
        height, centre_z = _vertebra_levels(rng)
        # Most people are neither lean nor stout; what hangs before the belly follows the fat under the skin.
        stout = float(rng.beta(1.6, 2.6))
        return cls(
            seed=seed,
            female=female,
            chart=Chart.drawn(rng, female=female),
            belly=float(0.95 + 0.16 * stout + rng.uniform(-0.03, 0.03)),
            fat_mm=float((9.0 if female else 6.0) + 22.0 * stout),
            breath_mm=float(rng.uniform(-12.0, 8.0)),
            centre_z=centre_z,
            height=height,
        )

    def stream(self, name: str) -> np.random.Generator:
        """The random stream of one organ: adding an organ changes no other."""
        return _stream(self.seed, name)

    @property
    def skull_base(self) -> Array:
        """The middle (3,) of the foramen magnum: where the spine's canal opens into the skull."""
        z = self.centre_z[0] + 0.5 * self.height[0] + 6.0
        return np.array([0.0, float(self.spine(z)) + 17.0, z])

    def spine(self, z: ArrayLike) -> Array:
        """y of the middle of the vertebral bodies at height ``z``."""
        return np.asarray(_SPINE(np.asarray(z, float)))

    def vertebra(self, name: str) -> tuple[NDArray[np.float64], float]:
        """Centre (3,) and height of a vertebral body."""
        index = VERTEBRAE.index(name)
        z = self.centre_z[index]
        return np.array([0.0, float(self.spine(z)), z]), float(self.height[index])

    def cage(self, z: ArrayLike) -> tuple[Array, Array, Array]:
        """Half-width, front y and back y of the rib cage at height ``z``."""
        level = np.clip(np.asarray(z, float), _CAGE_Z[0], _CAGE_Z[-1])
        return _CAGE_WIDE(level), _CAGE_FRONT(level), _CAGE_BACK(level)

    def on_cage(self, angle: ArrayLike, z: ArrayLike) -> Array:
        """Points (n, 3) of the left half of the cage: ``angle`` (rad) 0 at the back, pi at the front."""
        theta, level = np.broadcast_arrays(np.asarray(angle, float), np.asarray(z, float))
        wide, front, back = self.cage(level)
        s, c = np.sin(theta), np.cos(theta)
        power = 2.0 / _CAGE_POWER
        x = wide * np.sign(s) * np.abs(s) ** power
        y = 0.5 * (front + back) + 0.5 * (back - front) * np.sign(c) * np.abs(c) ** power
        return np.stack([x, y, level], axis=-1)

    def cage_distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance to the surface of the rib cage in the horizontal plane."""
        return oval_distance(x, y, *self.cage(z), _CAGE_POWER)

    def belly_distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance to the inside of the wall of abdomen and pelvis, in the horizontal plane."""
        level = np.clip(z, _BELLY_Z[0], _BELLY_Z[-1])
        front = self.belly * _BELLY_FRONT(level)
        return oval_distance(x, y, _BELLY_WIDE(level), front, _BELLY_BACK(level), 2.5)

    def diaphragm(self, x: Array, y: Array) -> Array:
        """Height of the diaphragm: two domes, the right one higher, the heart's bed between them."""
        rim = 172.0 - 0.22 * y
        wide, front, back = self.cage(210.0)
        middle, half = 0.5 * (front + back), 0.5 * (back - front)
        out = (x / (wide - 6.0)) ** 2 + ((y - middle) / (half - 5.0)) ** 2
        dome = 88.0 * np.clip(1.0 - out, 0.0, 1.0) ** 0.55
        right = 12.0 * np.exp(-(((x + 62.0) / 48.0) ** 2) - ((y + 15.0) / 60.0) ** 2)
        bed = -12.0 * np.exp(-(((x - 14.0) / 34.0) ** 2) - ((y + 40.0) / 45.0) ** 2)
        return rim - 14.0 + dome + right + bed + self.breath_mm


def oval_distance(x: Array, y: Array, wide: Array, front: Array, back: Array, power: float) -> Array:
    """Signed distance, in the horizontal plane, to a superellipse between ``front`` and ``back``."""
    middle, half = 0.5 * (front + back), 0.5 * (back - front)
    u, v = single(x / wide), single((y - middle) / half)
    return np.asarray(oval(u, v, single(wide), single(half), np.float32(power)))


def _vertebra_levels(rng: np.random.Generator) -> tuple[Array, Array]:
    height = _BODY_MM * rng.uniform(0.98, 1.02, len(_BODY_MM))
    tops = np.cumsum((height + _DISC_MM)[::-1])[::-1]
    return height, tops - 0.5 * height


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))
