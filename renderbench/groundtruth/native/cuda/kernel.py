"""The kernel: one thread for each half of each pixel of a band of rows, and all its samples in turn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import config, cuda

from renderbench.groundtruth.native.path import trace_path
from renderbench.groundtruth.native.random_numbers import pixel_stream
from renderbench.jit import on_cuda

_U64 = np.uint64

# ptxas would take about 180, for 8 warps a multiprocessor; 128 spill next to nothing and make them 16. The
# simulator knows no registers.
_OPTIONS: dict[str, Any] = {} if config.ENABLE_CUDASIM else {"max_registers": 128}

_trace_path = on_cuda(trace_path)
_pixel_stream = on_cuda(pixel_stream)


@cuda.jit(**_OPTIONS)
def add_samples(
    sums: Any,
    means: Any,
    first_row: int,
    first: int,
    begin: int,
    end: int,
    seed: Any,
    rays: Any,
    density: Any,
    majorants: Any,
    voxels_per_mm: Any,
    max_depth: int,
    anisotropy: Any,
    lights: Any,
) -> None:
    """Add samples ``begin`` to ``end - 1`` to a band's pixels.

    Sums go on where the last launch left them, so that a view does not depend, bit for bit, on how its
    samples were shared among launches.

    Args:
        sums: (2, rows, W, 5) float64; read unless ``begin`` is ``first``, and written.
        means: (2, rows, W, 5) float32, written: the sums over the number of samples so far.
        first_row: of the band, in the image.
        first: the first sample of the pass.
        begin: the first sample of this launch.
        end: one past its last.
        seed: uint64.
        rays: see :class:`..rays.Rays`.
        density: as all that follows, see :class:`..scene.Scene`.
        majorants: of the density.
        voxels_per_mm: along x, y, z.
        max_depth: of a path.
        anisotropy: float32.
        lights: of the scene.
    """
    column, band_row, half = cuda.grid(3)
    if column >= sums.shape[2] or band_row >= sums.shape[1]:
        return
    row = first_row + band_row
    stream = _pixel_stream(seed, row * sums.shape[2] + column, half)
    red, green, blue, alpha, distance = 0.0, 0.0, 0.0, 0.0, 0.0
    if begin > first:
        red = sums[half, band_row, column, 0]
        green = sums[half, band_row, column, 1]
        blue = sums[half, band_row, column, 2]
        alpha = sums[half, band_row, column, 3]
        distance = sums[half, band_row, column, 4]
    for sample in range(begin, end):
        r, g, b, scattered, away = _trace_path(
            column,
            row,
            _U64(sample),
            stream,
            rays,
            density,
            majorants,
            voxels_per_mm,
            max_depth,
            anisotropy,
            lights,
        )
        red += r
        green += g
        blue += b
        alpha += scattered
        distance += away
    sums[half, band_row, column, 0] = red
    sums[half, band_row, column, 1] = green
    sums[half, band_row, column, 2] = blue
    sums[half, band_row, column, 3] = alpha
    sums[half, band_row, column, 4] = distance
    for channel in range(5):
        means[half, band_row, column, channel] = sums[half, band_row, column, channel] / (end - first)
