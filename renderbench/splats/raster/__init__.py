"""The CPU rasteriser of 6D Gaussians: numba kernels with exact gradients.

From top to bottom: ``function`` (torch), ``passes`` (arrays), then the kernels: ``projection`` over
Gaussians (with ``slicing`` and ``ewa``, the arithmetic of one), ``binning`` into tiles, ``compositing`` over
tiles (with ``tiles``, the blending rule), and the gradients of the first and the last; below them, ``vector``
and ``elementary`` (eight floats at once), ``threads`` and ``jit``.
"""

from renderbench.splats.raster.function import RasterOutput, blending_weights, rasterise
from renderbench.splats.raster.settings import RasterSettings

__all__ = ["RasterOutput", "RasterSettings", "blending_weights", "rasterise"]
