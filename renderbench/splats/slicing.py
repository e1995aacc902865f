"""Slicing 6D Gaussians into the 3D Gaussians that one camera sees, in torch on any device.

The covariance is never formed, so that single precision is enough: see
:mod:`renderbench.splats.raster.slicing`, whose algebra and names this follows. All operations are over
elements and sums of three, which a compiler for the device can fuse into one kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.sh import evaluate_sh

LAMBDA_OPACITY = 0.35


@dataclass(frozen=True, kw_only=True, eq=False)
class SlicedGaussians:
    """3D Gaussians as one camera sees them.

    Args:
        means_mm: (N, 3) world positions.
        covariances_mm2: (N, 3, 3).
        opacities: (N,) in [0, 1].
        colours: (N, 3) sRGB, at least 0.
    """

    means_mm: torch.Tensor
    covariances_mm2: torch.Tensor
    opacities: torch.Tensor
    colours: torch.Tensor


def slice_gaussians(
    gaussians: Gaussians6D, camera_position_mm: torch.Tensor, lambda_opacity: float = LAMBDA_OPACITY
) -> SlicedGaussians:
    """Condition every Gaussian on the direction it is seen from (section 3.2 of the Render-FM paper).

    With v = (mu_p - p) / |mu_p - p|, what :func:`slice_along` says.

    Args:
        gaussians: N Gaussians, any floating dtype.
        camera_position_mm: (3,) world position p.
        lambda_opacity: lambda.
    """
    position = camera_position_mm.to(gaussians.means_mm)
    view = torch.nn.functional.normalize(gaussians.means_mm - position, dim=1)
    return slice_along(gaussians, view, lambda_opacity)


def slice_along(
    gaussians: Gaussians6D, directions: torch.Tensor, lambda_opacity: float = LAMBDA_OPACITY
) -> SlicedGaussians:
    """Condition every Gaussian on a direction v of its own.

    - mu' = mu_p + Sigma_pd Sigma_dd^-1 (v - mu_d)
    - Sigma' = Sigma_pp - Sigma_pd Sigma_dd^-1 Sigma_dp
    - w = exp(-lambda (v - mu_d)^T Sigma_dd^-1 (v - mu_d)), and the opacity is w sigmoid(logit)
    - the colour is that of the direction v.

    The paper writes w as a Gaussian density, which is lambda = 0.5 up to normalisation; the 6DGS code
    uses 0.35.

    Args:
        gaussians: N Gaussians, any floating dtype.
        directions: (N, 3) unit vectors v, from the eye to the Gaussian.
        lambda_opacity: lambda.
    """
    factor, t = _factor(gaussians)
    cross, shrink = _conditioning(t)
    residual = (directions - gaussians.directions) * torch.exp(-gaussians.log_diagonal[:, 3:])
    whitened = _solve(t, residual[:, 0:1], residual[:, 1:2], residual[:, 2:3])[:, :, 0]
    shift = _times(shrink, _times(cross.mT, whitened))
    rest = whitened - _times(cross, shift)
    weight = torch.exp(-lambda_opacity * (rest.square().sum(1) + shift.square().sum(1)))
    return SlicedGaussians(
        means_mm=gaussians.means_mm + _times(factor, shift),
        covariances_mm2=_product(_product(factor, shrink), factor.mT),
        opacities=weight * torch.sigmoid(gaussians.opacity_logit),
        colours=evaluate_sh(gaussians.sh, directions),
    )


def conditional_covariances(gaussians: Gaussians6D) -> torch.Tensor:
    """Sigma' = Sigma_pp - Sigma_pd Sigma_dd^-1 Sigma_dp, (N, 3, 3) mm²: the shape from every direction."""
    factor, t = _factor(gaussians)
    _, shrink = _conditioning(t)
    return _product(_product(factor, shrink), factor.mT)


def _factor(gaussians: Gaussians6D) -> tuple[torch.Tensor, torch.Tensor]:
    """A, (N, 3, 3) lower triangular, mm; and the 15 off-diagonals relative to their rows' diagonals."""
    scales = gaussians.log_diagonal[:, :3].exp()
    t = torch.tanh(0.5 * gaussians.off_diagonal)
    zero, one = torch.zeros_like(t[:, 0]), torch.ones_like(t[:, 0])
    rows = (one, zero, zero, t[:, 0], one, zero, t[:, 1], t[:, 2], one)
    return torch.stack(rows, dim=1).view(-1, 3, 3) * scales[:, :, None], t


def _conditioning(t: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """M = C^-1 B and P = (I + M^T M)^-1, (N, 3, 3) each."""
    m = _solve(t, t[:, 3:6], t[:, 6:9], t[:, 10:13])
    normal = _product(m.mT, m)
    n00, n11, n22 = 1 + normal[:, 0, 0], 1 + normal[:, 1, 1], 1 + normal[:, 2, 2]
    n01, n02, n12 = normal[:, 0, 1], normal[:, 0, 2], normal[:, 1, 2]
    c00, c01, c02 = n11 * n22 - n12 * n12, n02 * n12 - n01 * n22, n01 * n12 - n02 * n11
    c11, c12, c22 = n00 * n22 - n02 * n02, n01 * n02 - n00 * n12, n00 * n11 - n01 * n01
    determinant = n00 * c00 + n01 * c01 + n02 * c02
    adjugate = torch.stack((c00, c01, c02, c01, c11, c12, c02, c12, c22), dim=1).view(-1, 3, 3)
    return m, adjugate / determinant[:, None, None]


def _solve(t: torch.Tensor, *rows: torch.Tensor) -> torch.Tensor:
    """C^^-1 times a matrix of three rows, (N, K) each: (N, 3, K)."""
    first, second, third = rows
    second = second - t[:, 9:10] * first
    third = third - t[:, 13:14] * first - t[:, 14:15] * second
    return torch.stack((first, second, third), dim=1)


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return (a[:, :, :, None] * b[:, None]).sum(2)


def _times(a: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return (a * x[:, None]).sum(2)
