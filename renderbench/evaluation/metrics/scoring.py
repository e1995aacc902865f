"""Every metric of every view, by id; what cannot be computed, with its reason."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from renderbench.evaluation.metrics import lpips
from renderbench.evaluation.metrics.gmsd import deviation, gradient_similarity
from renderbench.evaluation.metrics.images import Image8, Mask, foreground_of
from renderbench.evaluation.metrics.landmarks import displacements
from renderbench.evaluation.metrics.ms_ssim import SMALLEST_PX as MS_SSIM_PX
from renderbench.evaluation.metrics.ms_ssim import WEIGHTS, ms_ssim_of, similarities
from renderbench.evaluation.metrics.psnr import psnr_of, squared_error
from renderbench.evaluation.metrics.registry import FOREGROUND, METRICS, group_metric
from renderbench.evaluation.metrics.ssim import SMALLEST_PX as SSIM_PX
from renderbench.evaluation.metrics.ssim import mean_where
from renderbench.progress import progress
from renderbench.threads import thread_count

# A group seen in fewer pixels than this share of the image scores what its few pixels happen to.
_LEAST_SHARE = 1e-3

_SMALLEST_PX = {
    "ssim": SSIM_PX,
    "ms-ssim": MS_SSIM_PX,
    **{metric: lpips.NETWORKS[network].smallest_px for metric, (network, _) in lpips.VARIANTS.items()},
}


class PlacedLandmark(Protocol):
    """A landmark that a view shows: where, in pixels, and how many millimetres a pixel is there."""

    @property
    def column_px(self) -> float:
        """As cameras count."""

    @property
    def row_px(self) -> float:
        """As cameras count."""

    @property
    def mm_per_px(self) -> float:
        """At its depth."""


class Regions(Protocol):
    """What is known of views beyond their pixels; :class:`renderbench.evaluation.anatomy.Anatomy` is one."""

    def group_masks(self, view: int) -> Mapping[str, Mask]:
        """By group id, of every group that the views may show: (H, W) the pixels of a view that show it."""

    def landmarks(self, view: int) -> Sequence[PlacedLandmark]:
        """Those that a view shows."""


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What :func:`score_views` found.

    Args:
        views: by metric id, one a view; None where the view has no score.
        metrics: by metric id, the mean over the views that have one; None where none has.
        absent: by metric id, why it could not be computed at all; these are in neither of the others.
    """

    views: list[dict[str, float | None]]
    metrics: dict[str, float | None]
    absent: dict[str, str]


def score_views(truths: Sequence[Image8], images: Sequence[Image8], regions: Regions | None = None) -> Scores:
    """Score renders against their ground truth by every metric that can be computed.

    Args:
        truths: (H, W, 3) uint8 each, at least one, all of one size.
        images: the same.
        regions: groups and landmarks of these views; without them, no score of theirs.

    Raises:
        ValueError: other shapes or types.
    """
    absent = _too_small(min(truths[0].shape[:2]))

    def score(view: int) -> dict[str, float]:
        return _scores(truths[view], images[view], regions, view, absent)

    raw: list[dict[str, float]] = []
    with ThreadPoolExecutor(thread_count()) as pool, progress("scoring", len(truths), "views") as bar:
        for scored in pool.map(score, range(len(truths))):
            raw.append(scored)
            bar.advance()
    _add_lpips(raw, truths, images, absent)
    return _gathered(raw, absent)


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are there; None when none is."""
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None


def _scores(
    truth: Image8, image: Image8, regions: Regions | None, view: int, absent: Mapping[str, str]
) -> dict[str, float]:
    """One view's; infinite where there is no error at all, NaN where the view does not show what counts."""
    error, foreground = squared_error(truth, image), foreground_of(truth)
    gradients = gradient_similarity(truth, image)
    maps = [] if "ssim" in absent else similarities(truth, image, 1 if "ms-ssim" in absent else len(WEIGHTS))
    found: dict[str, float] = {}
    for ending, where in (("", None), (f"@{FOREGROUND}", foreground)):
        empty = where is not None and not where.any()
        found[f"psnr{ending}"] = math.nan if empty else psnr_of(error, where)
        found[f"gmsd{ending}"] = math.nan if empty else deviation(gradients, where)
        if maps:
            found[f"ssim{ending}"] = mean_where(maps[0].product, where)
        if len(maps) > 1:
            found[f"ms-ssim{ending}"] = ms_ssim_of(maps, where)
    if regions is not None:
        for group, mask in regions.group_masks(view).items():
            seen = np.count_nonzero(mask) >= _LEAST_SHARE * mask.size
            found[group_metric(group)] = psnr_of(error, mask) if seen else math.nan
        found |= _landmark_scores(truth, image, regions.landmarks(view))
    return found


def _landmark_scores(truth: Image8, image: Image8, landmarks: Sequence[PlacedLandmark]) -> dict[str, float]:
    moved_px = displacements(truth, image, [(each.column_px, each.row_px) for each in landmarks])
    moved_mm = moved_px * np.array([each.mm_per_px for each in landmarks])
    located = np.isfinite(moved_px)
    if not located.any():
        return {"landmarks-px": math.nan, "landmarks-mm": math.nan}
    return {
        "landmarks-px": float(moved_px[located].mean()),
        "landmarks-mm": float(moved_mm[located].mean()),
    }


def _add_lpips(
    raw: Sequence[dict[str, float]],
    truths: Sequence[Image8],
    images: Sequence[Image8],
    absent: dict[str, str],
) -> None:
    """Add both variants to each view's scores, one view after another: VGG needs gigabytes a view."""
    for metric in lpips.VARIANTS:
        over_foreground = f"{metric}@{FOREGROUND}"
        if metric in absent:
            continue
        try:
            distance = lpips.load(metric)
        except lpips.Unavailable as reason:
            absent |= {metric: str(reason), over_foreground: str(reason)}
            continue
        with progress(f"scoring, {METRICS[metric].title}", len(truths), "views") as bar:
            for scores, truth, image in zip(raw, truths, images, strict=True):
                maps, foreground = distance.maps(truth, image), foreground_of(truth)
                scores[metric] = lpips.over(maps)
                scores[over_foreground] = lpips.over(maps, foreground) if foreground.any() else math.nan
                bar.advance()


def _too_small(edge_px: int) -> dict[str, str]:
    """By metric id, why it is not defined for images of so short an edge."""
    return {
        f"{metric}{ending}": f"needs images of at least {smallest} pixels a side, found {edge_px}"
        for metric, smallest in _SMALLEST_PX.items()
        for ending in ("", f"@{FOREGROUND}")
        if edge_px < smallest
    }


def _gathered(raw: Sequence[dict[str, float]], absent: dict[str, str]) -> Scores:
    """Means over views; what no view has a score of, since none shows it, is absent."""
    unseen = {metric for metric in raw[0] if all(math.isnan(scores[metric]) for scores in raw)}
    absent |= {metric: _unseen(metric) for metric in unseen}
    order = {metric: place for place, metric in enumerate(METRICS)}
    ids = sorted(raw[0].keys() - unseen, key=lambda metric: (order.get(metric, len(order)), metric))
    views = [
        {metric: scores[metric] if math.isfinite(scores[metric]) else None for metric in ids}
        for scores in raw
    ]
    return Scores(
        views=views,
        metrics={metric: mean([scores[metric] for scores in views]) for metric in ids},
        absent={metric: absent[metric] for metric in sorted(absent)},
    )


def _unseen(metric: str) -> str:
    if metric.endswith(f"@{FOREGROUND}"):
        return "every test view of the ground truth is black where this metric looks"
    if metric.startswith("landmarks"):
        return "no test view shows a labelled landmark that can be located in the ground truth"
    return f"no test view shows this group in {_LEAST_SHARE:.1%} of its pixels or more"
