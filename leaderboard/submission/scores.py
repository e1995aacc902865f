"""A record's scores, each recomputed from its images and their anatomy, or named where it cannot be."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renderbench.evaluation.anatomy import Anatomy
from renderbench.evaluation.metrics import lpips
from renderbench.evaluation.metrics.scoring import Scores, mean, score_views
from renderbench.evaluation.record import Record
from renderbench.groundtruth.viewset import ViewSet

SAME = 1e-6
"""How far a recomputed score may lie from the recorded one, relative to it: rounding, nothing else."""

SAME_LEARNED = 1e-3
"""The same for LPIPS: convolutions round differently on every device."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What recomputing came to.

    Args:
        refusals: one line for each score that does not agree.
        recomputed: the metrics that were, for every view.
        stated: metrics that the record states and this machine cannot compute, with the reason.
    """

    refusals: Sequence[str]
    recomputed: Sequence[str]
    stated: dict[str, str]


def compare_scores(run: Path, record: Record, truth: ViewSet, anatomy: Anatomy) -> Comparison:
    """Score a run's renders anew and hold its record against that.

    Args:
        run: the folder with ``renders/``.
        record: its record.
        truth: the test views to judge it on.
        anatomy: of these views.

    Raises:
        InputError: an image of the ground truth, or a map of its anatomy, is damaged.
    """
    renders = [_render(run, view.view) for view in record.views]
    found = score_views(list(truth.images()), renders, anatomy)
    stated = {
        name: found.absent[name]
        for name in record.metrics
        if name in found.absent and _is_learned(name) and _lacks_weights(name)
    }
    return Comparison(
        refusals=[*_claims(record, found, stated), *_views(record, found), *_means(record)],
        recomputed=[name for name in record.metrics if name in found.metrics],
        stated=stated,
    )


def _claims(record: Record, found: Scores, stated: dict[str, str]) -> Iterator[str]:
    """Which scores there are: neither one too many nor, since it may be a bad one, one too few."""
    for name, score in record.metrics.items():
        if name not in found.metrics and name not in stated:
            reason = found.absent.get(name, "these views have no such metric")
            yield f"{name}: expected no score, since {reason}, found {_said(score)}"
    for name in found.metrics:
        # LPIPS alone may be absent for want of weights, which others have.
        if name not in record.metrics and not (_is_learned(name) and name in record.absent):
            absent = "it stated as absent" if name in record.absent else "none"
            yield f"{name}: expected a score, since its images give one, found {absent}"


def _views(record: Record, found: Scores) -> Iterator[str]:
    for view, scores in zip(record.views, found.views, strict=True):
        if view.metrics.keys() != record.metrics.keys():
            yield f"view {view.view}: expected a score of each of the record's metrics, found others"
        for name in record.metrics:
            stated = view.metrics.get(name)
            if name in found.metrics and not _same(scores[name], stated, _tolerance(name)):
                yield (
                    f"view {view.view}: {name}: expected {_said(scores[name])}, recomputed from its image, "
                    f"found {_said(stated)}"
                )


def _means(record: Record) -> Iterator[str]:
    for name, stated in record.metrics.items():
        expected = mean([view.metrics.get(name) for view in record.views])
        if not _same(expected, stated, SAME):
            yield f"{name}: expected {_said(expected)}, the mean over its views, found {_said(stated)}"


def _is_learned(name: str) -> bool:
    return name.partition("@")[0] in lpips.VARIANTS


def _lacks_weights(name: str) -> bool:
    try:
        lpips.load(name.partition("@")[0])
    except lpips.Unavailable:
        return True
    return False


def _tolerance(name: str) -> float:
    return SAME_LEARNED if _is_learned(name) else SAME


def _render(run: Path, view: int) -> NDArray[np.uint8]:
    with Image.open(run / "renders" / f"{view:03d}.png", formats=["PNG"]) as picture:
        return np.asarray(picture)


def _same(expected: float | None, stated: float | None, relative: float) -> bool:
    if expected is None or stated is None:
        return expected is stated
    return math.isclose(expected, stated, rel_tol=relative, abs_tol=relative)


def _said(score: float | None) -> str:
    return "none" if score is None else f"{score:.6g}"
