"""Pairs of images that metrics are compared on: a photograph, noise, and what goes wrong with renders."""

from __future__ import annotations

from collections.abc import Callable

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from renderbench.evaluation.metrics import Image8, quantised
from tests.conftest import REPOSITORY

PHOTO: Image8 = np.ascontiguousarray(astronaut()[::2, ::2])
"""(256, 256, 3)."""

ODD: Image8 = np.ascontiguousarray(astronaut()[100:315, 50:299])
"""(215, 249, 3): odd at every scale or other."""


def real_ct() -> tuple[Image8, Image8]:
    """Ground truth of a real CT beside what a method made of it, (256, 256, 3) each, from the docs."""
    sheet = iio.imread(REPOSITORY / "docs" / "images" / "real-ct-contact-sheet.png")[..., :3]
    one, other = (sheet[46:302, left : left + 256] for left in (6, 6 + 3 * 262))
    return np.ascontiguousarray(one), np.ascontiguousarray(other)


def worsened(image: Image8, how: Callable[[NDArray[np.float64], int], NDArray[np.float64]], k: int) -> Image8:
    """``image`` after ``how``, to degree ``k``."""
    return quantised(how(image.astype(np.float64), k) / 255.0)


WORSEN = {
    "noise": lambda x, k: x + np.random.default_rng(2).normal(0, 6 * k, x.shape),
    "blur": lambda x, k: gaussian_filter(x, sigma=(0.6 * k, 0.6 * k, 0)),
    "shift": lambda x, k: np.roll(x, k, axis=1),
}


def on_black(image: Image8) -> Image8:
    """``image`` in a disc, black outside: what a render looks like."""
    height, width, _ = image.shape
    rows, columns = np.ogrid[:height, :width]
    inside = np.hypot(rows - height / 2, columns - width / 2) < 0.36 * min(height, width)
    return np.where(inside[..., None], np.maximum(image, 1), 0).astype(np.uint8)


def random_pair(seed: int, height: int = 192, width: int = 203) -> tuple[Image8, Image8]:
    """Two images of independent noise."""
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return one, other


PAIRS = {
    "real CT": real_ct(),
    "noisy photo": (PHOTO, worsened(PHOTO, WORSEN["noise"], 3)),
    "blurred photo": (ODD, worsened(ODD, WORSEN["blur"], 2)),
    "on black": (on_black(PHOTO), worsened(on_black(PHOTO), WORSEN["shift"], 2)),
    "negative": (PHOTO, 255 - PHOTO),
    "random": random_pair(0),
    "flat": (np.full((180, 180, 3), 7, np.uint8), np.full((180, 180, 3), 250, np.uint8)),
}
