"""Slicing of a Gaussian and its gradient; every number here is a ``float8``, for eight Gaussians.

The covariance is never formed. With L = [[A, 0], [B, C]], B = F B^ and C = F C^, where F is the diagonal
of C and C^ has a unit diagonal, let M = C^-1 B = C^^-1 B^ and u = C^-1 (v - mu_d). Then, with
N = I + M^T M, P = N^-1, z = P M^T u and y = u - M z:

- the squared distance (v - mu_d)^T Sigma_dd^-1 (v - mu_d) is |y|² + |z|²
- mu' = mu_p + A z
- Sigma' = A P A^T

No two large numbers are subtracted, unlike in Sigma_pp - Sigma_pd Sigma_dd^-1 Sigma_dp, so that single
precision is enough.

Three-vectors are tuples; A is (E, a) with rows scaled by E; symmetric matrices are tuples in the order
(00, 01, 02, 11, 12, 22); M and B^ are tuples of rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from renderbench.splats.raster.jit import helper


class Slice(NamedTuple):
    """What slicing one Gaussian leaves for its projection and for the gradient."""

    distance: Any
    """|mu_p - p|, mm."""
    sight: Any
    """v, the unit direction from the camera to the unsliced mean."""
    residual: Any
    """F^-1 (v - mu_d)."""
    whitened: Any
    """u."""
    cross: Any
    """M, three rows."""
    shrink: Any
    """P, symmetric."""
    shrinkage: Any
    """det P."""
    shift: Any
    """z."""
    rest: Any
    """y."""
    mahalanobis: Any
    """|y|² + |z|²."""
    factor: Any
    """A, lower triangle (00, 10, 11, 20, 21, 22), mm."""
    offset: Any
    """mu' - p, mm, world frame."""


class SliceGradient(NamedTuple):
    """Gradients with respect to the parameters of one Gaussian."""

    mean: Any
    direction: Any
    log_diagonal: Any
    off_diagonal: Any


@helper
def dot(a: Any, b: Any) -> Any:
    """The inner product of three-vectors."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@helper
def times_symmetric(p: Any, a: Any) -> Any:
    """P a, for a symmetric P."""
    return (
        p[0] * a[0] + p[1] * a[1] + p[2] * a[2],
        p[1] * a[0] + p[3] * a[1] + p[4] * a[2],
        p[2] * a[0] + p[4] * a[1] + p[5] * a[2],
    )


@helper
def times_rows(m: Any, a: Any) -> Any:
    """M a."""
    return dot(m[0], a), dot(m[1], a), dot(m[2], a)


@helper
def times_columns(m: Any, a: Any) -> Any:
    """M^T a."""
    return (
        m[0][0] * a[0] + m[1][0] * a[1] + m[2][0] * a[2],
        m[0][1] * a[0] + m[1][1] * a[1] + m[2][1] * a[2],
        m[0][2] * a[0] + m[1][2] * a[1] + m[2][2] * a[2],
    )


@helper
def add(a: Any, b: Any) -> Any:
    """a + b."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2]


@helper
def axpy(a: Any, x: Any, y: Any) -> Any:
    """a x + y, for a scalar a."""
    return a * x[0] + y[0], a * x[1] + y[1], a * x[2] + y[2]


@helper
def slice_one(ray: Any, distance: Any, direction: Any, scales: Any, inverse_scales: Any, t: Any) -> Slice:
    """Slice one Gaussian.

    Args:
        ray: mu_p - p, mm.
        distance: its length.
        direction: mu_d.
        scales: the position's diagonal of L, mm.
        inverse_scales: the inverse of the direction's diagonal of L.
        t: the 15 off-diagonals relative to their row's diagonal.

    Returns:
        the :class:`Slice`.
    """
    nearness = 1.0 / distance
    sight = (ray[0] * nearness, ray[1] * nearness, ray[2] * nearness)
    residual = (
        (sight[0] - direction[0]) * inverse_scales[0],
        (sight[1] - direction[1]) * inverse_scales[1],
        (sight[2] - direction[2]) * inverse_scales[2],
    )
    whitened_0 = residual[0]
    whitened_1 = residual[1] - t[9] * whitened_0
    whitened_2 = residual[2] - t[13] * whitened_0 - t[14] * whitened_1
    whitened = (whitened_0, whitened_1, whitened_2)
    cross_0 = (t[3], t[4], t[5])
    cross_1 = axpy(-t[9], cross_0, (t[6], t[7], t[8]))
    cross_2 = axpy(-t[14], cross_1, axpy(-t[13], cross_0, (t[10], t[11], t[12])))
    cross = (cross_0, cross_1, cross_2)

    n00 = cross_0[0] * cross_0[0] + cross_1[0] * cross_1[0] + cross_2[0] * cross_2[0] + 1.0
    n01 = cross_0[0] * cross_0[1] + cross_1[0] * cross_1[1] + cross_2[0] * cross_2[1]
    n02 = cross_0[0] * cross_0[2] + cross_1[0] * cross_1[2] + cross_2[0] * cross_2[2]
    n11 = cross_0[1] * cross_0[1] + cross_1[1] * cross_1[1] + cross_2[1] * cross_2[1] + 1.0
    n12 = cross_0[1] * cross_0[2] + cross_1[1] * cross_1[2] + cross_2[1] * cross_2[2]
    n22 = cross_0[2] * cross_0[2] + cross_1[2] * cross_1[2] + cross_2[2] * cross_2[2] + 1.0
    c00 = n11 * n22 - n12 * n12
    c01 = n02 * n12 - n01 * n22
    c02 = n01 * n12 - n02 * n11
    scale = 1.0 / (n00 * c00 + n01 * c01 + n02 * c02)
    shrink = (
        c00 * scale,
        c01 * scale,
        c02 * scale,
        (n00 * n22 - n02 * n02) * scale,
        (n01 * n02 - n00 * n12) * scale,
        (n00 * n11 - n01 * n01) * scale,
    )
    shift = times_symmetric(shrink, times_columns(cross, whitened))
    pulled = times_rows(cross, shift)
    rest = (whitened[0] - pulled[0], whitened[1] - pulled[1], whitened[2] - pulled[2])
    factor = (
        scales[0],
        scales[1] * t[0],
        scales[1],
        scales[2] * t[1],
        scales[2] * t[2],
        scales[2],
    )
    offset = (
        ray[0] + factor[0] * shift[0],
        ray[1] + (factor[1] * shift[0] + factor[2] * shift[1]),
        ray[2] + (factor[3] * shift[0] + factor[4] * shift[1] + factor[5] * shift[2]),
    )
    mahalanobis = dot(rest, rest) + dot(shift, shift)
    return Slice(
        distance, sight, residual, whitened, cross, shrink, scale, shift, rest, mahalanobis, factor, offset
    )


@helper
def slice_one_gradient(
    s: Slice,
    inverse_scales: Any,
    t: Any,
    slopes: Any,
    g_offset: Any,
    g_factor: Any,
    g_shrink: Any,
    g_mahalanobis: Any,
    g_view: Any,
) -> SliceGradient:
    """Gradients of one Gaussian's parameters from those of its slice.

    Args:
        s: the :class:`Slice`.
        inverse_scales: as given to :func:`slice_one`.
        t: as given to :func:`slice_one`.
        slopes: derivatives of ``t`` with respect to the raw off-diagonals.
        g_offset: dL/d(mu').
        g_factor: dL/dA through Sigma' alone, lower triangle.
        g_shrink: dL/dP through Sigma' alone: the symmetric matrix G with dL = tr(G dP).
        g_mahalanobis: dL/d(squared distance).
        g_view: dL/dv through the colour alone.

    Returns:
        the :class:`SliceGradient`.
    """
    factor, shift, cross, rest = s.factor, s.shift, s.cross, s.rest
    # mu' = mu_p + A z
    g_factor = (
        g_factor[0] + g_offset[0] * shift[0],
        g_factor[1] + g_offset[1] * shift[0],
        g_factor[2] + g_offset[1] * shift[1],
        g_factor[3] + g_offset[2] * shift[0],
        g_factor[4] + g_offset[2] * shift[1],
        g_factor[5] + g_offset[2] * shift[2],
    )
    g_shift = (
        factor[0] * g_offset[0] + factor[1] * g_offset[1] + factor[3] * g_offset[2],
        factor[2] * g_offset[1] + factor[4] * g_offset[2],
        factor[5] * g_offset[2],
    )
    # P = N^-1 and N = I + M^T M: dL/dM = -2 M (P G P)
    p = s.shrink
    column_0 = times_symmetric(g_shrink, (p[0], p[1], p[2]))
    column_1 = times_symmetric(g_shrink, (p[1], p[3], p[4]))
    column_2 = times_symmetric(g_shrink, (p[2], p[4], p[5]))
    inner_0 = times_symmetric(p, column_0)
    inner_1 = times_symmetric(p, column_1)
    inner_2 = times_symmetric(p, column_2)
    g_normal = (inner_0[0], inner_0[1], inner_0[2], inner_1[1], inner_1[2], inner_2[2])
    # z = P M^T u with h = P dL/dz: dL/dM = y h^T - (M h) z^T, dL/du = M h;
    # the squared distance: dL/dM = -2 y z^T, dL/du = 2 y, times its gradient.
    h = times_symmetric(p, g_shift)
    lifted = times_rows(cross, h)
    twice = 2.0 * g_mahalanobis
    g_cross_0 = _cross_gradient_row(g_normal, cross[0], rest[0], lifted[0], twice, h, shift)
    g_cross_1 = _cross_gradient_row(g_normal, cross[1], rest[1], lifted[1], twice, h, shift)
    g_cross_2 = _cross_gradient_row(g_normal, cross[2], rest[2], lifted[2], twice, h, shift)
    g_whitened = axpy(twice, rest, lifted)
    # [M | u] = C^^-1 [B^ | F^-1 (v - mu_d)]: back substitution with C^^T
    g_rows_2 = g_cross_2
    g_residual_2 = g_whitened[2]
    g_rows_1 = axpy(-t[14], g_rows_2, g_cross_1)
    g_residual_1 = g_whitened[1] - t[14] * g_residual_2
    g_rows_0 = axpy(-t[9], g_rows_1, axpy(-t[13], g_rows_2, g_cross_0))
    g_residual_0 = g_whitened[0] - t[9] * g_residual_1 - t[13] * g_residual_2
    g_c10 = -(dot(g_rows_1, cross[0]) + g_residual_1 * s.whitened[0])
    g_c20 = -(dot(g_rows_2, cross[0]) + g_residual_2 * s.whitened[0])
    g_c21 = -(dot(g_rows_2, cross[1]) + g_residual_2 * s.whitened[1])

    g_deviation = (
        g_residual_0 * inverse_scales[0],
        g_residual_1 * inverse_scales[1],
        g_residual_2 * inverse_scales[2],
    )
    g_view = add(g_view, g_deviation)
    along = dot(s.sight, g_view)
    nearness = 1.0 / s.distance
    g_mean = (
        g_offset[0] + (g_view[0] - along * s.sight[0]) * nearness,
        g_offset[1] + (g_view[1] - along * s.sight[1]) * nearness,
        g_offset[2] + (g_view[2] - along * s.sight[2]) * nearness,
    )
    g_direction = (-g_deviation[0], -g_deviation[1], -g_deviation[2])
    g_log_diagonal = (
        g_factor[0] * factor[0],
        g_factor[1] * factor[1] + g_factor[2] * factor[2],
        g_factor[3] * factor[3] + g_factor[4] * factor[4] + g_factor[5] * factor[5],
        -g_residual_0 * s.residual[0],
        -g_residual_1 * s.residual[1],
        -g_residual_2 * s.residual[2],
    )
    g_off_diagonal = (
        g_factor[1] * factor[2] * slopes[0],
        g_factor[3] * factor[5] * slopes[1],
        g_factor[4] * factor[5] * slopes[2],
        g_rows_0[0] * slopes[3],
        g_rows_0[1] * slopes[4],
        g_rows_0[2] * slopes[5],
        g_rows_1[0] * slopes[6],
        g_rows_1[1] * slopes[7],
        g_rows_1[2] * slopes[8],
        g_c10 * slopes[9],
        g_rows_2[0] * slopes[10],
        g_rows_2[1] * slopes[11],
        g_rows_2[2] * slopes[12],
        g_c20 * slopes[13],
        g_c21 * slopes[14],
    )
    return SliceGradient(g_mean, g_direction, g_log_diagonal, g_off_diagonal)


@helper
def _cross_gradient_row(
    g_normal: Any, row: Any, rest: Any, lifted: Any, twice: Any, h: Any, shift: Any
) -> Any:
    """One row of dL/dM: -2 M (P G P) + y h^T - (M h + 2 g y) z^T."""
    spread = times_symmetric(g_normal, row)
    pull = lifted + twice * rest
    return (
        rest * h[0] - pull * shift[0] - 2.0 * spread[0],
        rest * h[1] - pull * shift[1] - 2.0 * spread[1],
        rest * h[2] - pull * shift[2] - 2.0 * spread[2],
    )
