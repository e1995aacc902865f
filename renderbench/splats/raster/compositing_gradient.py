"""The gradient of the compositing, front to back.

With q_i = c_i . dL/d(rgb), the loss depends on what lies behind Gaussian i through one number,

    R_i = sum over j > i of T_j alpha_j q_j + T_end (background . dL/d(rgb) - dL/d(alpha image)),

and dL/d(alpha_i) = T_i q_i - R_i / (1 - alpha_i). R starts from the rendered pixel itself,
rgb . dL/d(rgb) - T_end dL/d(alpha image), and loses T_i alpha_i q_i at each step, so that a replay of
the forward pass needs neither stored colours nor stored alphas.
"""

from __future__ import annotations

import numpy as np

from renderbench.splats.raster.compositing import (
    ALPHA_MAX,
    OPAQUE,
    PIXELS,
    alpha_at,
    clip_box,
    open_tile,
    slot_of_tile,
)  # fmt: skip
from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.projection import (
    MEAN_X,
    MEAN_Y,
    RED,
    SUM_RED,
    SUM_S,
    SUM_X,
    SUM_XX,
    SUM_XY,
    SUM_Y,
    SUM_YY,
    SUMS,
    TILE,
)  # fmt: skip
from renderbench.splats.raster.threads import next_item


@kernel
def composite_tiles_gradient(
    counter, records, boxes, columns, starts, entries, slots, rgb, transmittance, g_rgb, g_alpha, pair_sums
):
    """Write the nine sums of every pair of tile and Gaussian to its own row of ``pair_sums``."""
    height, width = transmittance.shape
    remaining = np.empty(PIXELS, np.float32)
    behind = np.empty(PIXELS, np.float32)
    g_colour = np.empty((PIXELS, 3), np.float32)
    sums = np.empty(SUMS, np.float64)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        open_tile(remaining, top, left, height, width)
        _load_gradient(top, left, rgb, transmittance, g_rgb, g_alpha, behind, g_colour)
        for entry in range(starts[tile], starts[tile + 1]):
            i = entries[entry]
            record = records[i]
            first_row, last_row, first_column, last_column = clip_box(boxes[i], top, left)
            sums[:] = 0.0
            for row in range(first_row, last_row):
                for column in range(first_column, last_column):
                    pixel = row * TILE + column
                    t = remaining[pixel]
                    alpha = alpha_at(record, left + column, top + row)
                    if alpha == 0.0 or t < OPAQUE:
                        continue
                    weight = t * alpha
                    remaining[pixel] = t - weight
                    q = 0.0
                    for channel in range(3):
                        q += record[RED + channel] * g_colour[pixel, channel]
                        sums[SUM_RED + channel] += weight * g_colour[pixel, channel]
                    behind[pixel] -= weight * q
                    if alpha >= ALPHA_MAX:
                        continue
                    s = alpha * (t * q - behind[pixel] / (1.0 - alpha))
                    dx = left + column + 0.5 - record[MEAN_X]
                    dy = top + row + 0.5 - record[MEAN_Y]
                    sums[SUM_S] += s
                    sums[SUM_X] += s * dx
                    sums[SUM_Y] += s * dy
                    sums[SUM_XX] += s * dx * dx
                    sums[SUM_XY] += s * dx * dy
                    sums[SUM_YY] += s * dy * dy
            pair_sums[slots[i] + slot_of_tile(boxes[i], top, left)] = sums


@helper
def _load_gradient(top, left, rgb, transmittance, g_rgb, g_alpha, behind, g_colour):
    """R before the first Gaussian, and dL/d(rgb), of a tile's pixels inside the image."""
    height, width = transmittance.shape
    behind[:] = 0.0
    g_colour[:] = 0.0
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            pixel = row * TILE + column
            y, x = top + row, left + column
            total = -transmittance[y, x] * g_alpha[y, x]
            for channel in range(3):
                g_colour[pixel, channel] = g_rgb[y, x, channel]
                total += rgb[y, x, channel] * g_rgb[y, x, channel]
            behind[pixel] = total
