"""Rows of an image, path by path: what Python calls.

Positions are float32 continuous voxel indices (x, y, z) = (i, j, k), voxel centres at integers;
distances are millimetres; directions are unit vectors along the volume's own axes, and velocities
are the same in voxels per millimetre.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import kernel
from renderbench.groundtruth.native.path import trace_path
from renderbench.groundtruth.native.random_numbers import WEYL, mixed, stratified

_F = np.float32
_U64 = np.uint64


@kernel
def render_rows(
    first: int,
    last: int,
    halves: np.ndarray,
    density: np.ndarray,
    majorants: np.ndarray,
    origin: np.ndarray,
    axes_from_pixel: np.ndarray,
    voxels_per_mm: np.ndarray,
    first_sample: int,
    half_samples: int,
    max_depth: int,
    anisotropy: float,
    lights: Any,
    seed: Any,
) -> None:
    """Path-trace image rows ``first`` to ``last - 1``.

    Args:
        first: first row.
        last: one past the last row.
        halves: (2, H, W, 5) float32, written: rgb, alpha and the sum of the distances to the first
            scattering (mm) of two independent halves, each the mean over its samples.
        density: (D, H, W, 4) float32: sigma_t and rgb sigma_s in 1/mm, zero on all six faces.
        majorants: (cells z, y, x) float32, see :func:`..majorants.majorant_cells`.
        origin: (3,) float64 the camera in voxel indices.
        axes_from_pixel: (3, 3) float64; maps (column, row, 1) to the ray's direction along the axes.
        voxels_per_mm: (3,) float32 along x, y, z.
        first_sample: where in its sequence each half begins.
        half_samples: samples per pixel of each half.
        max_depth: the most scatterings of a path that contributes.
        anisotropy: the Henyey-Greenstein g.
        lights: see :class:`..illumination.Illumination`.
        seed: uint64.
    """
    width = halves.shape[2]
    for row in range(first, last):
        for column in range(width):
            for half in range(2):
                stream = mixed(mixed(_U64(seed) + WEYL) ^ _U64((row * width + column) * 2 + half))
                red, green, blue, alpha, distance = 0.0, 0.0, 0.0, 0.0, 0.0
                for sample in range(first_sample, first_sample + half_samples):
                    jitter_x, jitter_y = stratified(_U64(sample), stream, _U64(1))
                    x = column + float(jitter_x)
                    y = row + float(jitter_y)
                    r, g, b, scattered, away = trace_path(
                        axes_from_pixel[0, 0] * x + axes_from_pixel[0, 1] * y + axes_from_pixel[0, 2],
                        axes_from_pixel[1, 0] * x + axes_from_pixel[1, 1] * y + axes_from_pixel[1, 2],
                        axes_from_pixel[2, 0] * x + axes_from_pixel[2, 1] * y + axes_from_pixel[2, 2],
                        density,
                        majorants,
                        origin,
                        voxels_per_mm,
                        max_depth,
                        _F(anisotropy),
                        lights,
                        _U64(sample),
                        stream,
                    )
                    red += r
                    green += g
                    blue += b
                    alpha += scattered
                    distance += away
                halves[half, row, column, 0] = red / half_samples
                halves[half, row, column, 1] = green / half_samples
                halves[half, row, column, 2] = blue / half_samples
                halves[half, row, column, 3] = alpha / half_samples
                halves[half, row, column, 4] = distance / half_samples
