"""What tissues look like in CT: HU by depth, the phase of the contrast agent, and the scanner's noise."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.canvas import Material, Patch
from renderbench.scans.phantom.fields import Noise
from renderbench.threads import thread_count

Array = NDArray[Any]

FAT_HU, MUSCLE_HU, SKIN_HU, FLUID_HU, GAS_HU = -103.0, 58.0, 30.0, 12.0, -960.0
CARTILAGE_HU, DISC_HU, NERVE_HU = 125.0, 85.0, 38.0


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """HU of enhancing tissues in a native, an arterial or a portal venous scan.

    Args:
        phase: one of `PHASES`.
    """

    phase: str
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
    thyroid: float
    renal_cortex: float
    renal_medulla: float
    bowel_wall: float
    bowel_content: float

    @classmethod
    def drawn(cls, body: Body) -> Contrast:
        """The phase and dose of a body's scan."""
        rng = body.stream("contrast")
        phase = str(rng.choice(PHASES, p=[0.2, 0.3, 0.5]))
        late = float(rng.uniform(0.0, 0.3) if phase == "arterial" else rng.uniform(0.85, 1.0))
        dose = 0.0 if phase == "native" else float(rng.uniform(0.9, 1.1))
        values = {
            name: plain + dose * (early + late * (venous - early) - plain)
            for name, (plain, early, venous) in _ENHANCEMENT.items()
        }
        # A stout patient's liver is often a fatty one.
        values["liver"] -= max(0.0, rng.normal(0.8 * (body.fat_mm - 14.0), 4.0))
        drunk = bool(rng.random() < 0.25)
        content = float(rng.uniform(140, 230) if drunk else rng.uniform(15, 55))
        return cls(phase=phase, **values, bowel_content=content)


PHASES = ("native", "arterial", "portal venous")

# Native, late arterial (about 35 s) and portal venous (about 70 s) HU.
_ENHANCEMENT = {
    "aorta": (42.0, 310.0, 165.0),
    "veins": (42.0, 115.0, 152.0),
    "portal": (42.0, 132.0, 178.0),
    "left_heart": (42.0, 290.0, 162.0),
    "right_heart": (42.0, 228.0, 158.0),
    "lung_artery": (42.0, 240.0, 160.0),
    "muscle_of_heart": (46.0, 120.0, 110.0),
    "liver": (59.0, 78.0, 112.0),
    "spleen": (49.0, 122.0, 121.0),
    "pancreas": (42.0, 108.0, 94.0),
    "gland": (28.0, 88.0, 72.0),
    "thyroid": (100.0, 190.0, 160.0),
    "renal_cortex": (33.0, 180.0, 192.0),
    "renal_medulla": (33.0, 88.0, 172.0),
    "bowel_wall": (40.0, 98.0, 102.0),
}


@dataclass(frozen=True, kw_only=True)
class Textures:
    """What the materials of one scan share: organic mottle, the finer web of spongy bone and its density."""

    mottle: Noise
    web: Noise
    density: float

    @classmethod
    def drawn(cls, body: Body) -> Textures:
        """The textures of a body's scan."""
        rng = body.stream("textures")
        return cls(
            mottle=Noise.drawn(rng, 9.0), web=Noise.drawn(rng, 3.2), density=float(rng.uniform(0.72, 1.12))
        )

    def flesh(self, hu: float, *, mottle_hu: float = 6.0) -> Material:
        """A soft tissue around ``hu``."""
        return lambda patch: hu + mottle_hu * self.mottle.at(patch.points)

    def bone(self, *, cortex_mm: float = 1.6, cortex_hu: float = 850.0, marrow_hu: float = 225.0) -> Material:
        """A dense shell around spongy bone."""

        def material(patch: Patch) -> Array:
            shell = np.clip(1.2 - patch.depth / cortex_mm, 0.0, 1.0)
            spongy = self.density * marrow_hu + 38.0 * self.web.at(patch.points)
            return spongy + shell * ((0.7 + 0.3 * self.density) * cortex_hu - spongy)

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
    with ThreadPoolExecutor(min(2, thread_count())) as pool:
        blurred = pool.submit(gaussian_filter, hu, sharp_mm / spacing_mm, truncate=3.0, output=np.float32)
        noise = pool.submit(_noise, rng, hu.shape, noise_hu)
        out = blurred.result()
        # Air has neither texture nor much noise.
        out += np.clip((out + 1000.0) / 900.0, 0.3, 1.0) * noise.result()
    return np.clip(np.rint(out, out=out), -1024, 3071, out=out).astype(np.int16)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], noise_hu: float) -> Array:
    """Grain of ``noise_hu`` and slow drifts of 5 HU."""
    drift = rng.standard_normal([max(2, n // 10) for n in shape], dtype=np.float32)
    for axis, count in enumerate(shape):
        drift = _stretched(drift, axis, count)
    # Reconstruction correlates the noise of neighbours; 2.6 makes up for what that averages away.
    grain = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 0.6, truncate=3.0)
    return np.asarray(2.6 * noise_hu * grain + 5.0 * drift, np.float32)


def _stretched(values: Array, axis: int, count: int) -> Array:
    """``values`` interpolated linearly to ``count`` samples along ``axis``."""
    place = np.linspace(0.0, values.shape[axis] - 1.0, count, dtype=np.float32)
    below = np.minimum(place.astype(int), values.shape[axis] - 2)
    part = (place - below).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    first = np.take(values, below, axis)
    return first + part * (np.take(values, below + 1, axis) - first)
