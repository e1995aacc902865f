"""The streaming kernel over Gaussians that takes gradients from the image back to the parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.splats.raster.elementary import log_sigmoid
from renderbench.splats.raster.ewa import View, project_one, project_one_gradient
from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.layout import (
    SUM_BLUE,
    SUM_DEPTH,
    SUM_RED,
    SUM_S,
    SUM_U,
    SUM_UU,
    SUM_UV,
    SUM_V,
    SUM_VV,
    SUMS,
)
from renderbench.splats.raster.projection import BLOCK, WHITENING, colour_of, gather_coefficients, slice_rows
from renderbench.splats.raster.slicing import slice_one_gradient
from renderbench.splats.raster.threads import next_item
from renderbench.splats.raster.vector import LANES, gather, load, root, scatter, splat, store, where
from renderbench.splats.sh import SH_C0, SH_C1

# Columns of a lane's row of scratch: the sums with the depth's, then whether the Gaussian was drawn.
_SCRATCH = 16
_DRAWN = SUMS + 1
_PULL = 1.0 / WHITENING
_MOMENT = _PULL**2


@kernel
def project_gaussians_gradient(
    counter: Any,
    view: View,
    means: Any,
    directions: Any,
    log_diagonal: Any,
    off_diagonal: Any,
    logits: Any,
    sh: Any,
    slots: Any,
    pair_sums: Any,
    g_means: Any,
    g_directions: Any,
    g_log_diagonal: Any,
    g_off_diagonal: Any,
    g_logits: Any,
    g_sh: Any,
    g_screen: Any,
) -> None:
    """Sum each Gaussian's rows of ``pair_sums`` and take the gradient back to its parameters.

    ``g_screen`` receives the norm of dL/d(projected mean), with the mean in normalised device
    coordinates, [-1, 1] over the image, as in 3DGS. All gradients of a culled Gaussian are 0.
    """
    last = len(means) - 1
    scratch = np.empty((LANES, _SCRATCH), np.float32)
    while True:
        start = next_item(counter) * BLOCK
        if start > last:
            return
        for first in range(start, min(start + BLOCK, last + 1), LANES):
            _sum_pairs(first, last, slots, pair_sums, scratch)
            drawn = _column(scratch, _DRAWN) > 0.0
            s, inverse_scales, t, slopes = slice_rows(
                first, last, view, means, directions, log_diagonal, off_diagonal
            )
            p = project_one(view, s)
            pulls = (_PULL * _column(scratch, SUM_U), _PULL * _column(scratch, SUM_V))
            moments = (
                _MOMENT * _column(scratch, SUM_UU),
                _MOMENT * _column(scratch, SUM_UV),
                _MOMENT * _column(scratch, SUM_VV),
            )
            g_mean, g_offset, g_factor, g_shrink = project_one_gradient(
                view, s, p, pulls, moments, _column(scratch, SUM_DEPTH)
            )
            g_x, g_y = 0.5 * view.width * g_mean[0], 0.5 * view.height * g_mean[1]
            scatter(g_screen, first, last, 1, 0, where(drawn, root(g_x * g_x + g_y * g_y), 0.0))
            g_log_opacity = _column(scratch, SUM_S)
            g_logit = g_log_opacity * log_sigmoid(gather(logits, first, last, 1, 0))[1]
            scatter(g_logits, first, last, 1, 0, where(drawn, g_logit, 0.0))
            g_sight = _colour_gradient(first, last, sh, s.sight, drawn, scratch, g_sh)
            g_mahalanobis = -view.falloff * g_log_opacity
            g = slice_one_gradient(
                s, inverse_scales, t, slopes, g_offset, g_factor, g_shrink, g_mahalanobis, g_sight
            )
            _scatter_3(g_means, first, last, 3, 0, drawn, g.mean)
            _scatter_3(g_directions, first, last, 3, 0, drawn, g.direction)
            _scatter_3(g_log_diagonal, first, last, 6, 0, drawn, g.log_diagonal[:3])
            _scatter_3(g_log_diagonal, first, last, 6, 3, drawn, g.log_diagonal[3:])
            _scatter_3(g_off_diagonal, first, last, 15, 0, drawn, g.off_diagonal[:3])
            _scatter_3(g_off_diagonal, first, last, 15, 3, drawn, g.off_diagonal[3:6])
            _scatter_3(g_off_diagonal, first, last, 15, 6, drawn, g.off_diagonal[6:9])
            _scatter_3(g_off_diagonal, first, last, 15, 9, drawn, g.off_diagonal[9:12])
            _scatter_3(g_off_diagonal, first, last, 15, 12, drawn, g.off_diagonal[12:])


@helper
def _sum_pairs(first: int, last: int, slots: Any, pair_sums: Any, scratch: Any) -> None:
    """Sum the rows of eight Gaussians, in the order of their tiles."""
    width = pair_sums.shape[1]
    for lane in range(LANES):
        i = min(first + lane, last)
        total, total_blue, total_depth = splat(0.0), np.float32(0.0), np.float32(0.0)
        for pair in range(slots[i], slots[i + 1]):
            total = total + load(pair_sums, pair * width)
            total_blue += pair_sums[pair, SUM_BLUE]
            if width > SUMS:
                total_depth += pair_sums[pair, SUM_DEPTH]
        store(scratch, lane * _SCRATCH, total)
        scratch[lane, SUM_BLUE] = total_blue
        scratch[lane, SUM_DEPTH] = total_depth
        scratch[lane, _DRAWN] = slots[i + 1] - slots[i]


@helper
def _column(scratch: Any, column: int) -> Any:
    return gather(scratch, 0, LANES - 1, _SCRATCH, column)


@helper
def _colour_gradient(first: int, last: int, sh: Any, sight: Any, drawn: Any, scratch: Any, g_sh: Any) -> Any:
    """Write the gradients of the coefficients; return dL/dv through the colour."""
    x, y, z = sight
    g_x, g_y, g_z = splat(0.0), splat(0.0), splat(0.0)
    for channel in range(3):
        coefficients = gather_coefficients(sh, first, last, channel)
        # A colour clamped at 0 has no gradient.
        g = where(colour_of(coefficients, sight) < 0.0, 0.0, _column(scratch, SUM_RED + channel))
        g_x = g_x - SH_C1 * coefficients[3] * g
        g_y = g_y - SH_C1 * coefficients[1] * g
        g_z = g_z + SH_C1 * coefficients[2] * g
        scatter(g_sh, first, last, 12, channel, where(drawn, SH_C0 * g, 0.0))
        scatter(g_sh, first, last, 12, channel + 3, where(drawn, -SH_C1 * y * g, 0.0))
        scatter(g_sh, first, last, 12, channel + 6, where(drawn, SH_C1 * z * g, 0.0))
        scatter(g_sh, first, last, 12, channel + 9, where(drawn, -SH_C1 * x * g, 0.0))
    return g_x, g_y, g_z


@helper
def _scatter_3(array: Any, first: int, last: int, width: int, column: int, drawn: Any, values: Any) -> None:
    """Write three neighbouring columns: 0 for what was not drawn."""
    scatter(array, first, last, width, column, where(drawn, values[0], 0.0))
    scatter(array, first, last, width, column + 1, where(drawn, values[1], 0.0))
    scatter(array, first, last, width, column + 2, where(drawn, values[2], 0.0))
