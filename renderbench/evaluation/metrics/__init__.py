"""Image metrics with pinned conventions, one file a metric, on 8-bit sRGB as a viewer would see it.

``registry`` says what there is; ``scoring`` computes all of it for a view, sharing the work. Cheap to
import: SciPy, torch and the compiler load when something is scored.
"""

from renderbench.evaluation.metrics.gmsd import gmsd
from renderbench.evaluation.metrics.images import Image8, foreground_of, quantised
from renderbench.evaluation.metrics.ms_ssim import ms_ssim
from renderbench.evaluation.metrics.psnr import psnr
from renderbench.evaluation.metrics.registry import METRICS, Metric, metric_of
from renderbench.evaluation.metrics.ssim import ssim

__all__ = [
    "METRICS",
    "Image8",
    "Metric",
    "foreground_of",
    "gmsd",
    "metric_of",
    "ms_ssim",
    "psnr",
    "quantised",
    "ssim",
]
