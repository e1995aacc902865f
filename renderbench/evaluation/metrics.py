"""Image metrics with pinned conventions: full frame, on 8-bit sRGB as a viewer would see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]


def quantised(image: NDArray[np.floating]) -> Image8:
    """An (…, H, W, 3) sRGB image in [0, 1], clipped and rounded to 8 bits."""
    rounded: Image8 = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return rounded


def psnr(truth: Image8, image: Image8) -> float:
    """Peak signal-to-noise ratio in dB over the full frame, peak 255; infinite for equal images.

    scikit-image's ``peak_signal_noise_ratio``.

    Args:
        truth: (H, W, 3) uint8.
        image: the same.
    """
    from skimage.metrics import peak_signal_noise_ratio

    _same_shape(truth, image)
    if np.array_equal(truth, image):
        return float("inf")
    return float(peak_signal_noise_ratio(truth, image, data_range=255))


def ssim(truth: Image8, image: Image8) -> float:
    """Structural similarity over the full frame (Wang et al. 2004), mean over pixels and channels.

    scikit-image's ``structural_similarity`` with Wang's settings: Gaussian window of sigma 1.5,
    population covariance, K1 = 0.01, K2 = 0.03.

    Args:
        truth: (H, W, 3) uint8, at least 11 pixels high and wide.
        image: the same.
    """
    from skimage.metrics import structural_similarity

    _same_shape(truth, image)
    return float(
        structural_similarity(
            truth,
            image,
            data_range=255,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
    )


def _same_shape(truth: Image8, image: Image8) -> None:
    if truth.shape != image.shape or truth.dtype != np.uint8 or image.dtype != np.uint8:
        found = f"{truth.dtype} {truth.shape} and {image.dtype} {image.shape}"
        raise ValueError(f"expected two uint8 images of one shape, found {found}")
