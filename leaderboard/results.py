"""Run records as data frames: one row a run, and one row a method and block."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from renderbench.errors import InputError
from renderbench.evaluation.record import Record, find_records

COLUMNS = {
    "suite": "name of the suite",
    "block": "id of the block within the suite",
    "block_title": "the block in print",
    "dataset": "dataset id",
    "transfer_function": "transfer function id",
    "groups": "which groups the ground truth shows",
    "protocol": "how a fitted scene is selected: heldout or paper",
    "method": "the method as the suite names it",
    "method_title": "the method in print",
    "scans": "how many scans the means are over",
    "psnr_db": "PSNR in dB, full frame, 8-bit sRGB: mean over scans of the mean over test views",
    "psnr_db_sd_views": "standard deviation of the views' PSNR, pooled over scans",
    "ssim": "SSIM (scikit-image, Gaussian window, sigma 1.5), full frame: mean as above",
    "seconds_without_views": "preparation in seconds, ground-truth views not counted: mean over scans",
    "seconds_full": "preparation in seconds, ground-truth views counted: mean over scans",
    "points": "Gaussians in the scene: mean over scans",
    "fps": "frames per second over the test views, warmed up: mean over scans",
    "noise_floor_db": "PSNR that a perfect method would score against this ground truth: mean over scans",
    "noise_floor_ssim": "SSIM that a perfect method would score against it: mean over scans",
    "near_noise_floor": "whether psnr_db is within 6 dB of noise_floor_db: True or False",
    "resolution": "image edge in pixels",
    "fit_views": "fitting views a scan",
    "test_views": "test views a scan",
    "renderer": "ground-truth renderer",
    "samples_per_pixel": "its samples a pixel: mean over test views",
    "seed": "seed of the suite",
    "cpu": "CPU model",
    "cores": "CPU cores",
    "gpu": "GPU model, or none",
    "renderbench": "version of renderbench",
    "finished": "when the last of the runs ended, UTC",
}
"""The columns of ``leaderboard.csv``, in order, and what they mean."""

_GROUP = ["suite", "block", "method"]
_MEANS = [
    "psnr_db",
    "ssim",
    "seconds_without_views",
    "seconds_full",
    "points",
    "fps",
    "noise_floor_db",
    "noise_floor_ssim",
]
NEAR_FLOOR_DB = 6.0
"""How near the noise floor a PSNR is marked: a quarter of its error power (10^-0.6) is noise there."""


def load_records(runs: Path, suite: str | None = None) -> list[Record]:
    """The records of a root's runs.

    Raises:
        InputError: there is none.
    """
    records = find_records(runs, suite)
    if not records:
        named = f" of suite {suite!r}" if suite else ""
        raise InputError(
            runs,
            f"expected run records{named}, found none",
            "make them with `renderbench run --root ROOT --suite SUITE --method METHOD`",
        )
    return records


def per_block(records: Sequence[Record]) -> pd.DataFrame:
    """One row a suite, block and method, with the columns :data:`COLUMNS`; in order of appearance."""
    runs = pd.DataFrame([_row(record) for record in records]).astype(dict.fromkeys(_MEANS, float))
    rows = []
    for _, group in runs.groupby(_GROUP, sort=False):
        first = group.iloc[0].to_dict()
        means = group[_MEANS].mean()
        views = [score for scores in group["view_scores"] for score in scores]
        rows.append(
            first
            | {column: means[column] for column in _MEANS}
            | {
                "scans": group["scan"].nunique(),
                "psnr_db_sd_views": pd.Series(views, dtype=float).std(),
                "finished": group["finished"].max(),
                # False where there is no floor: ground truth without any noise.
                "near_noise_floor": bool(means["psnr_db"] >= means["noise_floor_db"] - NEAR_FLOOR_DB),
            }
        )
    return pd.DataFrame(rows)[list(COLUMNS)]


def _row(record: Record) -> dict[str, object]:
    return {
        **record.model_dump(include={column for column in COLUMNS if column in Record.model_fields}),
        "scan": record.scan,
        "psnr_db": record.metrics.get("psnr"),
        "ssim": record.metrics.get("ssim"),
        "view_scores": [score for view in record.views if (score := view.metrics.get("psnr")) is not None],
        "renderer": record.ground_truth.renderer,
        "samples_per_pixel": record.ground_truth.samples_per_pixel_mean,
        "cpu": record.hardware["cpu"],
        "cores": record.hardware["cores"],
        "gpu": record.hardware["gpu"],
        "renderbench": record.versions["renderbench"],
    }
