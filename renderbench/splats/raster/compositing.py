"""Front-to-back compositing of the tiles, and how much each Gaussian is seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import BLUE, DEPTH, GREEN, MEAN_Y, RED, TILE, WHITEN_YY
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.tiles import (
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
from renderbench.splats.raster.vector import LANES, fma, load, splat, store


@kernel
def composite_tiles(
    counter: Any,
    records: Any,
    boxes: Any,
    columns: int,
    starts: Any,
    entries: Any,
    background: Any,
    rgb: Any,
    transmittance: Any,
    depth: Any,
) -> None:
    """Composite every tile: ``rgb`` (H, W, 3), the remaining ``transmittance`` (H, W) and ``depth``.

    ``depth`` is None, which compiles a kernel without it, or (H, W, 2): the expected depth, mm, and the sum
    of T alpha that normalises it.
    """
    height, width = transmittance.shape
    centres = row_centres()
    remaining = np.empty(PIXELS, np.float32)
    red, green, blue, deep, mass = np.empty((5, PIXELS), np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        red[:] = 0.0
        green[:] = 0.0
        blue[:] = 0.0
        if depth is not None:
            deep[:] = 0.0
            mass[:] = 0.0
        open_tile(remaining, top, left, height, width)
        for entry in range(starts[tile], starts[tile + 1]):
            prefetch_record(records, entries, entry)
            if (entry - starts[tile]) % PATIENCE == PATIENCE - 1 and is_closed(remaining):
                break
            record, box = records[entries[entry]], boxes[entries[entry]]
            first_row, last_row, first_half, last_half = clip_box(box, top, left)
            y = splat(record[MEAN_Y] - np.float32(top))
            for half in range(first_half, last_half):
                column = column_terms(record, left, half)
                for row in range(first_row, last_row):
                    dy = load(centres, row * LANES) - y
                    exponent, _ = log2_alpha(column, dy, record[WHITEN_YY] * dy, record)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    _, weight, after = blend(exponent, load(remaining, pixel))
                    store(remaining, pixel, after)
                    store(red, pixel, fma(weight, record[RED], load(red, pixel)))
                    store(green, pixel, fma(weight, record[GREEN], load(green, pixel)))
                    store(blue, pixel, fma(weight, record[BLUE], load(blue, pixel)))
                    if depth is not None:
                        store(deep, pixel, fma(weight, record[DEPTH], load(deep, pixel)))
                        store(mass, pixel, load(mass, pixel) + weight)
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                pixel = row * TILE + column
                t = abs(remaining[pixel])
                image = rgb[top + row, left + column]
                transmittance[top + row, left + column] = t
                image[0] = red[pixel] + t * background[0]
                image[1] = green[pixel] + t * background[1]
                image[2] = blue[pixel] + t * background[2]
                if depth is not None:
                    seen = mass[pixel] > 0.0
                    depth[top + row, left + column, 0] = deep[pixel] / mass[pixel] if seen else 0.0
                    depth[top + row, left + column, 1] = mass[pixel]


@kernel
def weigh_tiles(
    counter: Any,
    records: Any,
    boxes: Any,
    columns: int,
    starts: Any,
    entries: Any,
    slots: Any,
    height: int,
    width: int,
    pair_weights: Any,
) -> None:
    """Write the sum over pixels of T alpha of every pair of tile and Gaussian.

    ``pair_weights`` is (pairs,) and 0 on entry.
    """
    centres = row_centres()
    remaining = np.empty(PIXELS, np.float32)
    scratch = np.empty(LANES, np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        open_tile(remaining, top, left, height, width)
        for entry in range(starts[tile], starts[tile + 1]):
            prefetch_record(records, entries, entry)
            if (entry - starts[tile]) % PATIENCE == PATIENCE - 1 and is_closed(remaining):
                break
            record, box = records[entries[entry]], boxes[entries[entry]]
            first_row, last_row, first_half, last_half = clip_box(box, top, left)
            y = splat(record[MEAN_Y] - np.float32(top))
            total = splat(0.0)
            for half in range(first_half, last_half):
                column = column_terms(record, left, half)
                for row in range(first_row, last_row):
                    dy = load(centres, row * LANES) - y
                    exponent, _ = log2_alpha(column, dy, record[WHITEN_YY] * dy, record)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    _, weight, after = blend(exponent, load(remaining, pixel))
                    store(remaining, pixel, after)
                    total = total + weight
            store(scratch, 0, total)
            pair_weights[slots[entries[entry]] + slot_of_tile(box, top, left)] = _sum(scratch)


@kernel
def gather_weights(slots: Any, pair_weights: Any, sums: Any) -> None:
    """Sum of each Gaussian's rows of ``pair_weights``."""
    for i in range(len(sums)):
        sums[i] = _sum(pair_weights[slots[i] : slots[i + 1]])


@helper
def _sum(values: Any) -> Any:
    total = np.float32(0.0)
    for value in values:
        total += value
    return total
