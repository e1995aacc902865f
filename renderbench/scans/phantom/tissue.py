"""What tissues look like in CT: HU by depth, the phase of the contrast agent, and the scanner's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Material, Patch
from renderbench.scans.phantom.fields import Noise

Array = NDArray[Any]

FAT_HU, MUSCLE_HU, SKIN_HU, FLUID_HU, GAS_HU = -103.0, 58.0, 30.0, 12.0, -960.0
CARTILAGE_HU, DISC_HU, NERVE_HU = 125.0, 85.0, 38.0


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """HU of enhancing tissues, from an early arterial to a portal venous phase."""

    aorta: float
    veins: float
    portal: float
    left_heart: float
    right_heart: float
    lung_artery: float
    muscle_of_heart: float
    liver: float
    spleen: float
    pancreas: float
    gland: float
    renal_cortex: float
    renal_medulla: float
    bowel_wall: float
    bowel_content: float

    @classmethod
    def drawn(cls, body: Body) -> Contrast:
        """The phase and dose of a body's scan."""
        rng = body.stream("contrast")
        late = float(rng.beta(0.8, 0.6))
        dose = float(rng.uniform(0.92, 1.08))
        drunk = bool(rng.random() < 0.3)
        values = {name: dose * (early + late * (venous - early)) for name, (early, venous) in _PHASES.items()}
        return cls(**values, bowel_content=float(rng.uniform(140, 230) if drunk else rng.uniform(30, 70)))


_PHASES = {
    "aorta": (300.0, 172.0),
    "veins": (152.0, 165.0),
    "portal": (155.0, 182.0),
    "left_heart": (285.0, 170.0),
    "right_heart": (225.0, 165.0),
    "lung_artery": (245.0, 168.0),
    "muscle_of_heart": (122.0, 112.0),
    "liver": (98.0, 116.0),
    "spleen": (132.0, 124.0),
    "pancreas": (112.0, 98.0),
    "gland": (92.0, 80.0),
    "renal_cortex": (205.0, 192.0),
    "renal_medulla": (118.0, 172.0),
    "bowel_wall": (112.0, 104.0),
}


@dataclass(frozen=True, kw_only=True)
class Textures:
    """Noises shared by the materials of one scan: organic mottle, and the finer web of spongy bone."""

    mottle: Noise
    web: Noise

    @classmethod
    def drawn(cls, body: Body) -> Textures:
        """The textures of a body's scan."""
        rng = body.stream("textures")
        return cls(mottle=Noise.drawn(rng, 9.0), web=Noise.drawn(rng, 3.2))

    def flesh(self, hu: float, *, mottle_hu: float = 6.0) -> Material:
        """A soft tissue around ``hu``."""
        return lambda patch: hu + mottle_hu * self.mottle.at(patch.points)

    def bone(self, *, cortex_mm: float = 1.6, cortex_hu: float = 850.0, marrow_hu: float = 225.0) -> Material:
        """A dense shell around spongy bone."""

        def material(patch: Patch) -> Array:
            shell = np.clip(1.2 - patch.depth / cortex_mm, 0.0, 1.0)
            spongy = marrow_hu + 38.0 * self.web.at(patch.points)
            return spongy + shell * (cortex_hu - spongy)

        return material

    def hollow(self, *, wall_mm: float, wall_hu: float, inside: Material) -> Material:
        """A wall around contents."""

        def material(patch: Patch) -> Array:
            wall = wall_hu + 8.0 * self.mottle.at(patch.points)
            return np.where(patch.depth < wall_mm, wall, inside(patch))

        return material


def finished(body: Body, hu: Array, spacing_mm: float) -> NDArray[np.int16]:
    """The CT of painted HU: the scanner's point spread, slow drifts and noise.

    Args:
        body: whose stream to draw the noise from.
        hu: (D, H, W) float32, sharp.
        spacing_mm: voxel size.

    Returns:
        (D, H, W) int16 Hounsfield units in [-1024, 3071].
    """
    rng = body.stream("scanner")
    sharp_mm, noise_hu = 1.0, float(rng.uniform(8.0, 13.0))
    out = gaussian_filter(hu, sharp_mm / spacing_mm, truncate=3.0, output=np.float32)
    coarse = rng.standard_normal([max(2, n // 10) for n in hu.shape], dtype=np.float32)
    drift = zoom(coarse, [n / m for n, m in zip(hu.shape, coarse.shape, strict=True)], order=1)
    # Reconstruction correlates the noise of neighbours; 2.6 makes up for what that averages away.
    grain = 2.6 * gaussian_filter(rng.standard_normal(hu.shape, dtype=np.float32), 0.6, truncate=3.0)
    # Air has neither texture nor much noise.
    dense = np.clip((out + 1000.0) / 900.0, 0.3, 1.0)
    out += dense * (noise_hu * grain + 5.0 * drift)
    return np.clip(np.rint(out), -1024, 3071).astype(np.int16)
