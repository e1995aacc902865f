"""The pixels of one tile, eight at a time, and the blending rule.

A tile is kept as flat arrays of its 256 pixels, one per quantity. The Gaussian is the outermost loop, so
that its record is read once; the columns go in two halves of eight pixels, and the rows are innermost.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.splats.raster.elementary import exp2
from renderbench.splats.raster.jit import helper
from renderbench.splats.raster.layout import (
    BOTTOM,
    LEFT,
    LOG2_OPACITY,
    MEAN_X,
    RECORD,
    RIGHT,
    TILE,
    TOP,
    WHITEN_XX,
    WHITEN_XY,
)
from renderbench.splats.raster.vector import LANES, any_lane, fma, lanes, load, prefetch, where

PIXELS = TILE * TILE
ALPHA_MAX = 0.999
OPAQUE = 1e-4
"""A Gaussian that would leave a pixel no more transmittance than this is not drawn, and closes the pixel."""
PATIENCE = 16
"""After how many Gaussians a tile looks whether all its pixels are closed."""
AHEAD = 8
"""How many Gaussians ahead a record is asked for: front to back, they lie anywhere in memory."""

_LOG2_THRESHOLD = -math.log2(255.0)


@helper
def row_centres() -> Any:
    """(TILE * LANES,) flat: the centre of each row of a tile, in every lane."""
    centres = np.empty(TILE * LANES, np.float32)
    for row in range(TILE):
        centres[row * LANES : (row + 1) * LANES] = row + 0.5
    return centres


@helper
def open_tile(remaining: Any, top: int, left: int, height: int, width: int) -> None:
    """Full transmittance inside the image; none outside, so that nothing is drawn there.

    A closed pixel keeps its transmittance with a minus sign.
    """
    for row in range(TILE):
        for column in range(TILE):
            inside = top + row < height and left + column < width
            remaining[row * TILE + column] = 1.0 if inside else 0.0


@helper
def is_closed(remaining: Any) -> Any:
    """Whether no pixel takes another Gaussian."""
    largest = load(remaining, 0)
    for pixel in range(LANES, PIXELS, LANES):
        value = load(remaining, pixel)
        largest = where(value > largest, value, largest)
    return not any_lane(largest > 0.0)


@helper
def prefetch_record(records: Any, entries: Any, entry: int) -> None:
    """Ask for the record of the Gaussian that comes ``AHEAD`` after ``entry``."""
    prefetch(records, np.int64(entries[min(entry + AHEAD, len(entries) - 1)]) * RECORD)


@helper
def clip_box(box: Any, top: int, left: int) -> Any:
    """The rows and the halves of the tile that the box touches: (first row, end, first half, end)."""
    return (
        max(box[TOP] - top, 0),
        min(box[BOTTOM] - top, TILE),
        max(box[LEFT] - left, 0) // LANES,
        (min(box[RIGHT] - left, TILE) - 1) // LANES + 1,
    )


@helper
def slot_of_tile(box: Any, top: int, left: int) -> Any:
    """The place of a tile among those that the box touches."""
    first_row, first_column = box[TOP] // TILE, box[LEFT] // TILE
    across = (box[RIGHT] - 1) // TILE - first_column + 1
    return (top // TILE - first_row) * across + left // TILE - first_column


@helper
def column_terms(record: Any, left: int, half: int) -> Any:
    """WHITEN_XX dx for the eight columns of a half."""
    return record[WHITEN_XX] * (
        lanes() - (record[MEAN_X] - np.float32(left + half * LANES) - np.float32(0.5))
    )


@helper
def log2_alpha(column: Any, dy: Any, v: Any, record: Any) -> Any:
    """log2 of alpha before its threshold and clamp, and u."""
    u = fma(dy, record[WHITEN_XY], column)
    return fma(-u, u, fma(-v, v, record[LOG2_OPACITY])), u


@helper
def is_drawn(exponent: Any) -> Any:
    """Whether alpha = 2^exponent reaches 1/255 in any lane."""
    return any_lane(exponent >= _LOG2_THRESHOLD)


@helper
def blend(exponent: Any, before: Any) -> Any:
    """What a Gaussian of alpha = 2^exponent, at most 0.999, does to pixels of transmittance ``before``.

    Returns:
        alpha and T alpha, 0 where nothing is drawn: below 1/255, in closed pixels and in those that this
        Gaussian closes; and what to keep as their transmittance.
    """
    alpha = exp2(exponent)
    alpha = where(alpha < ALPHA_MAX, alpha, ALPHA_MAX)
    alpha = where((exponent >= _LOG2_THRESHOLD) & (before > 0.0), alpha, 0.0)
    # Explicitly fused, so that the gradient's replay closes the same pixels.
    after = fma(-before, alpha, before)
    stays_open = after > OPAQUE
    closed = where(before > 0.0, -before, before)
    weight = where(stays_open, before * alpha, 0.0)
    return where(stays_open, alpha, 0.0), weight, where(stays_open, after, closed)
