"""Which Gaussians each tile draws, front to back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderbench.splats.raster.jit import kernel
from renderbench.splats.raster.layout import BOTTOM, LEFT, RIGHT, TILE, TOP

_DIGIT = 11
_BUCKETS = 1 << _DIGIT


class Bins(NamedTuple):
    """The draw list of every tile."""

    columns: int
    """Tiles across the image."""
    starts: NDArray[np.int64]
    """(tiles + 1,): tile t, in row-major order, draws ``entries[starts[t]:starts[t + 1]]``."""
    entries: NDArray[np.int32]
    """Gaussians, front to back within a tile."""
    slots: NDArray[np.int64]
    """(N + 1,): Gaussian i owns rows ``slots[i]:slots[i + 1]`` of per-pair arrays, one per tile it
    touches, in row-major order of the tiles."""


def bin_gaussians(
    boxes: NDArray[np.int32],
    depths: NDArray[np.float32],
    tile_counts: NDArray[np.int32],
    width: int,
    height: int,
) -> Bins:
    """Sort by depth once, then stably into tiles by counting."""
    columns, rows = -(-width // TILE), -(-height // TILE)
    slots = np.zeros(len(tile_counts) + 1, dtype=np.int64)
    np.cumsum(tile_counts, out=slots[1:])
    # The bits of a positive float order as the float does.
    order = _sort_by_depth(depths.view(np.uint32), tile_counts)
    starts = np.zeros(columns * rows + 1, dtype=np.int64)
    entries = np.empty(slots[-1], dtype=np.int32)
    _fill_tiles(order, boxes, columns, starts, entries)
    return Bins(columns, starts, entries, slots)


@kernel
def _sort_by_depth(keys: Any, tile_counts: Any) -> Any:
    """Indices of the visible Gaussians by ascending key: a stable radix sort."""
    visible = 0
    for i in range(len(tile_counts)):
        visible += tile_counts[i] > 0
    order = np.empty(visible, np.int32)
    scratch = np.empty(visible, np.int32)
    histogram = np.zeros((3, _BUCKETS), np.int64)
    k = 0
    for i in range(len(tile_counts)):
        if tile_counts[i] > 0:
            order[k] = i
            k += 1
            key = keys[i]
            for digit in range(3):
                histogram[digit, (key >> np.uint32(digit * _DIGIT)) & np.uint32(_BUCKETS - 1)] += 1
    for digit in range(3):
        place = 0
        for bucket in range(_BUCKETS):
            size = histogram[digit, bucket]
            histogram[digit, bucket] = place
            place += size
        for k in range(visible):
            i = order[k]
            bucket = (keys[i] >> np.uint32(digit * _DIGIT)) & np.uint32(_BUCKETS - 1)
            scratch[histogram[digit, bucket]] = i
            histogram[digit, bucket] += 1
        order, scratch = scratch, order
    return order


@kernel
def _fill_tiles(order: Any, boxes: Any, columns: int, starts: Any, entries: Any) -> None:
    for i in order:
        box = boxes[i]
        for row in range(box[TOP] // TILE, (box[BOTTOM] - 1) // TILE + 1):
            for column in range(box[LEFT] // TILE, (box[RIGHT] - 1) // TILE + 1):
                starts[row * columns + column + 1] += 1
    for tile in range(1, len(starts)):
        starts[tile] += starts[tile - 1]
    places = starts[:-1].copy()
    for i in order:
        box = boxes[i]
        for row in range(box[TOP] // TILE, (box[BOTTOM] - 1) // TILE + 1):
            for column in range(box[LEFT] // TILE, (box[RIGHT] - 1) // TILE + 1):
                tile = row * columns + column
                entries[places[tile]] = i
                places[tile] += 1
