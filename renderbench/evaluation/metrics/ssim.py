"""Structural similarity, and the maps that MS-SSIM shares with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics.images import Image8, Mask, require_pair

RADIUS_PX = 5
_SIGMA_PX = 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
SMALLEST_PX = 2 * RADIUS_PX + 1

_offsets = np.arange(-RADIUS_PX, RADIUS_PX + 1)
_profile = np.exp(-0.5 * (_offsets / _SIGMA_PX) ** 2)
_WINDOW = _profile / _profile.sum()


@dataclass(frozen=True, kw_only=True, eq=False)
class Similarity:
    """How alike two images are at every window that lies wholly inside them.

    Args:
        product: (3, H - 10, W - 10) float64: SSIM.
        contrast: the same: its contrast and structure term alone.
    """

    product: NDArray[np.float64]
    contrast: NDArray[np.float64]


def ssim(truth: Image8, image: Image8, *, where: Mask | None = None) -> float:
    """Structural similarity (Wang et al. 2004), mean over pixels and channels.

    Over the full frame scikit-image's ``structural_similarity`` with Wang's settings: Gaussian window of
    sigma 1.5 (11 × 11), population covariance, K1 = 0.01, K2 = 0.03, mean over the windows that lie wholly
    inside the image.

    Args:
        truth: (H, W, 3) uint8, at least 11 pixels high and wide.
        image: the same.
        where: (H, W), the pixels whose windows count; None for all.

    Raises:
        ValueError: other shapes or types, or too small.

    Returns:
        At most 1; NaN where no window counts.
    """
    require_pair(truth, image)
    return mean_where(similarity_of(channels(truth), channels(image)).product, where)


def channels(image: Image8) -> NDArray[np.float64]:
    """(3, H, W) float64, C-contiguous."""
    return np.ascontiguousarray(image.transpose(2, 0, 1), dtype=np.float64)


def similarity_of(one: NDArray[np.float64], other: NDArray[np.float64]) -> Similarity:
    """Both maps of two images (3, H, W) float64 in [0, 255].

    Raises:
        ValueError: less than 11 pixels high or wide.
    """
    from renderbench.evaluation.metrics.windows import similarity

    if min(one.shape[1:]) < SMALLEST_PX:
        found = f"{one.shape[2]} × {one.shape[1]}"
        raise ValueError(f"expected at least {SMALLEST_PX} pixels a side, found {found}")
    shape = (len(one), one.shape[1] - 2 * RADIUS_PX, one.shape[2] - 2 * RADIUS_PX)
    maps = Similarity(product=np.empty(shape), contrast=np.empty(shape))
    for x, y, product, contrast in zip(one, other, maps.product, maps.contrast, strict=True):
        similarity(x, y, _WINDOW, _C1, _C2, product, contrast)
    return maps


def mean_where(maps: NDArray[np.float64], where: Mask | None) -> float:
    """The mean of (3, H - 10, W - 10) over channels and over the windows whose centre counts."""
    return float(np.mean(means_where(maps, where)))


def means_where(maps: NDArray[np.float64], where: Mask | None) -> NDArray[np.float64]:
    """The mean of each channel, (3,), over the windows whose centre counts; NaN where none does."""
    if where is None:
        return maps.mean(axis=(1, 2))
    inside = where[RADIUS_PX:-RADIUS_PX, RADIUS_PX:-RADIUS_PX]
    return maps[:, inside].mean(axis=1) if inside.any() else np.full(len(maps), np.nan)
