"""Which Gaussians each tile draws, front to back."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderbench.splats.raster.jit import kernel
from renderbench.splats.raster.threads import next_item, run_workers

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
    depths: NDArray[np.float32],
    tile_boxes: NDArray[np.int16],
    tile_counts: NDArray[np.int32],
    columns: int,
    rows: int,
    threads: int,
) -> Bins:
    """Sort by depth once, then stably into tiles by counting.

    Args:
        depths: (N,) mm.
        tile_boxes: (N, 4) the tiles that a Gaussian touches: first row, end, first column, end.
        tile_counts: (N,) how many they are; 0 for a culled Gaussian.
        columns: tiles across the image.
        rows: tiles down the image.
        threads: how many to use.
    """
    slots = np.zeros(len(tile_counts) + 1, dtype=np.int64)
    np.cumsum(tile_counts, out=slots[1:])
    # The bits of a positive float order as the float does.
    order = _sort_by_depth(depths.view(np.uint32), tile_counts)
    starts = np.zeros(columns * rows + 1, dtype=np.int64)
    entries = np.empty(slots[-1], dtype=np.int32)
    # Each thread takes a stretch of the order, front to back, and fills its own stretch of each tile.
    places = np.zeros((threads, columns * rows), dtype=np.int64)
    run_workers(threads, _count_tiles, order, tile_boxes, columns, places)
    _place_stretches(starts, places)
    run_workers(threads, _fill_tiles, order, tile_boxes, columns, places, entries)
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
def _count_tiles(counter: Any, order: Any, tile_boxes: Any, columns: int, counts: Any) -> None:
    while True:
        stretch = next_item(counter)
        if stretch >= len(counts):
            return
        for k in range(len(order) * stretch // len(counts), len(order) * (stretch + 1) // len(counts)):
            top, bottom, left, right = tile_boxes[order[k]]
            for row in range(top, bottom):
                for column in range(left, right):
                    counts[stretch, row * columns + column] += 1


@kernel
def _place_stretches(starts: Any, places: Any) -> None:
    """From how many entries each stretch has in a tile to where its first one goes."""
    place = 0
    for tile in range(places.shape[1]):
        starts[tile] = place
        for stretch in range(len(places)):
            size = places[stretch, tile]
            places[stretch, tile] = place
            place += size
    starts[-1] = place


@kernel
def _fill_tiles(counter: Any, order: Any, tile_boxes: Any, columns: int, places: Any, entries: Any) -> None:
    while True:
        stretch = next_item(counter)
        if stretch >= len(places):
            return
        for k in range(len(order) * stretch // len(places), len(order) * (stretch + 1) // len(places)):
            top, bottom, left, right = tile_boxes[order[k]]
            for row in range(top, bottom):
                for column in range(left, right):
                    tile = row * columns + column
                    entries[places[stretch, tile]] = order[k]
                    places[stretch, tile] += 1
