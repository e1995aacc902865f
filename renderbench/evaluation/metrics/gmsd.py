"""Gradient magnitude similarity deviation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics.images import Image8, Mask, halved_mask, require_pair

_LUMA = np.array([0.299, 0.587, 0.114])
_C = 170.0


def gmsd(truth: Image8, image: Image8, *, where: Mask | None = None) -> float:
    """Gradient magnitude similarity deviation (Xue et al. 2014) of the luma in [0, 255].

    The luma is averaged over 2 × 2 pixels; the gradient is Prewitt's, over three (equation 1 and 2); the
    similarity map is equation 4 with c = 170, its standard deviation over the pixels equation 6. Outside
    the image lies black, as in the authors' code.

    Args:
        truth: (H, W, 3) uint8.
        image: the same.
        where: (H, W), the pixels over which the deviation is taken, at least one, at half the size where
            any of 2 × 2 is set; None for all.

    Raises:
        ValueError: other shapes or types.
    """
    require_pair(truth, image)
    return deviation(gradient_similarity(truth, image), where)


def gradient_similarity(truth: Image8, image: Image8) -> NDArray[np.float64]:
    """The similarity map, at half the size, rounded up."""
    one, other = _gradient_magnitude(_halved_luma(truth)), _gradient_magnitude(_halved_luma(image))
    similarity: NDArray[np.float64] = (2 * one * other + _C) / (one * one + other * other + _C)
    return similarity


def deviation(similarity: NDArray[np.float64], where: Mask | None = None) -> float:
    """:func:`gmsd` from the :func:`gradient_similarity` of two images."""
    counted = similarity if where is None else similarity[halved_mask(where)]
    return float(counted.std())


def _halved_luma(image: Image8) -> NDArray[np.float64]:
    height, width, _ = image.shape
    luma = np.zeros((height + height % 2, width + width % 2))
    luma[:height, :width] = image @ _LUMA
    return 0.25 * (luma[::2, ::2] + luma[1::2, ::2] + luma[::2, 1::2] + luma[1::2, 1::2])


def _gradient_magnitude(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prewitt's, each kernel divided by three, (H, W) over black."""
    padded = np.pad(plane, 1)
    columns = padded[:-2] + padded[1:-1] + padded[2:]
    rows = padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]
    magnitude: NDArray[np.float64] = np.hypot(columns[:, 2:] - columns[:, :-2], rows[2:] - rows[:-2]) / 3.0
    return magnitude
