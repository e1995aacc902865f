"""The streaming kernels over Gaussians: slice, colour and project; and their gradient."""

from __future__ import annotations

import math

import numpy as np

from renderbench.splats.raster.ewa import project_one, project_one_gradient
from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.slicing import slice_one, slice_one_gradient
from renderbench.splats.raster.threads import next_item
from renderbench.splats.sh import SH_C0, SH_C1

TILE = 16
"""Side of a tile, px."""

RECORD = 16
"""Floats in the record of a projected Gaussian: one cache line."""

# Columns of a record. The conic is scaled so that
# log2 alpha = LOG2_OPACITY + CONIC_XX dx² + CONIC_XY dx dy + CONIC_YY dy².
MEAN_X, MEAN_Y, CONIC_XX, CONIC_XY, CONIC_YY, LOG2_OPACITY, RED, GREEN, BLUE = range(9)
# Columns of the same record seen as int32: pixels that may pass the alpha threshold, end excluded.
LEFT, TOP, RIGHT, BOTTOM = range(9, 13)

# Columns of the sums over pixels that the compositing leaves for the backward kernel, where
# s = alpha dL/d(alpha) and (dx, dy) = pixel - mean.
SUM_S, SUM_X, SUM_Y, SUM_XX, SUM_XY, SUM_YY, SUM_RED, SUM_GREEN, SUM_BLUE = range(9)
SUMS = 9

_BLOCK = 512
_LOG2_E = 1.0 / math.log(2.0)
_LN_255 = math.log(255.0)
# Rounding must not cut a pixel that the threshold would keep.
_MARGIN = 1.0001


@kernel
def project_gaussians(
    counter, view, means, directions, log_diagonal, off_diagonal, logits, sh,
    records, boxes, depths, radii, tile_counts,
):  # fmt: skip
    """Write the record, depth (mm), radius (px) and number of tiles of every Gaussian.

    A culled Gaussian has no tiles and radius 0: nearer than ``view.near``, of opacity at most 1/255, or
    off the image. The radius is that of the long axis of the ellipse on which alpha is 1/255.
    """
    count = len(means)
    while True:
        start = next_item(counter) * _BLOCK
        if start >= count:
            return
        for i in range(start, min(start + _BLOCK, count)):
            tile_counts[i] = 0
            radii[i] = 0.0
            s, _, _ = _slice_at(i, view, means, directions, log_diagonal, off_diagonal)
            log_opacity = -view.falloff * s.mahalanobis - math.log(1.0 + math.exp(-logits[i]))
            reach = 2.0 * (log_opacity + _LN_255)
            # NaN is culled, too.
            if not reach > 0.0:
                continue
            p = project_one(view, s)
            if not p.point[2] > view.near:
                continue
            a, b, c = p.covariance
            half_width = math.sqrt(reach * a) * _MARGIN
            half_height = math.sqrt(reach * c) * _MARGIN
            x, y = p.mean
            left = max(x - half_width - 0.5, 0.0)
            top = max(y - half_height - 0.5, 0.0)
            right = min(x + half_width + 0.5, float(view.width))
            bottom = min(y + half_height + 0.5, float(view.height))
            if not (right > left and bottom > top):
                continue
            box = boxes[i]
            box[LEFT] = math.ceil(left)
            box[TOP] = math.ceil(top)
            box[RIGHT] = int(right)
            box[BOTTOM] = int(bottom)
            if box[RIGHT] <= box[LEFT] or box[BOTTOM] <= box[TOP]:
                continue
            columns = (box[RIGHT] - 1) // TILE - box[LEFT] // TILE + 1
            rows = (box[BOTTOM] - 1) // TILE - box[TOP] // TILE + 1
            tile_counts[i] = columns * rows
            depths[i] = p.point[2]
            radii[i] = math.sqrt(reach * (0.5 * (a + c) + math.sqrt(0.25 * (a - c) ** 2 + b * b)))
            record = records[i]
            record[MEAN_X] = x
            record[MEAN_Y] = y
            record[CONIC_XX] = -0.5 * _LOG2_E * p.conic[0]
            record[CONIC_XY] = -_LOG2_E * p.conic[1]
            record[CONIC_YY] = -0.5 * _LOG2_E * p.conic[2]
            record[LOG2_OPACITY] = _LOG2_E * log_opacity
            for channel in range(3):
                record[RED + channel] = max(_colour(sh[i], s.sight, channel), 0.0)


@kernel
def project_gaussians_gradient(
    counter, view, means, directions, log_diagonal, off_diagonal, logits, sh, slots, pair_sums,
    g_means, g_directions, g_log_diagonal, g_off_diagonal, g_logits, g_sh, g_screen,
):  # fmt: skip
    """Sum each Gaussian's rows of ``pair_sums`` and take the gradient back to its parameters.

    ``g_screen`` receives the norm of dL/d(projected mean), with the mean in normalised device
    coordinates, [-1, 1] over the image, as in 3DGS. All gradients of a culled Gaussian are 0.
    """
    count = len(means)
    sums = np.empty(SUMS, np.float64)
    while True:
        start = next_item(counter) * _BLOCK
        if start >= count:
            return
        for i in range(start, min(start + _BLOCK, count)):
            if slots[i] == slots[i + 1]:
                _clear(i, g_means, g_directions, g_log_diagonal, g_off_diagonal, g_logits, g_sh, g_screen)
                continue
            sums[:] = 0.0
            for row in range(slots[i], slots[i + 1]):
                for column in range(SUMS):
                    sums[column] += pair_sums[row, column]
            s, t, inverse_scales = _slice_at(i, view, means, directions, log_diagonal, off_diagonal)
            p = project_one(view, s)
            q00, q01, q11 = p.conic
            g_mean = (q00 * sums[SUM_X] + q01 * sums[SUM_Y], q01 * sums[SUM_X] + q11 * sums[SUM_Y])
            g_screen[i] = math.sqrt(
                (0.5 * view.width * g_mean[0]) ** 2 + (0.5 * view.height * g_mean[1]) ** 2
            )
            # d(conic) = -conic d(cov) conic and dL/d(conic) = -S / 2: dL/d(cov) = conic S conic / 2
            m00 = q00 * sums[SUM_XX] + q01 * sums[SUM_XY]
            m01 = q00 * sums[SUM_XY] + q01 * sums[SUM_YY]
            m10 = q01 * sums[SUM_XX] + q11 * sums[SUM_XY]
            m11 = q01 * sums[SUM_XY] + q11 * sums[SUM_YY]
            g_covariance = (
                0.5 * (m00 * q00 + m01 * q01),
                0.5 * (m00 * q01 + m01 * q11),
                0.5 * (m10 * q01 + m11 * q11),
            )
            g_offset, g_factor, g_shrink = project_one_gradient(view, s, p, g_mean, g_covariance)
            g_view = _colour_gradient(sh[i], s.sight, sums, g_sh[i])
            g_logits[i] = sums[SUM_S] / (1.0 + math.exp(logits[i]))
            g = slice_one_gradient(
                s, inverse_scales, t, g_offset, g_factor, g_shrink, -view.falloff * sums[SUM_S], g_view
            )
            for k in range(3):
                g_means[i, k] = g.mean[k]
                g_directions[i, k] = g.direction[k]
            for k in range(6):
                g_log_diagonal[i, k] = g.log_diagonal[k]
            for k in range(15):
                g_off_diagonal[i, k] = 0.5 * (1.0 - t[k] * t[k]) * g.tanh[k]


@helper
def _slice_at(i, view, means, directions, log_diagonal, off_diagonal):
    """The slice of Gaussian ``i``, its tanh off-diagonals and the inverse of its directional diagonal."""
    ray = (
        means[i, 0] - view.position[0],
        means[i, 1] - view.position[1],
        means[i, 2] - view.position[2],
    )
    distance = math.sqrt(ray[0] * ray[0] + ray[1] * ray[1] + ray[2] * ray[2])
    scales = (math.exp(log_diagonal[i, 0]), math.exp(log_diagonal[i, 1]), math.exp(log_diagonal[i, 2]))
    inverse_scales = (
        math.exp(-log_diagonal[i, 3]),
        math.exp(-log_diagonal[i, 4]),
        math.exp(-log_diagonal[i, 5]),
    )
    row = off_diagonal[i]
    t = (
        math.tanh(0.5 * row[0]), math.tanh(0.5 * row[1]), math.tanh(0.5 * row[2]),
        math.tanh(0.5 * row[3]), math.tanh(0.5 * row[4]), math.tanh(0.5 * row[5]),
        math.tanh(0.5 * row[6]), math.tanh(0.5 * row[7]), math.tanh(0.5 * row[8]),
        math.tanh(0.5 * row[9]), math.tanh(0.5 * row[10]), math.tanh(0.5 * row[11]),
        math.tanh(0.5 * row[12]), math.tanh(0.5 * row[13]), math.tanh(0.5 * row[14]),
    )  # fmt: skip
    direction = (directions[i, 0], directions[i, 1], directions[i, 2])
    return slice_one(ray, distance, direction, scales, inverse_scales, t), t, inverse_scales


@helper
def _colour(sh, view, channel):
    """One channel before its clamp (see :func:`renderbench.splats.sh.evaluate_sh`)."""
    return (
        0.5
        + SH_C0 * sh[0, channel]
        + SH_C1 * (view[2] * sh[2, channel] - view[1] * sh[1, channel] - view[0] * sh[3, channel])
    )


@helper
def _colour_gradient(sh, view, sums, g_sh):
    """Fill ``g_sh`` (4, 3); return dL/dv through the colour."""
    g_x, g_y, g_z = 0.0, 0.0, 0.0
    for channel in range(3):
        g = sums[SUM_RED + channel]
        if _colour(sh, view, channel) < 0.0:
            g = 0.0
        g_sh[0, channel] = SH_C0 * g
        g_sh[1, channel] = -SH_C1 * view[1] * g
        g_sh[2, channel] = SH_C1 * view[2] * g
        g_sh[3, channel] = -SH_C1 * view[0] * g
        g_x -= SH_C1 * sh[3, channel] * g
        g_y -= SH_C1 * sh[1, channel] * g
        g_z += SH_C1 * sh[2, channel] * g
    return g_x, g_y, g_z


@helper
def _clear(i, g_means, g_directions, g_log_diagonal, g_off_diagonal, g_logits, g_sh, g_screen):
    g_means[i] = 0.0
    g_directions[i] = 0.0
    g_log_diagonal[i] = 0.0
    g_off_diagonal[i] = 0.0
    g_logits[i] = 0.0
    g_sh[i] = 0.0
    g_screen[i] = 0.0
