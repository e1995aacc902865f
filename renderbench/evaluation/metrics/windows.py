"""The kernel below SSIM: both factors of a window's similarity, for all windows of one channel."""

from __future__ import annotations

from typing import Any

import numpy as np

from renderbench.evaluation.metrics.jit import kernel


@kernel
def similarity(x: Any, y: Any, window: Any, c1: float, c2: float, product: Any, contrast: Any) -> None:
    """Equations 12 and 13 of Wang et al. 2004 at every window that lies wholly inside the image.

    The window is separable, so rows of four moments are summed down columns first, then along the row.

    Args:
        x: (H, W) float64.
        y: the same.
        window: (K,) float64, one side of the window, sum 1.
        c1: stabilises the luminance term.
        c2: stabilises the contrast and structure term.
        product: (H - K + 1, W - K + 1) float64, written: SSIM.
        contrast: the same, written: its contrast and structure term alone.
    """
    height, width = x.shape
    size = len(window)
    down = np.empty((4, width))
    along = np.empty((4, width - size + 1))
    for row in range(height - size + 1):
        down[:] = 0.0
        for tap in range(size):
            weight = window[tap]
            for column in range(width):
                one, other = x[row + tap, column], y[row + tap, column]
                down[0, column] += weight * one
                down[1, column] += weight * other
                down[2, column] += weight * (one * one + other * other)
                down[3, column] += weight * (one * other)
        along[:] = 0.0
        for moment in range(4):
            for tap in range(size):
                weight = window[tap]
                for column in range(width - size + 1):
                    along[moment, column] += weight * down[moment, column + tap]
        for column in range(width - size + 1):
            mean_x, mean_y = along[0, column], along[1, column]
            squares = mean_x * mean_x + mean_y * mean_y
            variances = along[2, column] - squares
            covariance = along[3, column] - mean_x * mean_y
            alike = (2.0 * covariance + c2) / (variances + c2)
            contrast[row, column] = alike
            product[row, column] = alike * (2.0 * mean_x * mean_y + c1) / (squares + c1)
