"""What every metric takes: 8-bit sRGB images, and the part of them that is foreground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def quantised(image: NDArray[np.floating]) -> Image8:
    """An (…, H, W, 3) sRGB image in [0, 1], clipped and rounded to 8 bits."""
    rounded: Image8 = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return rounded


def foreground_of(truth: Image8) -> Mask:
    """Where a ground-truth image (H, W, 3) shows something: any channel above 0 in 8 bits, (H, W).

    Images are over black, so this is where anything scatters light enough to be seen.
    """
    return np.asarray(truth.any(axis=-1))


def require_pair(truth: Image8, image: Image8) -> None:
    """Refuse what is not two uint8 images (H, W, 3) of one shape.

    Raises:
        ValueError: so.
    """
    alike = truth.shape == image.shape and truth.ndim == 3 and truth.shape[-1] == 3
    if not alike or truth.dtype != np.uint8 or image.dtype != np.uint8:
        found = f"{truth.dtype} {truth.shape} and {image.dtype} {image.shape}"
        raise ValueError(f"expected two uint8 images of one shape (H, W, 3), found {found}")


def halved_mask(mask: Mask) -> Mask:
    """(H, W) to half the size, rounded up: where any of 2 × 2 pixels is set."""
    height, width = mask.shape
    even = np.pad(mask, ((0, height % 2), (0, width % 2)))
    return np.asarray(even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2).any(axis=(1, 3)))
