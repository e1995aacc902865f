"""The photometric loss of 3DGS: (1 - w) L1 + w (1 - SSIM)."""

from __future__ import annotations

from torch import Tensor

from renderbench.splats.ssim import ssim_for_training


def photometric_loss(image: Tensor, truth: Tensor, ssim_weight: float) -> Tensor:
    """The loss of one view (Kerbl et al. 2023, equation 7; 6DGS keeps it).

    Args:
        image: (H, W, 3) in [0, 1].
        truth: the same.
        ssim_weight: w, 0.2 in the authors' code.
    """
    l1 = (image - truth).abs().mean()
    return (1.0 - ssim_weight) * l1 + ssim_weight * (1.0 - ssim_for_training(image, truth))
