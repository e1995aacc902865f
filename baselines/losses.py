"""The photometric loss of 3DGS: (1 - w) L1 + w (1 - SSIM)."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d

_WINDOW = 11
_SIGMA = 1.5
_C1 = 0.01**2
_C2 = 0.03**2


def photometric_loss(image: Tensor, truth: Tensor, ssim_weight: float) -> Tensor:
    """The loss of one view (Kerbl et al. 2023, equation 7; 6DGS keeps it).

    Args:
        image: (H, W, 3) in [0, 1].
        truth: the same.
        ssim_weight: w, 0.2 in the authors' code.
    """
    l1 = (image - truth).abs().mean()
    return (1.0 - ssim_weight) * l1 + ssim_weight * (1.0 - ssim_of(image, truth))


def ssim_of(image: Tensor, truth: Tensor) -> Tensor:
    """Differentiable SSIM with an 11 × 11 Gaussian window of sigma 1.5 and zero padding, as in 3DGS.

    This is the training term; the metric is ``renderbench.evaluation.metrics.ssim``.
    """
    x, y = image.permute(2, 0, 1), truth.permute(2, 0, 1)
    # One blur of all five moments costs less than five.
    mean_x, mean_y, xx, yy, xy = _blur(torch.cat([x, y, x * x, y * y, x * y])).split(3)
    variance_x, variance_y = xx - mean_x * mean_x, yy - mean_y * mean_y
    covariance = xy - mean_x * mean_y
    top = (2 * mean_x * mean_y + _C1) * (2 * covariance + _C2)
    bottom = (mean_x * mean_x + mean_y * mean_y + _C1) * (variance_x + variance_y + _C2)
    return (top / bottom).mean()


def _blur(planes: Tensor) -> Tensor:
    kernel = _kernel()
    stacked = planes[:, None]
    stacked = conv2d(stacked, kernel.view(1, 1, -1, 1), padding=(_WINDOW // 2, 0))
    return conv2d(stacked, kernel.view(1, 1, 1, -1), padding=(0, _WINDOW // 2))[:, 0]


@cache
def _kernel() -> Tensor:
    offsets = torch.arange(_WINDOW, dtype=torch.float32) - _WINDOW // 2
    weights = torch.exp(-(offsets**2) / (2 * _SIGMA**2))
    return weights / weights.sum()
