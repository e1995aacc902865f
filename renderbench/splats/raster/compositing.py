"""Front-to-back compositing of the tiles, and how much each Gaussian is seen."""

from __future__ import annotations

import math

import numpy as np

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.projection import (
    BOTTOM,
    CONIC_XX,
    CONIC_XY,
    CONIC_YY,
    LEFT,
    LOG2_OPACITY,
    MEAN_X,
    MEAN_Y,
    RED,
    RIGHT,
    TILE,
    TOP,
)  # fmt: skip
from renderbench.splats.raster.threads import next_item

LOG2_THRESHOLD = -math.log2(255.0)
ALPHA_MAX = 0.999
OPAQUE = 1e-4
"""A pixel takes no more Gaussians once its transmittance is below this."""
PIXELS = TILE * TILE


@kernel
def composite_tiles(counter, records, boxes, columns, starts, entries, background, rgb, transmittance):
    """Composite every tile: ``rgb`` (H, W, 3) and the remaining ``transmittance`` (H, W)."""
    height, width = transmittance.shape
    colour = np.empty((PIXELS, 3), np.float32)
    remaining = np.empty(PIXELS, np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        colour[:] = 0.0
        open_tile(remaining, top, left, height, width)
        for entry in range(starts[tile], starts[tile + 1]):
            record = records[entries[entry]]
            first_row, last_row, first_column, last_column = clip_box(boxes[entries[entry]], top, left)
            for row in range(first_row, last_row):
                for column in range(first_column, last_column):
                    pixel = row * TILE + column
                    t = remaining[pixel]
                    alpha = alpha_at(record, left + column, top + row)
                    if alpha == 0.0 or t < OPAQUE:
                        continue
                    weight = t * alpha
                    remaining[pixel] = t - weight
                    for channel in range(3):
                        colour[pixel, channel] += weight * record[RED + channel]
        for row in range(min(TILE, height - top)):
            for column in range(min(TILE, width - left)):
                pixel = row * TILE + column
                transmittance[top + row, left + column] = remaining[pixel]
                for channel in range(3):
                    rgb[top + row, left + column, channel] = (
                        colour[pixel, channel] + remaining[pixel] * background[channel]
                    )


@kernel
def weigh_tiles(counter, records, boxes, columns, starts, entries, slots, height, width, pair_weights):
    """Write the sum and the maximum over pixels of T alpha of every pair of tile and Gaussian.

    ``pair_weights`` is (pairs, 2).
    """
    remaining = np.empty(PIXELS, np.float32)
    while True:
        tile = next_item(counter)
        if tile >= len(starts) - 1:
            return
        top, left = tile // columns * TILE, tile % columns * TILE
        open_tile(remaining, top, left, height, width)
        for entry in range(starts[tile], starts[tile + 1]):
            i = entries[entry]
            first_row, last_row, first_column, last_column = clip_box(boxes[i], top, left)
            total, largest = np.float32(0.0), np.float32(0.0)
            for row in range(first_row, last_row):
                for column in range(first_column, last_column):
                    pixel = row * TILE + column
                    t = remaining[pixel]
                    alpha = alpha_at(records[i], left + column, top + row)
                    if alpha == 0.0 or t < OPAQUE:
                        continue
                    weight = t * alpha
                    remaining[pixel] = t - weight
                    total += weight
                    largest = max(largest, weight)
            slot = slots[i] + slot_of_tile(boxes[i], top, left)
            pair_weights[slot, 0] = total
            pair_weights[slot, 1] = largest


@kernel
def gather_weights(slots, pair_weights, sums, maxima):
    """Sum and maximum of each Gaussian's rows of ``pair_weights``."""
    for i in range(len(sums)):
        sums[i] = 0.0
        maxima[i] = 0.0
        for row in range(slots[i], slots[i + 1]):
            sums[i] += pair_weights[row, 0]
            maxima[i] = max(maxima[i], pair_weights[row, 1])


@helper
def open_tile(remaining, top, left, height, width):
    """Full transmittance inside the image; none outside, so that nothing is drawn there."""
    for row in range(TILE):
        for column in range(TILE):
            inside = top + row < height and left + column < width
            remaining[row * TILE + column] = 1.0 if inside else 0.0


@helper
def clip_box(box, top, left):
    """The rows and columns of the tile inside the box (first, end)."""
    return (
        max(box[TOP] - top, 0),
        min(box[BOTTOM] - top, TILE),
        max(box[LEFT] - left, 0),
        min(box[RIGHT] - left, TILE),
    )


@helper
def slot_of_tile(box, top, left):
    """The place of a tile among those that the box touches."""
    first_row, first_column = box[TOP] // TILE, box[LEFT] // TILE
    across = (box[RIGHT] - 1) // TILE - first_column + 1
    return (top // TILE - first_row) * across + left // TILE - first_column


@helper
def alpha_at(record, column, row):
    """Alpha at a pixel's centre, at most 0.999; 0 below 1/255."""
    dx = column + 0.5 - record[MEAN_X]
    dy = row + 0.5 - record[MEAN_Y]
    log2_alpha = (
        record[LOG2_OPACITY]
        + record[CONIC_XX] * dx * dx
        + record[CONIC_XY] * dx * dy
        + record[CONIC_YY] * dy * dy
    )
    if log2_alpha < LOG2_THRESHOLD:
        return 0.0
    return min(2.0**log2_alpha, ALPHA_MAX)
