"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np

from renderbench.evaluation.metrics.images import Image8, Mask, require_pair


def psnr(truth: Image8, image: Image8, *, where: Mask | None = None) -> float:
    """Peak signal-to-noise ratio in dB, peak 255, over pixels and channels; infinite without any error.

    Over the full frame scikit-image's ``peak_signal_noise_ratio``.

    Args:
        truth: (H, W, 3) uint8.
        image: the same.
        where: (H, W), the pixels that count, at least one; None for all.

    Raises:
        ValueError: other shapes or types.
    """
    require_pair(truth, image)
    return psnr_of(squared_error(truth, image), where)


def squared_error(truth: Image8, image: Image8) -> np.typing.NDArray[np.int32]:
    """(H, W) int32: the squared error of each pixel, summed over channels."""
    difference = truth.astype(np.int32) - image
    error: np.typing.NDArray[np.int32] = np.einsum("ijk,ijk->ij", difference, difference)
    return error


def psnr_of(error: np.typing.NDArray[np.int32], where: Mask | None = None) -> float:
    """:func:`psnr` from the :func:`squared_error` of two images."""
    counted = error if where is None else error[where]
    mean = float(counted.mean(dtype=np.float64)) / 3
    return 10.0 * math.log10(255.0**2 / mean) if mean > 0 else math.inf
