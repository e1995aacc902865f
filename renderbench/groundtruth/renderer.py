"""What a ground-truth renderer is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderedView:
    """One rendered view, over black: the environment lights the medium and is itself hidden.

    Args:
        rgb: (H, W, 3) float32 linear radiance, premultiplied by alpha.
        alpha: (H, W) float32, the fraction of samples that meet the medium.
        halves: (2, H, W, 3) float32, two independent renders with half the samples each; ``rgb`` is
            their mean.
        seconds: wall time of the rendering.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32]
    halves: NDArray[np.float32]
    seconds: float


class Renderer(Protocol):
    """A renderer that has a medium loaded; views share it."""

    @property
    def name(self) -> str:
        """What the suite calls it."""

    @property
    def version(self) -> str:
        """Changes whenever its images do; part of every digest."""

    def render(self, camera: Camera, *, seed: int) -> RenderedView:
        """One view; the same seed gives the same image."""
