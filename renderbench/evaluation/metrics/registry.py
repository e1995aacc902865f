"""Every metric that a record may have: its id, its name in print, its unit, and which way is better."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

FOREGROUND = "foreground"
_GROUP = "group:"
_PSNR = "psnr"


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is known of a metric without computing it.

    Args:
        id: in records; columns and pages take it from there.
        title: in print.
        unit: ``dB``, ``px``, ``mm``, or empty for a pure number.
        better: which way.
        perfect: the score of an image against itself; infinity for PSNR, which records keep as None.
        convention: what pins the number, in one line.
    """

    id: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    perfect: float
    convention: str


_IMAGE_METRICS = (
    Metric(
        id=_PSNR,
        title="PSNR",
        unit="dB",
        better="higher",
        perfect=float("inf"),
        convention="10 log10(255² / mean squared error) over pixels and channels of 8-bit sRGB",
    ),
    Metric(
        id="ssim",
        title="SSIM",
        unit="",
        better="higher",
        perfect=1.0,
        convention="Wang et al. 2004: 11 × 11 Gaussian window of sigma 1.5, population covariance, K1 0.01, "
        "K2 0.03, windows wholly inside the image, mean over channels; scikit-image's",
    ),
    Metric(
        id="ms-ssim",
        title="MS-SSIM",
        unit="",
        better="higher",
        perfect=1.0,
        convention="Wang et al. 2003: five scales by 2 × 2 means, weights 0.0448, 0.2856, 0.3001, 0.2363, "
        "0.1333, windows as in SSIM, a negative mean counts as 0, mean over channels",
    ),
    Metric(
        id="lpips-alex",
        title="LPIPS (AlexNet)",
        unit="",
        better="lower",
        perfect=0.0,
        convention="Zhang et al. 2018: lpips 0.1.4, version 0.1, AlexNet, images in [-1, 1]",
    ),
    Metric(
        id="lpips-vgg",
        title="LPIPS (VGG)",
        unit="",
        better="lower",
        perfect=0.0,
        convention="Zhang et al. 2018: lpips 0.1.4, version 0.1, VGG16, images in [0, 1] as the scripts of "
        "3DGS and 6DGS feed them",
    ),
    Metric(
        id="gmsd",
        title="GMSD",
        unit="",
        better="lower",
        perfect=0.0,
        convention="Xue et al. 2014: luma 0.299 R + 0.587 G + 0.114 B, 2 × 2 means, Prewitt, c = 170",
    ),
)

_LANDMARKS = (
    Metric(
        id="landmarks-px",
        title="Landmark reprojection error",
        unit="px",
        better="lower",
        perfect=0.0,
        convention="displacement of the ground truth's picture of a visible anatomical landmark in the "
        "render, by normalised cross-correlation; mean over landmarks",
    ),
    Metric(
        id="landmarks-mm",
        title="Landmark reprojection error",
        unit="mm",
        better="lower",
        perfect=0.0,
        convention="landmarks-px at the landmark's own depth, parallel to the image",
    ),
)


def _over_foreground(metric: Metric) -> Metric:
    return replace(
        metric,
        id=f"{metric.id}@{FOREGROUND}",
        title=f"{metric.title}, foreground",
        convention=f"{metric.convention}; over the pixels where the ground truth is not black",
    )


METRICS: dict[str, Metric] = {
    metric.id: metric for metric in (*_IMAGE_METRICS, *map(_over_foreground, _IMAGE_METRICS), *_LANDMARKS)
}
"""By id, in the order of columns. Those of groups, ``psnr@group:<group>``, are not listed: see
:func:`metric_of`."""


def group_metric(group: str) -> str:
    """The id of the PSNR inside a group's silhouette."""
    return f"{_PSNR}@{_GROUP}{group}"


def metric_of(metric_id: str) -> Metric:
    """What is known of a metric, of one over a group too.

    Raises:
        KeyError: there is none by that id.
    """
    base, _, region = metric_id.partition("@")
    group = region.removeprefix(_GROUP)
    if base != _PSNR or group in ("", region):
        return METRICS[metric_id]
    return replace(
        METRICS[_PSNR],
        id=metric_id,
        title=f"PSNR, {group}",
        convention=f"{METRICS[_PSNR].convention}; over the pixels where most of what is seen is {group}",
    )
