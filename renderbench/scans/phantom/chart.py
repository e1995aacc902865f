"""From the template to one patient: build and posture, as a width, a depth and a shift of every slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from renderbench.scans.phantom.fields import Space, single

Array = NDArray[Any]

# Template heights at which width and depth are set: thighs and hips, waist, chest, shoulders, neck, head.
_LEVELS = np.array([-150.0, 20.0, 90.0, 180.0, 330.0, 380.0, 420.0, 470.0, 520.0, 590.0])


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Where the template lies in one patient.

    Args:
        tall: patient mm per template mm along z.
        wide: (10,) patient mm per template mm along x, at the levels of the table.
        deep: (10,) the same along y.
        kyphosis_mm: how far the mid-chest stands behind the template's.
        lordosis_mm: how far the loins stand before the template's.
        protrusion_mm: how far the head stands before the template's.
        scoliosis_mm: the largest sideways shift of the spine.
        scoliosis_phase: rad, at which height that is.
    """

    tall: float
    wide: NDArray[np.float64]
    deep: NDArray[np.float64]
    kyphosis_mm: float
    lordosis_mm: float
    protrusion_mm: float
    scoliosis_mm: float
    scoliosis_phase: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, *, female: bool) -> Chart:
        """The chart of a man or a woman.

        Women are shorter and slighter, with wider hips for their chest; heads vary less than bodies do.
        """
        tall = rng.uniform(0.88, 0.99) if female else rng.uniform(0.95, 1.06)
        trunk = (rng.uniform(0.87, 0.95) if female else rng.uniform(0.93, 1.01)) * np.ones(2)
        trunk *= rng.uniform(0.98, 1.02, 2)
        hips = rng.uniform(1.03, 1.09) if female else rng.uniform(0.96, 1.02)
        shoulders = rng.uniform(0.93, 0.98) if female else rng.uniform(0.98, 1.04)
        head = rng.uniform(0.93, 0.98, 2) if female else rng.uniform(0.97, 1.02, 2)
        neck = 0.92 if female else 1.0
        chest = rng.uniform(0.97, 1.03, 2)
        profile = np.ones((2, len(_LEVELS)))
        profile[:, :2] = [[hips], [0.5 + 0.5 * hips]]
        profile[:, 3:5] = chest[:, None]
        profile[0, 5:7] = shoulders
        profile *= trunk[:, None]
        profile[:, 7] = neck * trunk
        profile[:, 8:] = head[:, None]
        curved = rng.random() < 0.25
        return cls(
            tall=float(tall),
            wide=profile[0],
            deep=profile[1],
            kyphosis_mm=float(rng.normal(0.0, 6.0)),
            lordosis_mm=float(rng.normal(0.0, 5.0)),
            protrusion_mm=float(rng.normal(0.0, 6.0)),
            scoliosis_mm=float(rng.uniform(7.0, 15.0) if curved else rng.uniform(0.0, 4.0)),
            scoliosis_phase=float(rng.uniform(0.0, 2.0 * np.pi)),
        )

    def scale(self, z: ArrayLike) -> tuple[Array, Array]:
        """Patient mm per template mm along x and along y in the slice at template height ``z``."""
        level = np.clip(z, _LEVELS[0], _LEVELS[-1])
        return (
            np.asarray(PchipInterpolator(_LEVELS, self.wide)(level)),
            np.asarray(PchipInterpolator(_LEVELS, self.deep)(level)),
        )

    def shift(self, z: ArrayLike) -> tuple[Array, Array]:
        """Patient mm by which the slice at template height ``z`` is moved along x and along y."""
        height = np.asarray(z, float)
        up = height / 240.0
        # The curve dies out towards pelvis and head, which stand upright.
        sideways = self.scoliosis_mm * np.sin(2.0 * up + self.scoliosis_phase) * _bump(height, 190.0, 230.0)
        backwards = self.kyphosis_mm * _bump(height, 330.0, 110.0)
        backwards -= self.lordosis_mm * _bump(height, 60.0, 85.0)
        backwards -= self.protrusion_mm / (1.0 + np.exp(-(height - 480.0) / 22.0))
        return sideways, backwards

    def space(self, x: Array, y: Array, z: Array) -> Space:
        """The grid whose voxels lie at patient ``x``, ``y``, ``z`` (mm), in template millimetres."""
        template_z = z / self.tall
        wide, deep = self.scale(template_z)
        sideways, backwards = self.shift(template_z)
        return Space(
            x=single(x),
            y=single(y),
            z=single(template_z),
            x_scale=single(1.0 / wide),
            x_shift=single(-sideways / wide),
            y_scale=single(1.0 / deep),
            y_shift=single(-backwards / deep),
        )


def _bump(z: Array, centre: float, width: float) -> Array:
    return np.exp(-(((z - centre) / width) ** 2))
