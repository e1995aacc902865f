"""Front-to-back compositing of the tiles, and how much each Gaussian is seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import BLUE, GREEN, MEAN_Y, RED, TILE
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.tiles import (
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
from renderbench.splats.raster.vector import LANES, fma, load, splat, store, where


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
) -> None:
    """Composite every tile: ``rgb`` (H, W, 3) and the remaining ``transmittance`` (H, W)."""
    height, width = transmittance.shape
    centres = row_centres()
    remaining = np.empty(PIXELS, np.float32)
    red, green, blue = np.empty((3, PIXELS), np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        red[:] = 0.0
        green[:] = 0.0
        blue[:] = 0.0
        open_tile(remaining, top, left, height, width)
        for entry in range(starts[tile], starts[tile + 1]):
            prefetch_record(records, entries, entry)
            if (entry - starts[tile]) % PATIENCE == PATIENCE - 1 and is_closed(remaining):
                break
            record, box = records[entries[entry]], boxes[entries[entry]]
            first_row, last_row, first_half, last_half = clip_box(box, top, left)
            y = splat(record[MEAN_Y] - np.float32(top))
            for half in range(first_half, last_half):
                _, constant, slope = column_terms(record, left, half)
                for row in range(first_row, last_row):
                    exponent = log2_alpha(constant, slope, record, load(centres, row * LANES) - y)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    before = load(remaining, pixel)
                    weight = before * blended_alpha(exponent, before)
                    store(remaining, pixel, before - weight)
                    store(red, pixel, fma(weight, record[RED], load(red, pixel)))
                    store(green, pixel, fma(weight, record[GREEN], load(green, pixel)))
                    store(blue, pixel, fma(weight, record[BLUE], load(blue, pixel)))
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                pixel = row * TILE + column
                t = remaining[pixel]
                image = rgb[top + row, left + column]
                transmittance[top + row, left + column] = t
                image[0] = red[pixel] + t * background[0]
                image[1] = green[pixel] + t * background[1]
                image[2] = blue[pixel] + t * background[2]


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
    """Write the sum and the maximum over pixels of T alpha of every pair of tile and Gaussian.

    ``pair_weights`` is (pairs, 2) and 0 on entry.
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
            total, largest = splat(0.0), splat(0.0)
            for half in range(first_half, last_half):
                _, constant, slope = column_terms(record, left, half)
                for row in range(first_row, last_row):
                    exponent = log2_alpha(constant, slope, record, load(centres, row * LANES) - y)
                    if not is_drawn(exponent):
                        continue
                    pixel = row * TILE + half * LANES
                    before = load(remaining, pixel)
                    weight = before * blended_alpha(exponent, before)
                    store(remaining, pixel, before - weight)
                    total = total + weight
                    largest = where(weight > largest, weight, largest)
            pair = pair_weights[slots[entries[entry]] + slot_of_tile(box, top, left)]
            store(scratch, 0, total)
            pair[0] = _sum(scratch)
            store(scratch, 0, largest)
            pair[1] = _max(scratch)


@kernel
def gather_weights(slots: Any, pair_weights: Any, sums: Any, maxima: Any) -> None:
    """Sum and maximum of each Gaussian's rows of ``pair_weights``."""
    for i in range(len(sums)):
        sums[i] = 0.0
        maxima[i] = 0.0
        for row in range(slots[i], slots[i + 1]):
            sums[i] += pair_weights[row, 0]
            maxima[i] = max(maxima[i], pair_weights[row, 1])


@helper
def _sum(values: Any) -> Any:
    total = np.float32(0.0)
    for value in values:
        total += value
    return total


@helper
def _max(values: Any) -> Any:
    largest = values[0]
    for value in values:
        largest = max(largest, value)
    return largest
