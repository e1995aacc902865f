"""The rasteriser's slicing as kernels of their own: in use it is fused with projection and colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from renderbench.splats.raster.ewa import View
from renderbench.splats.raster.passes import Parameters
from renderbench.splats.raster.projection import BLOCK, slice_rows
from renderbench.splats.raster.slicing import slice_one_gradient
from renderbench.splats.raster.threads import next_item, run_workers
from renderbench.splats.raster.vector import LANES, gather, scatter

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
# Sliced mean (3), P (6), A (6) and squared distance.
_COLUMNS = 16


def slice_once(view: View, parameters: Parameters, threads: int) -> NDArray[np.float32]:
    """Mean, shape and distance of every slice, (N, 16)."""
    slices = np.empty((len(parameters.means_mm), _COLUMNS), np.float32)
    run_workers(threads, _slice, view, *parameters[:4], slices)
    return slices


def slice_once_with_gradient(
    view: View, parameters: Parameters, outer: NDArray[np.float32], threads: int
) -> list[NDArray[np.float32]]:
    """Gradients of means, directions, log-diagonals and off-diagonals from those of the slices."""
    gradients = [np.empty_like(array) for array in parameters[:4]]
    run_workers(threads, _slice_gradient, view, *parameters[:4], outer, *gradients)
    return gradients


@njit(**_OPTIONS)
def _slice(
    counter: Any, view: Any, means: Any, directions: Any, diagonal: Any, off_diagonal: Any, slices: Any
) -> None:
    last = len(means) - 1
    while True:
        start = next_item(counter) * BLOCK
        if start > last:
            return
        for first in range(start, min(start + BLOCK, last + 1), LANES):
            s, _, _, _ = slice_rows(first, last, view, means, directions, diagonal, off_diagonal)
            _write(slices, first, last, 0, s.offset)
            _write(slices, first, last, 3, s.shrink[:3])
            _write(slices, first, last, 6, s.shrink[3:])
            _write(slices, first, last, 9, s.factor[:3])
            _write(slices, first, last, 12, s.factor[3:])
            scatter(slices, first, last, _COLUMNS, 15, s.mahalanobis)


@njit(**_OPTIONS)
def _slice_gradient(
    counter: Any,
    view: Any,
    means: Any,
    directions: Any,
    diagonal: Any,
    off_diagonal: Any,
    outer: Any,
    g_means: Any,
    g_directions: Any,
    g_diagonal: Any,
    g_off_diagonal: Any,
) -> None:
    last = len(means) - 1
    while True:
        start = next_item(counter) * BLOCK
        if start > last:
            return
        for first in range(start, min(start + BLOCK, last + 1), LANES):
            s, inverse, t, slopes = slice_rows(first, last, view, means, directions, diagonal, off_diagonal)
            g_offset = _read(outer, first, last, 0)
            g_shrink = _read(outer, first, last, 3) + _read(outer, first, last, 6)
            g_factor = _read(outer, first, last, 9) + _read(outer, first, last, 12)
            g_distance = gather(outer, first, last, _COLUMNS, 15)
            g = slice_one_gradient(s, inverse, t, slopes, g_offset, g_factor, g_shrink, g_distance, g_offset)
            _scatter_3(g_means, first, last, 3, 0, g.mean)
            _scatter_3(g_directions, first, last, 3, 0, g.direction)
            _scatter_3(g_diagonal, first, last, 6, 0, g.log_diagonal[:3])
            _scatter_3(g_diagonal, first, last, 6, 3, g.log_diagonal[3:])
            _scatter_3(g_off_diagonal, first, last, 15, 0, g.off_diagonal[:3])
            _scatter_3(g_off_diagonal, first, last, 15, 3, g.off_diagonal[3:6])
            _scatter_3(g_off_diagonal, first, last, 15, 6, g.off_diagonal[6:9])
            _scatter_3(g_off_diagonal, first, last, 15, 9, g.off_diagonal[9:12])
            _scatter_3(g_off_diagonal, first, last, 15, 12, g.off_diagonal[12:])


@njit(**_OPTIONS)
def _read(array: Any, first: int, last: int, column: int) -> Any:
    return (
        gather(array, first, last, _COLUMNS, column),
        gather(array, first, last, _COLUMNS, column + 1),
        gather(array, first, last, _COLUMNS, column + 2),
    )


@njit(**_OPTIONS)
def _write(array: Any, first: int, last: int, column: int, values: Any) -> None:
    _scatter_3(array, first, last, _COLUMNS, column, values)


@njit(**_OPTIONS)
def _scatter_3(array: Any, first: int, last: int, width: int, column: int, values: Any) -> None:
    scatter(array, first, last, width, column, values[0])
    scatter(array, first, last, width, column + 1, values[1])
    scatter(array, first, last, width, column + 2, values[2])
