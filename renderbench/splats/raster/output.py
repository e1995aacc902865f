"""What a rendering is, whichever device drew it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Colour = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class RasterOutput:
    """A rendering, on the device of the Gaussians.

    Args:
        rgb: (H, W, 3) sRGB over the background; not clamped from above.
        alpha: (H, W) opacity, 1 - the remaining transmittance.
        depth_mm: (H, W) the expected depth: the mean, weighted with T alpha, of the sliced means' distance
            to the camera along its optical axis; 0 where nothing was drawn. None if not asked for.
        radii_px: (N,) at least the half-width of a Gaussian on the image, px; 0 where it was culled. On the
            CPU, the long half-axis of the ellipse on which alpha is 1/255; on CUDA, gsplat's.
    """

    rgb: torch.Tensor
    alpha: torch.Tensor
    depth_mm: torch.Tensor | None
    radii_px: torch.Tensor
    _screen_gradient: Callable[[], torch.Tensor | None]

    @property
    def visible(self) -> torch.Tensor:
        """(N,) bool: the Gaussians that were not culled."""
        return self.radii_px > 0

    def screen_gradient(self) -> torch.Tensor:
        """(N,) norms of dL/d(projected mean) of the last backward pass, for densification.

        The projected mean is taken in normalised device coordinates, [-1, 1] over the image, as 3DGS
        does: a derivative per pixel is multiplied by half the width or the height. 0 where culled.

        Raises:
            RuntimeError: there was no backward pass through this output.
        """
        gradient = self._screen_gradient()
        if gradient is None:
            raise RuntimeError("screen_gradient: call backward() on a loss of this output first")
        return gradient
