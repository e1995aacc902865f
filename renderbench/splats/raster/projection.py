"""The streaming kernel over Gaussians, eight at a time: slice, colour and project."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.splats.raster.elementary import exp, log_sigmoid, tanh_half
from renderbench.splats.raster.ewa import View, project_one
from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import (
    BOTTOM,
    DEPTH,
    LEFT,
    LOG2_OPACITY,
    MEAN_X,
    MEAN_Y,
    RECORD,
    RED,
    RIGHT,
    TILE,
    TOP,
    WHITEN_XX,
    WHITEN_XY,
    WHITEN_YY,
)
from renderbench.splats.raster.slicing import slice_one
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.vector import LANES, gather, root, scatter, store, where
from renderbench.splats.sh import SH_C0, SH_C1

BLOCK = 512
"""Gaussians that a thread takes at a time."""

_LOG2_E = 1.0 / math.log(2.0)
WHITENING = math.sqrt(0.5 * _LOG2_E)
"""From K (pixel - mean) to the (u, v) of records, whose squares count powers of two."""

_LN_255 = math.log(255.0)
# Rounding must not cut a pixel that the threshold would keep.
_MARGIN = 1.0001
# gsplat's far plane, mm: squares of what lies beyond overflow.
_FAR = 1e10
# A larger radius, px, is an overflow.
_RADIUS_MAX = 1e7


@kernel
def project_gaussians(
    counter: Any,
    view: View,
    shown: Any,
    means: Any,
    directions: Any,
    log_diagonal: Any,
    off_diagonal: Any,
    logits: Any,
    sh: Any,
    records: Any,
    boxes: Any,
    depths: Any,
    radii: Any,
    tile_boxes: Any,
    tile_counts: Any,
) -> None:
    """Write the record, depth (mm), radius (px) and tiles of every Gaussian.

    ``tile_boxes`` is (N, 4): first row, end, first column, end.

    A culled Gaussian has no tiles and radius 0: not ``shown`` (N,), no deeper than ``view.near`` or deeper
    than 10 000 km, of opacity at most 1/255, off the image, or not a number. The radius is that of the long
    axis of the ellipse on which alpha is 1/255.
    """
    last = len(means) - 1
    edges = np.empty((5, LANES), np.float32)
    while True:
        start = next_item(counter) * BLOCK
        if start > last:
            return
        for first in range(start, min(start + BLOCK, last + 1), LANES):
            s, _, _, _ = slice_rows(first, last, view, means, directions, log_diagonal, off_diagonal)
            p = project_one(view, s)
            log_opacity = log_sigmoid(gather(logits, first, last, 1, 0))[0] - view.falloff * s.mahalanobis
            _store_edges(edges, view, p, 2.0 * (log_opacity + _LN_255))
            for lane in range(min(LANES, last - first + 1)):
                i = first + lane
                tile_counts[i] = _fill_boxes(boxes[i], tile_boxes[i], edges[:, lane]) if shown[i] else 0
                radii[i] = edges[4, lane] if tile_counts[i] > 0 else 0.0
            scatter(depths, first, last, 1, 0, p.point[2])
            scatter(records, first, last, RECORD, MEAN_X, p.mean[0])
            scatter(records, first, last, RECORD, MEAN_Y, p.mean[1])
            scatter(records, first, last, RECORD, WHITEN_XX, WHITENING * p.whitening[0])
            scatter(records, first, last, RECORD, WHITEN_XY, WHITENING * p.whitening[1])
            scatter(records, first, last, RECORD, WHITEN_YY, WHITENING * p.whitening[2])
            scatter(records, first, last, RECORD, DEPTH, p.point[2])
            scatter(records, first, last, RECORD, LOG2_OPACITY, _LOG2_E * log_opacity)
            for channel in range(3):
                colour = colour_of(gather_coefficients(sh, first, last, channel), s.sight)
                scatter(records, first, last, RECORD, RED + channel, _at_least(colour, 0.0))


@helper
def slice_rows(
    first: int, last: int, view: View, means: Any, directions: Any, log_diagonal: Any, off_diagonal: Any
) -> Any:
    """Slice Gaussians ``first`` to ``first + 7``; those past ``last`` repeat it.

    Returns:
        the slices; and, for the gradient, the inverse of the directional diagonal, the 15 off-diagonals
        relative to their rows' diagonals, and their derivatives with respect to the raw ones.
    """
    mean = gather_3(means, first, last, 3, 0)
    ray = (mean[0] - view.position[0], mean[1] - view.position[1], mean[2] - view.position[2])
    distance = root(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
    position = gather_3(log_diagonal, first, last, 6, 0)
    scales = (exp(position[0]), exp(position[1]), exp(position[2]))
    direction = gather_3(log_diagonal, first, last, 6, 3)
    inverse_scales = (exp(-direction[0]), exp(-direction[1]), exp(-direction[2]))
    t_0, slopes_0 = _tanh_3(gather_3(off_diagonal, first, last, 15, 0))
    t_1, slopes_1 = _tanh_3(gather_3(off_diagonal, first, last, 15, 3))
    t_2, slopes_2 = _tanh_3(gather_3(off_diagonal, first, last, 15, 6))
    t_3, slopes_3 = _tanh_3(gather_3(off_diagonal, first, last, 15, 9))
    t_4, slopes_4 = _tanh_3(gather_3(off_diagonal, first, last, 15, 12))
    t = t_0 + t_1 + t_2 + t_3 + t_4
    slopes = slopes_0 + slopes_1 + slopes_2 + slopes_3 + slopes_4
    s = slice_one(ray, distance, gather_3(directions, first, last, 3, 0), scales, inverse_scales, t)
    return s, inverse_scales, t, slopes


@helper
def gather_3(array: Any, first: int, last: int, width: int, column: int) -> Any:
    """Three neighbouring columns of eight rows."""
    return (
        gather(array, first, last, width, column),
        gather(array, first, last, width, column + 1),
        gather(array, first, last, width, column + 2),
    )


@helper
def gather_coefficients(sh: Any, first: int, last: int, channel: int) -> Any:
    """The four coefficients of one channel."""
    return (
        gather(sh, first, last, 12, channel),
        gather(sh, first, last, 12, channel + 3),
        gather(sh, first, last, 12, channel + 6),
        gather(sh, first, last, 12, channel + 9),
    )


@helper
def colour_of(coefficients: Any, sight: Any) -> Any:
    """One channel before its clamp (see :func:`renderbench.splats.sh.evaluate_sh`)."""
    linear = sight[2] * coefficients[2] - sight[1] * coefficients[1] - sight[0] * coefficients[3]
    return 0.5 + SH_C0 * coefficients[0] + SH_C1 * linear


@helper
def _tanh_3(x: Any) -> Any:
    t_0, slope_0 = tanh_half(x[0])
    t_1, slope_1 = tanh_half(x[1])
    t_2, slope_2 = tanh_half(x[2])
    return (t_0, t_1, t_2), (slope_0, slope_1, slope_2)


@helper
def _store_edges(edges: Any, view: View, p: Any, reach: Any) -> None:
    """Rows left, top, right, bottom (px, within the image) and radius (px, 0 if culled).

    ``reach`` is the squared Mahalanobis distance at which alpha is 1/255.
    """
    a, b, c = p.covariance
    x, y = p.mean
    half_difference = 0.5 * (a - c)
    long_axis = 0.5 * (a + c) + root(half_difference * half_difference + b * b)
    radius = root(reach * long_axis)
    # Half a pixel, since a pixel counts when its centre is inside.
    half_width = root(reach * a) * _MARGIN + 0.5
    half_height = root(reach * c) * _MARGIN + 0.5
    # All comparisons are false of what is not a number.
    deep_enough = (p.point[2] > view.near) & (p.point[2] < _FAR)
    visible = (reach > 0.0) & deep_enough & (radius < _RADIUS_MAX)
    store(edges, 0, _at_least(x - half_width, 0.0))
    store(edges, LANES, _at_least(y - half_height, 0.0))
    store(edges, 2 * LANES, _at_most(x + half_width, view.width))
    store(edges, 3 * LANES, _at_most(y + half_height, view.height))
    store(edges, 4 * LANES, where(visible, radius, 0.0))


@helper
def _fill_boxes(box: Any, tile_box: Any, edge: Any) -> Any:
    """Round one Gaussian's edges to pixels and tiles; return how many tiles they touch."""
    left, top, right, bottom, radius = edge
    if not (radius > 0.0 and right > left and bottom > top):
        return 0
    box[LEFT], box[TOP] = math.ceil(left), math.ceil(top)
    box[RIGHT], box[BOTTOM] = math.floor(right), math.floor(bottom)
    if box[RIGHT] <= box[LEFT] or box[BOTTOM] <= box[TOP]:
        return 0
    tile_box[0], tile_box[1] = box[TOP] // TILE, (box[BOTTOM] - 1) // TILE + 1
    tile_box[2], tile_box[3] = box[LEFT] // TILE, (box[RIGHT] - 1) // TILE + 1
    return (tile_box[1] - tile_box[0]) * (tile_box[3] - tile_box[2])


@helper
def _at_least(value: Any, bound: float) -> Any:
    return where(value > bound, value, bound)


@helper
def _at_most(value: Any, bound: float) -> Any:
    return where(value < bound, value, bound)
