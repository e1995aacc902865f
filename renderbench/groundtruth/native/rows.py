"""Rows of an image, path by path: what the CPU runs.

Positions are float32 continuous voxel indices (x, y, z) = (i, j, k), voxel centres at integers;
distances are millimetres; directions are unit vectors along the volume's own axes, and velocities
are the same in voxels per millimetre.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.groundtruth.native.jit import kernel
from renderbench.groundtruth.native.path import trace_path
from renderbench.groundtruth.native.random_numbers import pixel_stream

_U64 = np.uint64


@kernel
def render_rows(
    first: int,
    last: int,
    halves: np.ndarray,
    first_sample: int,
    half_samples: int,
    seed: Any,
    rays: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    voxels_per_mm: np.ndarray,
    max_depth: int,
    anisotropy: Any,
    lights: Any,
) -> None:
    """Path-trace image rows ``first`` to ``last - 1``.

    Args:
        first: first row.
        last: one past the last row.
        halves: (2, H, W, 5) float32, written; see :meth:`.scene.Tracer.trace`.
        first_sample: where in its sequence each half begins.
        half_samples: samples per pixel of each half.
        seed: uint64.
        rays: see :class:`.rays.Rays`.
        density: as all that follows, see :class:`.scene.Scene`.
        majorants: of the density.
        voxels_per_mm: along x, y, z.
        max_depth: of a path.
        anisotropy: float32.
        lights: of the scene.
    """
    width = halves.shape[2]
    for row in range(first, last):
        for column in range(width):
            for half in range(2):
                stream = pixel_stream(seed, row * width + column, half)
                red, green, blue, alpha, distance = 0.0, 0.0, 0.0, 0.0, 0.0
                for sample in range(first_sample, first_sample + half_samples):
                    r, g, b, scattered, away = trace_path(
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
                halves[half, row, column, 0] = red / half_samples
                halves[half, row, column, 1] = green / half_samples
                halves[half, row, column, 2] = blue / half_samples
                halves[half, row, column, 3] = alpha / half_samples
                halves[half, row, column, 4] = distance / half_samples
