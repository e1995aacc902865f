"""The gradient of the compositing, front to back.

With q_i = c_i . dL/d(rgb), the loss depends on what lies behind Gaussian i through one number,

    R_i = sum over j > i of T_j alpha_j q_j + T_end (background . dL/d(rgb) - dL/d(alpha image)),

and dL/d(alpha_i) = T_i q_i - R_i / (1 - alpha_i). R starts from the rendered pixel itself,
rgb . dL/d(rgb) - T_end dL/d(alpha image), and loses T_i alpha_i q_i at each step, so that a replay of
the forward pass needs neither stored colours nor stored alphas.

The expected depth E = (sum of T_i alpha_i Z_i) / (sum of T_i alpha_i) adds (Z_i - E) g to q_i, where g is
dL/dE over the second sum, and nothing to R before the first Gaussian: taken as the quotient of two images,
its gradient would cancel.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import (
    BLUE,
    DEPTH,
    GREEN,
    MEAN_Y,
    RED,
    SUM_BLUE,
    SUM_DEPTH,
    TILE,
    WHITEN_YY,
)
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.tiles import (
    AHEAD,
    ALPHA_MAX,
    PATIENCE,
    PIXELS,
    blend,
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
    depth: Any,
    g_rgb: Any,
    g_alpha: Any,
    g_depth: Any,
    pair_sums: Any,
) -> None:
    """Write the sums of every pair of tile and Gaussian to its own row of ``pair_sums``.

    ``depth`` and ``g_depth`` (H, W) are None in a rendering without depth.
    """
    height, width = transmittance.shape
    row_sums = pair_sums.shape[1]
    centres = row_centres()
    remaining, behind, g_red, g_green, g_blue, g_deep, centre = np.empty((7, PIXELS), np.float32)
    last_sums = np.empty(LANES, np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        open_tile(remaining, top, left, height, width)
        _load_gradient(top, left, rgb, transmittance, g_rgb, g_alpha, behind, g_red, g_green, g_blue)
        if depth is not None:
            _load_depth_gradient(top, left, depth, g_depth, centre, g_deep)
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
            s_all, s_u, s_v, s_uu, s_uv, s_vv = zero, zero, zero, zero, zero, zero
            s_red, s_green, s_blue, s_depth = zero, zero, zero, zero
            for half in range(first_half, last_half):
                column = column_terms(record, left, half)
                for row in range(first_row, last_row):
                    dy = load(centres, row * LANES) - y
                    v = record[WHITEN_YY] * dy
                    exponent, u = log2_alpha(column, dy, v, record)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    before = load(remaining, pixel)
                    alpha, weight, after = blend(exponent, before)
                    store(remaining, pixel, after)
                    red, green, blue = load(g_red, pixel), load(g_green, pixel), load(g_blue, pixel)
                    s_red = fma(weight, red, s_red)
                    s_green = fma(weight, green, s_green)
                    s_blue = fma(weight, blue, s_blue)
                    q = fma(record[RED], red, fma(record[GREEN], green, record[BLUE] * blue))
                    if depth is not None:
                        deep = load(g_deep, pixel)
                        s_depth = fma(weight, deep, s_depth)
                        q = fma(record[DEPTH] - load(centre, pixel), deep, q)
                    rest = load(behind, pixel) - weight * q
                    store(behind, pixel, rest)
                    s = alpha * (before * q - rest / (1.0 - alpha))
                    s = where(alpha < ALPHA_MAX, s, 0.0)
                    s_times_u, s_times_v = s * u, s * v
                    s_all = s_all + s
                    s_u = s_u + s_times_u
                    s_v = s_v + s_times_v
                    s_uu = fma(s_times_u, u, s_uu)
                    s_uv = fma(s_times_u, v, s_uv)
                    s_vv = fma(s_times_v, v, s_vv)
            # In the order of the columns of `pair_sums`: eight sums by transposition, then the last.
            store(
                pair_sums,
                pair * row_sums,
                pairwise_sum(
                    pairwise_sum(pairwise_sum(s_all, s_u), pairwise_sum(s_v, s_uu)),
                    pairwise_sum(pairwise_sum(s_uv, s_vv), pairwise_sum(s_red, s_green)),
                ),
            )
            halves = pairwise_sum(s_blue, s_depth)
            quarters = pairwise_sum(halves, halves)
            store(last_sums, 0, pairwise_sum(quarters, quarters))
            pair_sums[pair, SUM_BLUE] = last_sums[0]
            if depth is not None:
                pair_sums[pair, SUM_DEPTH] = last_sums[1]


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
    prefetch(pair_sums, (slots[i] + slot_of_tile(boxes[i], top, left)) * pair_sums.shape[1])


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


@helper
def _load_depth_gradient(top: int, left: int, depth: Any, g_depth: Any, centre: Any, g_deep: Any) -> None:
    """The expected depth and dL/d(sum of T alpha Z), of a tile's pixels where anything was drawn."""
    height, width, _ = depth.shape
    centre[:] = 0.0
    g_deep[:] = 0.0
    for row in range(min(TILE, height - top)):
        for column in range(min(TILE, width - left)):
            expected, mass = depth[top + row, left + column]
            if mass > 0.0:
                centre[row * TILE + column] = expected
                g_deep[row * TILE + column] = g_depth[top + row, left + column] / mass
