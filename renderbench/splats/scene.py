"""A set of 6D Gaussians as a scene that the protocol can judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.ply import write_ply
from renderbench.splats.raster import RasterSettings, rasterise


@dataclass(frozen=True, kw_only=True)
class SplatScene:
    """Gaussians and how they are rasterised; a ``renderbench.methods.Scene``."""

    gaussians: Gaussians6D
    raster: RasterSettings
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def point_count(self) -> int:
        """How many Gaussians."""
        return len(self.gaussians)

    def render(self, camera: Camera) -> NDArray[np.float32]:
        """The image, (H, W, 3) sRGB over black, clipped to [0, 1]."""
        with torch.no_grad():
            image = rasterise(self.gaussians, camera, self.raster).rgb.clamp(0.0, 1.0)
        pixels: NDArray[np.float32] = image.cpu().numpy()
        return pixels

    def save(self, path: Path) -> None:
        """Write the Gaussians as a 6D ``.ply``."""
        write_ply(path, self.gaussians)
