"""EWA projection of one sliced Gaussian and its gradient, in scalars.

The perspective map is linearised at the sliced mean, as in 3DGS: cov = J R Sigma' R^T J^T + blur I. The
Jacobian J, but not the mean, is taken at X/Z and Y/Z clamped to the image widened by 15 % on each side
(0.3 of the half-angle's tangent, as gsplat does), since the linearisation is useless further out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from renderbench.splats.raster.jit import helper
from renderbench.splats.raster.slicing import axpy, dot, times_rows, times_symmetric


class View(NamedTuple):
    """A camera and the settings of the projection, as kernels take them."""

    rotation: tuple[tuple[float, float, float], ...]
    """Rows of the camera's axes in the world."""
    position: tuple[float, float, float]
    """mm, world frame."""
    focal: tuple[float, float]
    """px."""
    centre: tuple[float, float]
    """px."""
    limits: tuple[float, float, float, float]
    """Clamps of X/Z (low, high) and Y/Z (low, high) in the Jacobian."""
    near: float
    """mm."""
    blur: float
    """Added to both diagonals of the projected covariance, px²."""
    falloff: float
    """lambda of the opacity's decay with the squared directional distance."""
    width: int
    height: int


class Projection(NamedTuple):
    """A Gaussian on the image, and what its gradient needs."""

    point: Any
    """(X, Y, Z) of the sliced mean, camera frame, mm."""
    mean: Any
    """(x, y), px."""
    slope: Any
    """X/Z and Y/Z as clamped for the Jacobian."""
    jacobian: Any
    """dx/dX, dx/dZ, dy/dY, dy/dZ, px/mm."""
    map_0: Any
    map_1: Any
    """Rows of J R."""
    spread_0: Any
    spread_1: Any
    """Rows of H = J R A, so that the covariance is H P H^T + blur I."""
    covariance: Any
    """(00, 01, 11), px²."""
    conic: Any
    """Its inverse (00, 01, 11)."""


@helper
def project_one(view, s):
    """Project a :class:`~renderbench.splats.raster.slicing.Slice`; meaningless unless Z > 0."""
    rotation, focal, factor = view.rotation, view.focal, s.factor
    point = times_rows(rotation, s.offset)
    per_depth = 1.0 / point[2]
    x, y = point[0] * per_depth, point[1] * per_depth
    slope_x = min(max(x, view.limits[0]), view.limits[1])
    slope_y = min(max(y, view.limits[2]), view.limits[3])
    j00 = focal[0] * per_depth
    j11 = focal[1] * per_depth
    j02 = -j00 * slope_x
    j12 = -j11 * slope_y
    map_0 = (
        j00 * rotation[0][0] + j02 * rotation[2][0],
        j00 * rotation[0][1] + j02 * rotation[2][1],
        j00 * rotation[0][2] + j02 * rotation[2][2],
    )
    map_1 = (
        j11 * rotation[1][0] + j12 * rotation[2][0],
        j11 * rotation[1][1] + j12 * rotation[2][1],
        j11 * rotation[1][2] + j12 * rotation[2][2],
    )
    spread_0 = _through_factor(map_0, factor)
    spread_1 = _through_factor(map_1, factor)
    shrunk_0 = times_symmetric(s.shrink, spread_0)
    shrunk_1 = times_symmetric(s.shrink, spread_1)
    a = dot(spread_0, shrunk_0)
    b = dot(spread_0, shrunk_1)
    c = dot(spread_1, shrunk_1)
    # det(H P H^T) as a sum of squares (Cauchy-Binet with P^-1 = I + M^T M): ac - b² would cancel.
    normal = (
        spread_0[1] * spread_1[2] - spread_0[2] * spread_1[1],
        spread_0[2] * spread_1[0] - spread_0[0] * spread_1[2],
        spread_0[0] * spread_1[1] - spread_0[1] * spread_1[0],
    )
    crossed = times_rows(s.cross, normal)
    sharp = s.shrinkage * (dot(normal, normal) + dot(crossed, crossed))
    scale = 1.0 / (sharp + view.blur * (a + c + view.blur))
    a = a + view.blur
    c = c + view.blur
    return Projection(
        point,
        (focal[0] * x + view.centre[0], focal[1] * y + view.centre[1]),
        (slope_x, slope_y),
        (j00, j02, j11, j12),
        map_0,
        map_1,
        spread_0,
        spread_1,
        (a, b, c),
        (c * scale, -b * scale, a * scale),
    )


@helper
def project_one_gradient(view, s, p, g_mean, g_covariance):
    """Gradients of a slice from those of its projection.

    Args:
        view: the camera.
        s: the slice.
        p: its :class:`Projection`.
        g_mean: dL/d(x, y).
        g_covariance: (00, 01, 11) of the symmetric matrix G with dL = tr(G d cov).

    Returns:
        dL/d(mu'); dL/dA, lower triangle; dL/dP, symmetric in the sense of ``g_covariance``.
    """
    rotation, focal, factor = view.rotation, view.focal, s.factor
    # cov = H P H^T: dL/dH = 2 G H P, dL/dP = H^T G H
    mixed_0 = axpy(g_covariance[0], p.spread_0, _scaled(g_covariance[1], p.spread_1))
    mixed_1 = axpy(g_covariance[1], p.spread_0, _scaled(g_covariance[2], p.spread_1))
    g_spread_0 = _scaled(2.0, times_symmetric(s.shrink, mixed_0))
    g_spread_1 = _scaled(2.0, times_symmetric(s.shrink, mixed_1))
    g_shrink = (
        p.spread_0[0] * mixed_0[0] + p.spread_1[0] * mixed_1[0],
        p.spread_0[0] * mixed_0[1] + p.spread_1[0] * mixed_1[1],
        p.spread_0[0] * mixed_0[2] + p.spread_1[0] * mixed_1[2],
        p.spread_0[1] * mixed_0[1] + p.spread_1[1] * mixed_1[1],
        p.spread_0[1] * mixed_0[2] + p.spread_1[1] * mixed_1[2],
        p.spread_0[2] * mixed_0[2] + p.spread_1[2] * mixed_1[2],
    )
    # H = (J R) A
    g_factor = (
        p.map_0[0] * g_spread_0[0] + p.map_1[0] * g_spread_1[0],
        p.map_0[1] * g_spread_0[0] + p.map_1[1] * g_spread_1[0],
        p.map_0[1] * g_spread_0[1] + p.map_1[1] * g_spread_1[1],
        p.map_0[2] * g_spread_0[0] + p.map_1[2] * g_spread_1[0],
        p.map_0[2] * g_spread_0[1] + p.map_1[2] * g_spread_1[1],
        p.map_0[2] * g_spread_0[2] + p.map_1[2] * g_spread_1[2],
    )
    g_map_0 = _through_transposed_factor(g_spread_0, factor)
    g_map_1 = _through_transposed_factor(g_spread_1, factor)
    g_j00, g_j02 = dot(g_map_0, rotation[0]), dot(g_map_0, rotation[2])
    g_j11, g_j12 = dot(g_map_1, rotation[1]), dot(g_map_1, rotation[2])
    # J at the clamped slopes
    per_depth = 1.0 / p.point[2]
    j00, j02, j11, j12 = p.jacobian
    x, y = p.point[0] * per_depth, p.point[1] * per_depth
    g_x = _within(x, view.limits[0], view.limits[1], -g_j02 * j00)
    g_y = _within(y, view.limits[2], view.limits[3], -g_j12 * j11)
    g_x = g_x + g_mean[0] * focal[0]
    g_y = g_y + g_mean[1] * focal[1]
    g_depth = -(g_j00 * j00 + g_j02 * j02 + g_j11 * j11 + g_j12 * j12 + g_x * x + g_y * y)
    g_point = (g_x * per_depth, g_y * per_depth, g_depth * per_depth)
    g_offset = axpy(g_point[0], rotation[0], axpy(g_point[1], rotation[1], _scaled(g_point[2], rotation[2])))
    return g_offset, g_factor, g_shrink


@helper
def _within(value, low, high, gradient):
    return gradient if low < value < high else 0.0


@helper
def _scaled(a, x):
    return a * x[0], a * x[1], a * x[2]


@helper
def _through_factor(row, factor):
    return (
        row[0] * factor[0] + row[1] * factor[1] + row[2] * factor[3],
        row[1] * factor[2] + row[2] * factor[4],
        row[2] * factor[5],
    )


@helper
def _through_transposed_factor(row, factor):
    return (
        row[0] * factor[0],
        row[0] * factor[1] + row[1] * factor[2],
        row[0] * factor[3] + row[1] * factor[4] + row[2] * factor[5],
    )
