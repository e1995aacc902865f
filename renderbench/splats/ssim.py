"""A fused SSIM for training: forward and exact gradient as one pass of a numba kernel each.

With torch's convolutions this term would cost more than rasterising 100 000 Gaussians does. On a CUDA device
it is these convolutions all the same: there they are cheap.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.autograd.function import once_differentiable

from renderbench.splats.raster.jit import helper, kernel
from renderbench.splats.raster.threads import next_item, run_workers
from renderbench.threads import thread_count

_RADIUS = 5
_SIGMA = 1.5
_C1 = np.float32(0.01**2)
_C2 = np.float32(0.03**2)

Floats = NDArray[np.float32]


def ssim_for_training(
    image: torch.Tensor, truth: torch.Tensor, *, threads: int | None = None
) -> torch.Tensor:
    """SSIM as 3DGS trains with it: 11 × 11 Gaussian window of sigma 1.5, zero padding, mean over all.

    The metric of tables is ``renderbench.evaluation.metrics.ssim``; they differ at the border.

    Args:
        image: (H, W, C) float32 in [0, 1]; the gradient flows to it alone.
        truth: the same.
        threads: how many to use; None for :func:`renderbench.threads.thread_count`.

    Returns:
        A scalar; on the CPU the same bits for any number of threads.
    """
    if image.is_cuda:
        return ssim_by_convolutions(image, truth)
    value: torch.Tensor = _Ssim.apply(image, truth, thread_count() if threads is None else threads)
    return value


def ssim_by_convolutions(image: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """The same as :func:`ssim_for_training` on any device, by separable convolutions in torch."""
    x, y = (tensor.permute(2, 0, 1)[:, None] for tensor in (image, truth))
    planes = torch.cat([x, y, x * x, y * y, x * y])
    window = torch.from_numpy(_window()).to(planes)
    blurred = torch.nn.functional.conv2d(planes, window[None, None, None, :], padding=(0, _RADIUS))
    blurred = torch.nn.functional.conv2d(blurred, window[None, None, :, None], padding=(_RADIUS, 0))
    mean_x, mean_y, xx, yy, xy = blurred.chunk(5)
    c1, c2 = float(_C1), float(_C2)
    similar = (2 * mean_x * mean_y + c1) * (2 * (xy - mean_x * mean_y) + c2)
    spread = (mean_x.square() + mean_y.square() + c1) * (xx - mean_x.square() + yy - mean_y.square() + c2)
    return (similar / spread).mean()


class _Ssim(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: torch.Tensor, truth: torch.Tensor, threads: int) -> torch.Tensor:
        x, y = (tensor.detach().contiguous().numpy() for tensor in (image, truth))
        height, width, channels = x.shape
        x, y = x.reshape(height, -1), y.reshape(height, -1)
        # d ssim / d (mean of x, mean of x², mean of xy), which the gradient blurs once more.
        partials = np.empty((3, height, width * channels), dtype=np.float32)
        rows = np.empty(height, dtype=np.float64)
        run_workers(threads, _forward_rows, x, y, channels, _window(), partials, rows)
        ctx.saved = (x, y, partials, channels, image.shape, threads)
        return torch.tensor(rows.sum() / x.size, dtype=image.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        x, y, partials, channels, shape, threads = ctx.saved
        gradient = np.empty_like(x)
        scale = np.float32(float(outer) / x.size)
        run_workers(threads, _backward_rows, x, y, channels, _window(), partials, scale, gradient)
        return torch.from_numpy(gradient.reshape(shape)), None, None


def _window() -> Floats:
    offsets = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(offsets**2) / (2 * _SIGMA**2))
    return (weights / weights.sum()).astype(np.float32)


@kernel
def _forward_rows(counter: Any, x: Any, y: Any, channels: Any, window: Any, partials: Any, rows: Any) -> None:
    height, width = x.shape
    raw = np.empty((5, width), dtype=np.float32)
    moments = np.empty((5, width), dtype=np.float32)
    columns = np.zeros((5, width + 2 * _RADIUS * channels), dtype=np.float32)
    row = next_item(counter)
    while row < height:
        for moment in range(5):
            columns[moment, :] = np.float32(0)
        for tap in range(max(-_RADIUS, -row), min(_RADIUS, height - 1 - row) + 1):
            _products(x[row + tap], y[row + tap], raw[2], raw[3], raw[4])
            weight = window[tap + _RADIUS]
            _add_middle(columns[0], weight, x[row + tap])
            _add_middle(columns[1], weight, y[row + tap])
            for moment in range(2, 5):
                _add_middle(columns[moment], weight, raw[moment])
        for moment in range(5):
            _blur_row(moments[moment], columns[moment], window, channels)
        rows[row] = _ssim_row(moments, partials[0, row], partials[1, row], partials[2, row])
        row = next_item(counter)


@kernel
def _backward_rows(
    counter: Any, x: Any, y: Any, channels: Any, window: Any, partials: Any, scale: Any, gradient: Any
) -> None:
    height, width = x.shape
    columns = np.zeros((3, width + 2 * _RADIUS * channels), dtype=np.float32)
    blurred = np.empty((3, width), dtype=np.float32)
    row = next_item(counter)
    while row < height:
        for partial in range(3):
            columns[partial, :] = np.float32(0)
            for tap in range(max(-_RADIUS, -row), min(_RADIUS, height - 1 - row) + 1):
                _add_middle(columns[partial], window[tap + _RADIUS], partials[partial, row + tap])
            _blur_row(blurred[partial], columns[partial], window, channels)
        _gradient_row(gradient[row], x[row], y[row], blurred[0], blurred[1], blurred[2], scale)
        row = next_item(counter)


# The helpers below walk plain rows from 0, which is what lets LLVM vectorise them.


@helper
def _products(a: Any, b: Any, aa: Any, bb: Any, ab: Any) -> None:
    for i in range(a.size):
        aa[i] = a[i] * a[i]
        bb[i] = b[i] * b[i]
        ab[i] = a[i] * b[i]


@helper
def _add_middle(padded: Any, weight: Any, values: Any) -> None:
    """padded, but for its equal margins, += weight * values."""
    margin = (padded.size - values.size) // 2
    middle = padded[margin : margin + values.size]
    for i in range(values.size):
        middle[i] += weight * values[i]


@helper
def _blur_row(blurred: Any, padded: Any, window: Any, channels: Any) -> None:
    """Blur interleaved channels along a row that has margins of zeros."""
    for i in range(blurred.size):
        blurred[i] = np.float32(0)
    for tap in range(window.size):
        weight = window[tap]
        shifted = padded[tap * channels : tap * channels + blurred.size]
        for i in range(blurred.size):
            blurred[i] += weight * shifted[i]


@helper
def _ssim_row(moments: Any, by_mean: Any, by_square: Any, by_product: Any) -> float:
    """The sum of a row's SSIM; writes its derivatives by the mean of x, of x² and of xy."""
    two, one = np.float32(2), np.float32(1)
    mean_xs, mean_ys, xxs, yys, xys = moments[0], moments[1], moments[2], moments[3], moments[4]
    total = 0.0
    for i in range(by_mean.size):
        mean_x, mean_y = mean_xs[i], mean_ys[i]
        a1 = two * mean_x * mean_y + _C1
        a2 = two * (xys[i] - mean_x * mean_y) + _C2
        b1 = mean_x * mean_x + mean_y * mean_y + _C1
        b2 = xxs[i] - mean_x * mean_x + yys[i] - mean_y * mean_y + _C2
        inverse = one / (b1 * b2)
        ssim = a1 * a2 * inverse
        total += ssim
        by_mean[i] = two * (mean_y * (a2 - a1) * inverse - ssim * mean_x * (one / b1 - one / b2))
        by_square[i] = -ssim / b2
        by_product[i] = two * a1 * inverse
    return total


@helper
def _gradient_row(
    gradient: Any, x: Any, y: Any, by_mean: Any, by_square: Any, by_product: Any, scale: Any
) -> None:
    for i in range(gradient.size):
        gradient[i] = scale * (by_mean[i] + np.float32(2) * x[i] * by_square[i] + y[i] * by_product[i])
