"""A view as several exposures: pbrt shows an environment to the camera, and we hide it exactly.

pbrt has neither a hidden environment nor an alpha channel. But a scene rendered twice from one seed takes
the same camera rays, wavelengths and free flights, so that

- ``lit``, the scene itself, less ``background``, the same with no scattering allowed, is the light that
  was scattered, sample by sample: what comes straight from the environment cancels without any noise;
- ``covered``, a unit environment behind the medium, over ``open``, the same without the medium, is the
  fraction of samples that meet nothing: the spectral noise of both is the same and cancels too.

Under a constant environment ``background`` is ``covered`` times its radiance and is not rendered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.groundtruth.pbrt.lights import UNIT_ENVIRONMENT, Lights
from renderbench.groundtruth.pbrt.scene import view_scene
from renderbench.groundtruth.renderer import RenderPass

Name = Literal["lit", "background", "covered", "open"]

# Of linear sRGB; of the three channels' noise, what the eye weighs most is the least noisy.
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """One of the scenes that make a view."""

    name: Name
    scene: str


def exposures(
    camera: Camera, lights: Lights, *, medium: str, inside: bool, max_depth: int, samples: int
) -> list[Exposure]:
    """The scenes of a view; arguments as of :func:`view_scene`."""

    def exposure(name: Name, text: str, around: str | None, depth: int) -> Exposure:
        scene = view_scene(
            camera, lights=text, medium=around, inside=inside, max_depth=depth, samples=samples
        )
        return Exposure(name=name, scene=scene)

    found = [exposure("lit", lights.text, medium, max_depth)]
    if lights.seen is None:
        found.append(exposure("background", lights.text, medium, 0))
    found.append(exposure("covered", UNIT_ENVIRONMENT, medium, 0))
    found.append(exposure("open", UNIT_ENVIRONMENT, None, 0))
    return found


def seed_of_half(seed: int, first: int, half: int) -> int:
    """pbrt's seed for one half of a pass, 31 bits; other passes and halves have independent ones."""
    return int(hashlib.sha256(f"{seed} {first} {half}".encode()).hexdigest()[:8], 16) & 0x7FFFFFFF


def developed(
    images: Mapping[tuple[Name, int], NDArray[np.float32]], lights: Lights, *, samples: int, seconds: float
) -> RenderPass:
    """The view that exposures make.

    Args:
        images: (H, W, 3) by exposure and half.
        lights: of the scene.
        samples: a pixel, both halves together.
        seconds: wall time.
    """
    halves, alphas = [], []
    for half in range(2):
        covered = images["covered", half]
        background = images["background", half] if lights.seen is None else covered * np.float32(lights.seen)
        seen_through = (covered @ _LUMINANCE) / (images["open", half] @ _LUMINANCE)
        alpha = np.clip(1.0 - seen_through, 0.0, 1.0)
        # Where no sample met the medium, what is left of the difference is rounding.
        halves.append(np.where(alpha[..., None] > 0, images["lit", half] - background, 0.0))
        alphas.append(alpha)
    return RenderPass(
        halves=np.stack(halves).astype(np.float32),
        alpha=np.mean(alphas, axis=0).astype(np.float32),
        depth_mm=None,
        samples=samples,
        seconds=seconds,
    )
