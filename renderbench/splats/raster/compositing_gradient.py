"""The gradient of the compositing, front to back.

With q_i = c_i . dL/d(rgb), the loss depends on what lies behind Gaussian i through one number,

    R_i = sum over j > i of T_j alpha_j q_j + T_end (background . dL/d(rgb) - dL/d(alpha image)),

and dL/d(alpha_i) = T_i q_i - R_i / (1 - alpha_i). R starts from the rendered pixel itself,
rgb . dL/d(rgb) - T_end dL/d(alpha image), and loses T_i alpha_i q_i at each step, so that a replay of
the forward pass needs neither stored colours nor stored alphas.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import BLUE, GREEN, MEAN_Y, RED, SUM_BLUE, SUMS, TILE
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.tiles import (
    AHEAD,
    ALPHA_MAX,
    PATIENCE,
    PIXELS,
    blended_alpha,
    clip_box,
    column_terms,
    is_closed,
    is_drawn,
    log2_alpha,
    open_tile,
    prefetch_record,
    row_centres,
    slot_of_tile,
)
from renderbench.splats.raster.vector import LANES, fma, load, pairwise_sum, prefetch, splat, store, where


@kernel
def composite_tiles_gradient(
    counter: Any,
    records: Any,
    boxes: Any,
    columns: int,
    starts: Any,
    entries: Any,
    slots: Any,
    rgb: Any,
    transmittance: Any,
    g_rgb: Any,
    g_alpha: Any,
    pair_sums: Any,
) -> None:
    """Write the nine sums of every pair of tile and Gaussian to its own row of ``pair_sums``."""
    height, width = transmittance.shape
    centres = row_centres()
    remaining, behind, g_red, g_green, g_blue = np.empty((5, PIXELS), np.float32)
    last_sum = np.empty(LANES, np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        open_tile(remaining, top, left, height, width)
        _load_gradient(top, left, rgb, transmittance, g_rgb, g_alpha, behind, g_red, g_green, g_blue)
        closed = False
        for entry in range(starts[tile], starts[tile + 1]):
            prefetch_record(records, entries, entry)
            _prefetch_pair(boxes, entries, entry, slots, top, left, pair_sums)
            i = entries[entry]
            record, box = records[i], boxes[i]
            pair = slots[i] + slot_of_tile(box, top, left)
            if (entry - starts[tile]) % PATIENCE == PATIENCE - 1 and not closed:
                closed = is_closed(remaining)
            if closed:
                pair_sums[pair] = 0.0
                continue
            first_row, last_row, first_half, last_half = clip_box(box, top, left)
            y = splat(record[MEAN_Y] - np.float32(top))
            zero = splat(0.0)
            s_all, s_x, s_y, s_xx, s_xy, s_yy = zero, zero, zero, zero, zero, zero
            s_red, s_green, s_blue = zero, zero, zero
            for half in range(first_half, last_half):
                dx, constant, slope = column_terms(record, left, half)
                # Sums over the rows of s, s dy and s dy²; dx does not change along them.
                s_0, s_1, s_2 = zero, zero, zero
                for row in range(first_row, last_row):
                    dy = load(centres, row * LANES) - y
                    exponent = log2_alpha(constant, slope, record, dy)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    before = load(remaining, pixel)
                    alpha = blended_alpha(exponent, before)
                    weight = before * alpha
                    store(remaining, pixel, before - weight)
                    red, green, blue = load(g_red, pixel), load(g_green, pixel), load(g_blue, pixel)
                    s_red = fma(weight, red, s_red)
                    s_green = fma(weight, green, s_green)
                    s_blue = fma(weight, blue, s_blue)
                    q = fma(record[RED], red, fma(record[GREEN], green, record[BLUE] * blue))
                    after = load(behind, pixel) - weight * q
                    store(behind, pixel, after)
                    s = alpha * (before * q - after / (1.0 - alpha))
                    s = where(alpha < ALPHA_MAX, s, 0.0)
                    s_dy = s * dy
                    s_0 = s_0 + s
                    s_1 = s_1 + s_dy
                    s_2 = fma(s_dy, dy, s_2)
                s_dx = s_0 * dx
                s_all = s_all + s_0
                s_x = s_x + s_dx
                s_y = s_y + s_1
                s_xx = fma(s_dx, dx, s_xx)
                s_xy = fma(s_1, dx, s_xy)
                s_yy = s_yy + s_2
            # In the order of the columns of `pair_sums`: eight sums by transposition, then the last.
            store(
                pair_sums,
                pair * SUMS,
                pairwise_sum(
                    pairwise_sum(pairwise_sum(s_all, s_x), pairwise_sum(s_y, s_xx)),
                    pairwise_sum(pairwise_sum(s_xy, s_yy), pairwise_sum(s_red, s_green)),
                ),
            )
            halves = pairwise_sum(s_blue, s_blue)
            quarters = pairwise_sum(halves, halves)
            store(last_sum, 0, pairwise_sum(quarters, quarters))
            pair_sums[pair, SUM_BLUE] = last_sum[0]


@helper
def _prefetch_pair(
    boxes: Any, entries: Any, entry: int, slots: Any, top: int, left: int, pair_sums: Any
) -> None:
    """Ask for the row that a Gaussian soon after ``entry`` writes to: first for its place, then for itself.

    Past the end of the tile the place is wrong, which costs nothing.
    """
    final = len(entries) - 1
    prefetch(slots, np.int64(entries[min(entry + AHEAD, final)]))
    i = entries[min(entry + AHEAD // 2, final)]
    prefetch(pair_sums, (slots[i] + slot_of_tile(boxes[i], top, left)) * SUMS)


@helper
def _load_gradient(
    top: int,
    left: int,
    rgb: Any,
    transmittance: Any,
    g_rgb: Any,
    g_alpha: Any,
    behind: Any,
    g_red: Any,
    g_green: Any,
    g_blue: Any,
) -> None:
    """R before the first Gaussian, and dL/d(rgb), of a tile's pixels inside the image."""
    height, width = transmittance.shape
    for plane in (behind, g_red, g_green, g_blue):
        plane[:] = 0.0
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            pixel = row * TILE + column
            y, x = top + row, left + column
            red, green, blue = g_rgb[y, x, 0], g_rgb[y, x, 1], g_rgb[y, x, 2]
            seen = rgb[y, x, 0] * red + rgb[y, x, 1] * green + rgb[y, x, 2] * blue
            behind[pixel] = seen - transmittance[y, x] * g_alpha[y, x]
            g_red[pixel], g_green[pixel], g_blue[pixel] = red, green, blue
