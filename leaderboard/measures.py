"""What is averaged over scans: scores, seconds, sizes and speed, each a column of the CSV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from renderbench.evaluation.metrics.registry import METRICS, Metric, group_metric, metric_of
from renderbench.scans.groups import GROUPS

Better = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One number of a run.

    Args:
        column: its name in data frames and in the CSV; of a cost or a noise floor, also in the record.
        title: its name in print, with the unit.
        better: which way is better; ``neither`` is never ranked.
        meaning: one line for the documentation.
        metric: the id of the score that it is; None for a cost or a noise floor.
    """

    column: str
    title: str
    better: Better
    meaning: str
    metric: str | None = None


def column_of(metric: str) -> str:
    """The column of a metric's id: ``psnr@group:liver`` is ``psnr_group_liver_db``."""
    plain = "".join(letter if letter.isalnum() else "_" for letter in metric)
    return f"{plain}_db" if plain.split("_")[0] == "psnr" else plain


def _score(metric: Metric) -> Measure:
    unit = f" ({metric.unit})" if metric.unit else ""
    return Measure(
        column=column_of(metric.id),
        title=f"{metric.title}{unit}",
        better=metric.better,
        meaning=f"{metric.title}{unit} (`{metric.id}`)",
        metric=metric.id,
    )


_OF_GROUPS = [metric_of(group_metric(group.id)) for group in GROUPS[1:]]

MEASURES: tuple[Measure, ...] = (
    *(_score(metric) for metric in (*METRICS.values(), *_OF_GROUPS)),
    Measure(
        column="seconds_without_views",
        title="Prep. (s)",
        better="lower",
        meaning="preparation in seconds, ground-truth views not counted",
    ),
    Measure(
        column="seconds_full",
        title="with views (s)",
        better="lower",
        meaning="preparation in seconds, ground-truth views counted",
    ),
    Measure(
        column="points",
        title="Points",
        better="neither",
        meaning="Gaussians in the scene",
    ),
    Measure(
        column="scene_bytes",
        title="Scene (bytes)",
        better="lower",
        meaning="size of scene.ply in bytes",
    ),
    Measure(
        column="peak_memory_bytes",
        title="Peak memory (bytes)",
        better="lower",
        meaning="most memory that the process held while preparing, in bytes",
    ),
    Measure(
        column="fps",
        title="FPS",
        better="higher",
        meaning="frames per second over the test views, warmed up",
    ),
    Measure(
        column="noise_floor_db",
        title="Floor PSNR (dB)",
        better="neither",
        meaning="PSNR that a perfect method would score against this ground truth",
    ),
    Measure(
        column="noise_floor_ssim",
        title="Floor SSIM",
        better="neither",
        meaning="SSIM that a perfect method would score against it",
    ),
)
"""Every measure, in the order of the columns."""

MEASURE: dict[str, Measure] = {measure.column: measure for measure in MEASURES}
"""Every measure by its column."""
