"""The loss of section 3.3: L1 and 1 - MS-SSIM, equation (1) of the Render-FM paper."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d

# Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment" (Asilomar 2003),
# section 3.2: the weights of scales 1 (the finest) to 5.
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
_SIZE, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2
# A power of a number near 0 has no finite gradient, and contrast and structure can be negative.
_LEAST = 1e-4


def rendering_loss(image: Tensor, truth: Tensor, *, l1_weight: float, ssim_weight: float) -> Tensor:
    """``l1_weight`` · L1 + ``ssim_weight`` · (1 - MS-SSIM) of one view (equation 1).

    Args:
        image: (H, W, 3) in [0, 1], or a little beyond, as it was rendered.
        truth: (H, W, 3) in [0, 1].
        l1_weight: of the mean absolute difference.
        ssim_weight: of 1 - :func:`ms_ssim`; with 0 it is not computed.
    """
    loss = l1_weight * (image - truth).abs().mean()
    if ssim_weight > 0.0:
        loss = loss + ssim_weight * (1.0 - ms_ssim(image, truth))
    return loss


def ms_ssim(image: Tensor, truth: Tensor) -> Tensor:
    """Multi-scale SSIM (Wang et al. 2003, equation 7), differentiable.

    Contrast and structure of every scale and the luminance of the coarsest, each to the power of its weight;
    an 11 × 11 Gaussian window of sigma 1.5 within the image, scales by 2 × 2 means. An image has as many of
    the five scales as leave the window room: five from 176 pixels a side up, four from 88. The weights of
    those it has are scaled to sum to 1, so that identical images score 1 and sizes compare.

    Args:
        image: (H, W, C), H and W at least 11.
        truth: the same.

    Returns:
        A scalar, at most 1: the mean over channels.

    Raises:
        ValueError: the images are smaller than the window.
    """
    scales = scale_count(min(image.shape[:2]))
    weights = torch.tensor(_SCALE_WEIGHTS[:scales], dtype=image.dtype, device=image.device)
    weights = weights / weights.sum()
    x, y = (tensor.permute(2, 0, 1)[None] for tensor in (image, truth))
    factors = []
    for scale in range(scales):
        luminance, structure = _terms(x, y)
        factors.append(structure if scale < scales - 1 else luminance * structure)
        x, y = avg_pool2d(x, 2), avg_pool2d(y, 2)
    means = torch.stack([factor.mean(dim=(0, 2, 3)) for factor in factors])
    return means.clamp_min(_LEAST).pow(weights[:, None]).prod(dim=0).mean()


def scale_count(side: int) -> int:
    """How many scales an image has whose shorter side has so many pixels; 1 to 5.

    Raises:
        ValueError: fewer pixels than the window.
    """
    count = sum(side // 2**scale >= _SIZE for scale in range(len(_SCALE_WEIGHTS)))
    if count == 0:
        raise ValueError(f"expected images of at least {_SIZE} pixels a side, found {side}")
    return count


def _terms(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast times structure, at every place of the window: (1, C, H - 10, W - 10) each."""
    planes = torch.cat([x, y, x * x, y * y, x * y], dim=1).transpose(0, 1)
    offsets = torch.arange(_SIZE, dtype=x.dtype, device=x.device) - _SIZE // 2
    window = torch.exp(-offsets.square() / (2 * _SIGMA**2))
    window = window / window.sum()
    blurred = conv2d(conv2d(planes, window[None, None, :, None]), window[None, None, None, :])
    mean_x, mean_y, xx, yy, xy = blurred.transpose(0, 1).chunk(5, dim=1)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x.square() + mean_y.square() + _C1)
    variances = xx - mean_x.square() + yy - mean_y.square()
    structure = (2 * (xy - mean_x * mean_y) + _C2) / (variances + _C2)
    return luminance, structure
