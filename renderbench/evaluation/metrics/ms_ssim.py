"""Multi-scale structural similarity."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics.images import Image8, Mask, halved_mask, require_pair
from renderbench.evaluation.metrics.ssim import SMALLEST_PX as SSIM_PX
from renderbench.evaluation.metrics.ssim import Similarity, channels, means_where, similarity_of

# Wang, Simoncelli and Bovik 2003, section 3.2; from the finest scale to the coarsest.
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_PX = 2 ** (len(WEIGHTS) - 1) * (SSIM_PX - 1) + 1
"""Below this, the coarsest scale has no window of 11 pixels."""


def ms_ssim(truth: Image8, image: Image8, *, where: Mask | None = None) -> float:
    """Multi-scale structural similarity (Wang et al. 2003), mean over channels.

    The product over five scales of the mean contrast and structure term to that scale's weight, with the
    luminance term at the coarsest scale alone (equation 7). Each scale is the means of 2 × 2 pixels of the
    finer one; an odd edge counts twice. A mean below 0, which has no real root, counts as 0.

    Args:
        truth: (H, W, 3) uint8, at least :data:`SMALLEST_PX` pixels high and wide.
        image: the same.
        where: (H, W), the pixels whose windows count, at coarser scales where any of them does; None for
            all.

    Raises:
        ValueError: other shapes or types, or too small.

    Returns:
        At most 1; NaN where no window counts at some scale.
    """
    require_pair(truth, image)
    return ms_ssim_of(similarities(truth, image, len(WEIGHTS)), where)


def similarities(truth: Image8, image: Image8, scales: int) -> list[Similarity]:
    """The similarity maps of so many scales, the full size first."""
    one, other = channels(truth), channels(image)
    found = [similarity_of(one, other)]
    for _ in range(scales - 1):
        one, other = _halved(one), _halved(other)
        found.append(similarity_of(one, other))
    return found


def ms_ssim_of(maps: Sequence[Similarity], where: Mask | None = None) -> float:
    """:func:`ms_ssim` from the :func:`similarities` of two images."""
    product = np.ones(3)
    for index, (weight, each) in enumerate(zip(WEIGHTS, maps, strict=True)):
        coarsest = index == len(WEIGHTS) - 1
        means = means_where(each.product if coarsest else each.contrast, where)
        product *= np.maximum(means, 0.0) ** weight
        where = None if where is None else halved_mask(where)
    return float(product.mean())


def _halved(planes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(C, H, W) to means of 2 × 2 pixels; an odd edge is repeated, as Wang's symmetric filter does."""
    _, height, width = planes.shape
    if height % 2 or width % 2:
        planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    return 0.25 * (planes[:, ::2, ::2] + planes[:, 1::2, ::2] + planes[:, ::2, 1::2] + planes[:, 1::2, 1::2])
