"""The rasteriser of 6D Gaussians, on the CPU and on CUDA.

``function`` is the public face and chooses by device. On CUDA, ``gsplat`` draws. On the CPU, from top to
bottom: ``cpu`` (torch), ``passes`` (arrays), then the kernels: ``projection`` over Gaussians (with
``slicing`` and ``ewa``, the arithmetic of one), ``binning`` into tiles, ``compositing`` over tiles (with
``tiles``, the blending rule), and the gradients of the first and the last; below them, ``vector`` and
``elementary`` (eight floats at once), ``threads`` and ``jit``.
"""

from renderbench.splats.raster.function import blending_weights, rasterise
from renderbench.splats.raster.gsplat import require_gsplat
from renderbench.splats.raster.output import RasterOutput
from renderbench.splats.raster.settings import RasterSettings

__all__ = ["RasterOutput", "RasterSettings", "blending_weights", "rasterise", "require_gsplat"]
