"""Slicing 6D Gaussians into the 3D Gaussians that one camera sees: the dense torch reference."""

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

    With v = (mu_p - p) / |mu_p - p|:

    - mu' = mu_p + Sigma_pd Sigma_dd^-1 (v - mu_d)
    - Sigma' = Sigma_pp - Sigma_pd Sigma_dd^-1 Sigma_dp
    - w = exp(-lambda (v - mu_d)^T Sigma_dd^-1 (v - mu_d)), and the opacity is w sigmoid(logit)
    - the colour is that of the unsliced direction v.

    The paper writes w as a Gaussian density, which is lambda = 0.5 up to normalisation; the 6DGS code
    uses 0.35.

    Args:
        gaussians: N Gaussians, any floating dtype.
        camera_position_mm: (3,) world position p.
        lambda_opacity: lambda.
    """
    covariance = gaussians.covariance()
    gain = _gain(covariance)
    position = camera_position_mm.to(gaussians.means_mm)
    view = torch.nn.functional.normalize(gaussians.means_mm - position, dim=1)
    deviation = (view - gaussians.directions)[:, :, None]
    distance = deviation.mT @ torch.linalg.solve(covariance[:, 3:, 3:], deviation)
    weight = torch.exp(-lambda_opacity * distance[:, 0, 0])
    return SlicedGaussians(
        means_mm=gaussians.means_mm + (gain @ deviation)[:, :, 0],
        covariances_mm2=covariance[:, :3, :3] - gain @ covariance[:, 3:, :3],
        opacities=weight * torch.sigmoid(gaussians.opacity_logit),
        colours=evaluate_sh(gaussians.sh, view),
    )


def conditional_covariances(gaussians: Gaussians6D) -> torch.Tensor:
    """Sigma' = Sigma_pp - Sigma_pd Sigma_dd^-1 Sigma_dp, (N, 3, 3) mm²: the shape from every direction."""
    covariance = gaussians.covariance()
    return covariance[:, :3, :3] - _gain(covariance) @ covariance[:, 3:, :3]


def _gain(covariance: torch.Tensor) -> torch.Tensor:
    """Sigma_pd Sigma_dd^-1, (N, 3, 3) mm per unit of direction."""
    return torch.linalg.solve(covariance[:, 3:, 3:], covariance[:, 3:, :3]).mT
