"""EWA projection of a sliced Gaussian and its gradient; numbers are ``float8``, for eight Gaussians.

The perspective map is linearised at the sliced mean, as in 3DGS: cov = J R Sigma' R^T J^T + blur I. The
Jacobian J, but not the mean, is taken at X/Z and Y/Z clamped to the image widened by 15 % on each side
(0.3 of the half-angle's tangent, as gsplat does), since the linearisation is useless further out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from renderbench.splats.raster.jit import helper
from renderbench.splats.raster.slicing import Slice, axpy, dot, times_rows, times_symmetric
from renderbench.splats.raster.vector import root, where


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
    jacobian: Any
    """dx/dX, dx/dZ, dy/dY, dy/dZ, px/mm."""
    whitening: Any
    """The upper triangle (00, 01, 11) of K, px^-1: the conic, the inverse of the covariance, is K^T K."""
    turned_0: Any
    turned_1: Any
    """Rows of K J R."""
    spread_0: Any
    spread_1: Any
    """Rows of K H, where H = J R A, so that the covariance is H P H^T + blur I."""
    covariance: Any
    """(00, 01, 11), px²."""


@helper
def project_one(view: View, s: Slice) -> Projection:
    """Project a :class:`~renderbench.splats.raster.slicing.Slice`; meaningless unless Z > 0."""
    rotation, focal, factor = view.rotation, view.focal, s.factor
    point = times_rows(rotation, s.offset)
    per_depth = 1.0 / point[2]
    x, y = point[0] * per_depth, point[1] * per_depth
    slope_x = _clamped(x, view.limits[0], view.limits[1])
    slope_y = _clamped(y, view.limits[2], view.limits[3])
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
    normal = _crossed(spread_0, spread_1)
    lifted = times_rows(s.cross, normal)
    sharp = s.shrinkage * (dot(normal, normal) + dot(lifted, lifted))
    scale = 1.0 / (sharp + view.blur * (a + c + view.blur))
    a = a + view.blur
    c = c + view.blur
    # K from the variance of y, and that of x given y; K H by the triple product, since for a needle the
    # terms of its first row would cancel.
    narrow = root(scale / c)
    k11 = 1.0 / root(c)
    k00 = c * narrow
    k01 = -b * narrow
    turned_0 = axpy(k00, map_0, _scaled(k01, map_1))
    across = axpy(view.blur, spread_0, _crossed(shrunk_1, normal))
    return Projection(
        point,
        (focal[0] * x + view.centre[0], focal[1] * y + view.centre[1]),
        (j00, j02, j11, j12),
        (k00, k01, k11),
        turned_0,
        _scaled(k11, map_1),
        _scaled(narrow, across),
        _scaled(k11, spread_1),
        (a, b, c),
    )


@helper
def project_one_gradient(
    view: View, s: Slice, p: Projection, pulls: Any, moments: Any, g_z: Any
) -> tuple[Any, Any, Any, Any]:
    """Gradients of a slice from those of its projection.

    Args:
        view: the camera.
        s: the slice.
        p: its :class:`Projection`.
        pulls: the sums over pixels of s u and s v with s = alpha dL/d(alpha) and (u, v) = K (pixel - mean),
            so that dL/d(mean) = K^T (pulls).
        moments: M, the sums of s u², s u v and s v², so that dL/d(cov) = K^T M K / 2.
        g_z: dL/dZ through the depth alone.

    Returns:
        dL/d(mean), px^-1; dL/d(mu'); dL/dA, lower triangle; dL/dP: the symmetric matrix G with dL = tr(G dP).
    """
    rotation, focal, factor = view.rotation, view.focal, s.factor
    uu, uv, vv = moments
    k00, k01, k11 = p.whitening
    g_mean = (k00 * pulls[0], k01 * pulls[0] + k11 * pulls[1])
    # dL/dP = (K H)^T M (K H) / 2, and dL/dH = K^T V for V = M K H P.
    moved_0 = axpy(uu, p.spread_0, _scaled(uv, p.spread_1))
    moved_1 = axpy(uv, p.spread_0, _scaled(vv, p.spread_1))
    half_0, half_1 = _scaled(0.5, p.spread_0), _scaled(0.5, p.spread_1)
    g_shrink = (
        half_0[0] * moved_0[0] + half_1[0] * moved_1[0],
        half_0[0] * moved_0[1] + half_1[0] * moved_1[1],
        half_0[0] * moved_0[2] + half_1[0] * moved_1[2],
        half_0[1] * moved_0[1] + half_1[1] * moved_1[1],
        half_0[1] * moved_0[2] + half_1[1] * moved_1[2],
        half_0[2] * moved_0[2] + half_1[2] * moved_1[2],
    )
    v_0, v_1 = times_symmetric(s.shrink, moved_0), times_symmetric(s.shrink, moved_1)
    # H = (J R) A: dL/dA = (K J R)^T V.
    turned_0, turned_1 = p.turned_0, p.turned_1
    g_factor = (
        turned_0[0] * v_0[0] + turned_1[0] * v_1[0],
        turned_0[1] * v_0[0] + turned_1[1] * v_1[0],
        turned_0[1] * v_0[1] + turned_1[1] * v_1[1],
        turned_0[2] * v_0[0] + turned_1[2] * v_1[0],
        turned_0[2] * v_0[1] + turned_1[2] * v_1[1],
        turned_0[2] * v_0[2] + turned_1[2] * v_1[2],
    )
    # dL/d(J R) = K^T V A^T
    u_0, u_1 = _through_transposed_factor(v_0, factor), _through_transposed_factor(v_1, factor)
    g_map_0 = _scaled(k00, u_0)
    g_map_1 = axpy(k01, u_0, _scaled(k11, u_1))
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
    g_point = (g_x * per_depth, g_y * per_depth, g_depth * per_depth + g_z)
    g_offset = axpy(g_point[0], rotation[0], axpy(g_point[1], rotation[1], _scaled(g_point[2], rotation[2])))
    return g_mean, g_offset, g_factor, g_shrink


@helper
def _clamped(value: Any, low: float, high: float) -> Any:
    return where(value > high, high, where(value < low, low, value))


@helper
def _within(value: Any, low: float, high: float, gradient: Any) -> Any:
    return where((value > low) & (value < high), gradient, 0.0)


@helper
def _scaled(a: Any, x: Any) -> Any:
    return a * x[0], a * x[1], a * x[2]


@helper
def _crossed(a: Any, b: Any) -> Any:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


@helper
def _through_factor(row: Any, factor: Any) -> Any:
    return (
        row[0] * factor[0] + row[1] * factor[1] + row[2] * factor[3],
        row[1] * factor[2] + row[2] * factor[4],
        row[2] * factor[5],
    )


@helper
def _through_transposed_factor(row: Any, factor: Any) -> Any:
    return (
        row[0] * factor[0],
        row[0] * factor[1] + row[1] * factor[2],
        row[0] * factor[3] + row[1] * factor[4] + row[2] * factor[5],
    )
