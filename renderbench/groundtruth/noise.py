"""How noisy a view is, from its two independent halves: what the exact image would score against it."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from renderbench.groundtruth.colour import srgb_from_linear

# Halves have twice the noise power of their mean each, so four times its error between them.
_HALVES_TO_FULL_DB = 10.0 * math.log10(4.0)

# The SSIM that is scored (renderbench/evaluation/metrics/ssim.py): Wang's Gaussian window and constants.
_SIGMA_PX, _RADIUS_PX = 1.5, 5
_C1, _C2 = 0.01**2, 0.03**2
# The noise power's mean over this wider window fluctuates much less than its value in one window. Wider
# still would mix materials, between which it jumps: 4 px cost 0.01 at 30 dB on small rendered views.
_WIDE_SIGMA_PX = 2.0
# Below this a window holds no noise but that of float32.
_LEAST_POWER = 1e-12

# Ratios of a window's variance to its noise power are counted in bins, even in their square root (which
# makes their own spread even); above the last one, noise hides nothing of the signal.
_BINS, _BINS_PER_ROOT = 80, 10
_MOST_RATIO = (_BINS / _BINS_PER_ROOT) ** 2
_KAPPA_STEP = math.log(1.25)
_ITERATIONS = 100
# Of the ratios anything may happen to, since real noise has longer tails than the normal distribution.
_OUTLIERS = 1e-3


def noise_floor(halves: NDArray[np.float32]) -> float | None:
    """The PSNR in dB that no method can exceed against this view, since the view itself is noisy.

    It is the PSNR that the exact image would score. The mean squared error between two independent
    renders with half the samples each (sRGB clipped to [0, 1], full frame) is the sum of their noise
    powers, and each is twice that of their mean; a quarter of it (+6.02 dB) is the view's own. Rounding
    both images to 8 bits costs up to 0.2 dB of it at 42 dB and 1 dB at 50 dB.

    Args:
        halves: (2, H, W, 3) float32 linear.

    Returns:
        dB; None without any noise (an empty image).
    """
    one, other = (srgb_from_linear(half).astype(np.float64) for half in halves)
    error = float(np.mean((one - other) ** 2))
    return -10.0 * math.log10(error) + _HALVES_TO_FULL_DB if error > 0 else None


def noise_floor_ssim(halves: NDArray[np.float32]) -> float:
    """The SSIM that the exact image would score against this view, both rounded to 8 bits.

    Against the exact image, the SSIM of a window of the view is l (1 - n / (s + t + C2)): n is its noise
    power, s the exact image's variance, t the view's, and l the luminance term. Half the difference of
    the halves is noise like the view's and independent of it, so it gives n without bias; t is measured.
    s is t without the noise in t, of which only the mean is known, and noise in 11 x 11 pixels fluctuates
    by a quarter: put in directly, that costs 0.04 at 30 dB. So the fluctuation is taken out of the
    distribution of s over the image (by expectation maximisation; t over the mean noise power follows a
    noncentral chi-square distribution), and the term averaged over what remains.

    Args:
        halves: (2, H, W, 3) float32 linear, at least 11 pixels high and wide.

    Returns:
        At most 1, which is without any noise. Off by about 0.01 at 30 dB, 0.004 at 35, 0.001 from 42 on.
    """
    luminances, deficits = zip(*(_channel(halves[..., channel]) for channel in range(3)), strict=True)
    return float(np.mean(luminances) - np.mean(deficits))


def _channel(halves: NDArray[np.float32]) -> tuple[float, float]:
    """The luminance term of one channel, and what noise takes off it; means over the pixels."""
    one, other = (srgb_from_linear(half).astype(np.float64) for half in halves)
    view = srgb_from_linear(halves.mean(axis=0)).astype(np.float64)
    noise = (one - other) / 2
    # Differing by k + r steps of 8 bits, the images as rounded differ by k or k + 1: r (1 - r) more power.
    part = np.abs(noise) * 255 % 1.0
    rounding = _windowed(part * (1 - part) / 255**2)
    mean = _windowed(view)
    variance = np.maximum(_windowed(view**2) - mean**2, 0.0)
    power = np.maximum(_windowed(noise**2) - _windowed(noise) ** 2, 0.0)
    mean_power = _windowed(power, _WIDE_SIGMA_PX)
    planes = (mean, variance, power, mean_power, rounding)
    mean, variance, power, mean_power, rounding = (_interior(plane) for plane in planes)

    # The mean of n over a window has the variance `shift`; where there is little light, so has the view's.
    shift = mean_power * _overlap()[0]
    luminance = 1.0 - np.minimum(shift / (mean**2 + np.maximum(mean**2 - shift, 0.0) + _C1), 1.0)
    noisy = mean_power > _LEAST_POWER
    scale = mean_power[noisy]
    deficit = _deficit(
        ratio=variance[noisy] / scale,
        kappa=(_C2 + rounding[noisy]) / scale,
        weight=luminance[noisy] * (power + rounding)[noisy] / scale,
    )
    return float(luminance.mean()), deficit / luminance.size


def _deficit(*, ratio: NDArray[np.float64], kappa: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """The sum over windows of ``weight`` times what noise of unit power takes off their SSIM.

    Args:
        ratio: (N,) the view's variance over the noise power.
        kappa: (N,) C2 over the noise power.
        weight: (N,) independent of the fluctuation of ``ratio``.
    """
    clear = ratio >= _MOST_RATIO
    total = float(weight[clear] @ _expected(ratio[clear] - 1.0, kappa[clear]))
    ratio, kappa, weight = ratio[~clear], kappa[~clear], weight[~clear]
    if not len(ratio):
        return total
    rows = np.floor(np.log(kappa) / _KAPPA_STEP).astype(np.int64)
    rows -= rows.min()
    count = int(rows.max()) + 1
    columns = (np.sqrt(ratio) * _BINS_PER_ROOT).astype(np.int64)
    counted = np.bincount(rows * _BINS + columns, weight, count * _BINS).reshape(count, _BINS)
    sums = counted.sum(axis=1)
    log_kappas = np.bincount(rows, weight * np.log(kappa), count) / np.maximum(sums, _LEAST_POWER)
    signal, spread = _spread()
    found = np.tile(sums[:, None] / len(signal), len(signal))
    for _ in range(_ITERATIONS):
        found *= (counted / np.maximum(found @ spread, _LEAST_POWER)) @ spread.T
    return total + float((found * _expected(signal, np.exp(log_kappas)[:, None])).sum())


def _expected(signal: NDArray[np.float64], kappa: NDArray[np.float64]) -> NDArray[np.float64]:
    """E[n / (2 signal + 2 c + n + kappa)] to second order, with noise of unit power.

    n is the noise power in a window, of mean 1, and c its covariance with the signal, of mean 0.
    """
    overlap, fluctuation = _overlap()
    whole = 2 * signal + 1 + kappa
    return 1 / whole + (4 * overlap * signal + fluctuation) / whole**3 - fluctuation / whole**2


@functools.cache
def _spread() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Signal variances (S,) in units of the noise power; how each one's ratios spread (S, bins)."""
    from scipy.stats import ncx2

    freedom = 2 / _overlap()[1]
    root = np.linspace(0, math.sqrt(_MOST_RATIO), 65)
    edges = (np.arange(_BINS) / _BINS_PER_ROOT) ** 2
    below = ncx2.cdf(edges * freedom, freedom, np.maximum(root**2, 1e-9)[:, None] * freedom)
    return root**2, (1 - _OUTLIERS) * np.diff(below, axis=1, append=1.0) + _OUTLIERS / _BINS


@functools.cache
def _overlap() -> tuple[float, float]:
    """Of the window w: the sum of w², and the relative variance of white noise's power in it."""
    offsets = np.arange(-_RADIUS_PX, _RADIUS_PX + 1)
    profile = np.exp(-0.5 * (offsets / _SIGMA_PX) ** 2)
    window = np.outer(profile, profile) / profile.sum() ** 2
    squares, cubes = float((window**2).sum()), float((window**3).sum())
    return squares, 2 * (squares - 2 * cubes + squares**2)


def _windowed(plane: NDArray[np.float64], sigma_px: float = _SIGMA_PX) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(plane, sigma_px, truncate=3.5)


def _interior(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    # As scikit-image averages: without the pixels whose window reaches over the edge.
    return plane[_RADIUS_PX:-_RADIUS_PX, _RADIUS_PX:-_RADIUS_PX].ravel()
