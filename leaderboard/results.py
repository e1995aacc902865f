"""Run records as data frames: one row a run, and one row a method and block."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from leaderboard.measures import MEASURES
from leaderboard.records import refuse_duplicates
from leaderboard.statistics import MINIMUM_SCANS, mean_intervals
from renderbench.errors import InputError
from renderbench.evaluation.record import Record

NEAR_FLOOR_DB = 6.0
"""How near the noise floor a PSNR is marked: a quarter of its error power (10^-0.6) is noise there."""

_IDENTITY = {
    "suite": "name of the suite",
    "block": "id of the block within the suite",
    "block_title": "the block in print",
    "dataset": "dataset id",
    "transfer_function": "transfer function id",
    "groups": "which groups the ground truth shows",
    "protocol": "how a fitted scene is selected: heldout or paper",
    "method": "the method as the suite names it",
    "method_title": "the method in print",
    "base_method": "the registered method that the row is of",
}
_SCANS = {
    "scans": "how many scans have a run of this method",
    "scans_of_block": "how many scans the block has",
    "complete": "whether all of them have one: True or False; if not, the means are over fewer scans",
}
_DERIVED = {
    "psnr_db_sd_views": "standard deviation of the views' PSNR, pooled over scans",
    "near_noise_floor": "whether psnr_db is within 6 dB of noise_floor_db: True or False",
    "absent": "metrics that could not be computed, and why",
    "settings": "the method's settings, as JSON",
}
_CONDITIONS = {
    "resolution": "image edge in pixels",
    "fit_views": "fitting views a scan",
    "test_views": "test views a scan",
    "renderer": "ground-truth renderer",
    "samples_per_pixel": "its samples a pixel: mean over test views and scans",
    "seed": "seed of the suite",
}
_PROVENANCE = {
    "device": "what the test views were rendered on: cpu, or the name of the GPU",
    "cpu": "CPU model; several are joined by a bar",
    "cores": "CPU cores, likewise",
    "gpu": "GPU model, or none, likewise",
    "renderbench": "version of renderbench, likewise",
    "finished": "when the last of the runs ended, UTC",
}
SUFFIXES = {
    "": "mean over scans of the mean over test views, or of the run's one number",
    "_low": "lower end of its bootstrap 95 % interval over scans",
    "_high": "upper end",
    "_scans": "how many scans have the number",
}
"""Every measure has four columns; these stand behind its name."""

COLUMNS: dict[str, str] = {
    **_IDENTITY,
    **_SCANS,
    **{
        f"{measure.column}{suffix}": f"{measure.meaning}: {meaning}" if not suffix else meaning
        for measure in MEASURES
        for suffix, meaning in SUFFIXES.items()
    },
    **_DERIVED,
    **_CONDITIONS,
    **_PROVENANCE,
}
"""The columns of ``leaderboard.csv``, in order, and what they mean."""

BETWEEN = " | "
"""Between several values of one text column."""

_KEY = ["suite", "block", "method"]
_MEASURED = [measure.column for measure in MEASURES]
# What a run's row takes from its record as it is, and the columns that it becomes.
_SCORES = {measure.metric: measure.column for measure in MEASURES if measure.metric is not None}
_PLAIN = (
    *_IDENTITY,
    "scan",
    *(measure.column for measure in MEASURES if measure.metric is None),
    "resolution",
    "fit_views",
    "test_views",
    "seed",
    "device",
    "finished",
)
_FIELDS = {
    **{name: name for name in _PLAIN},
    "ground_truth.renderer": "renderer",
    "ground_truth.samples_per_pixel_mean": "samples_per_pixel",
}
# What makes two runs incomparable. The methods of a block are compared; the scans of a method are averaged.
_SAME_IN_A_BLOCK = (
    "dataset",
    "transfer_function",
    "groups",
    "protocol",
    "resolution",
    "fit_views",
    "test_views",
    "renderer",
    "seed",
)
_SAME_IN_A_ROW = ("base_method", "settings")
_JOINED = ("device", "cpu", "cores", "gpu", "renderbench")


def per_scan(records: Sequence[Record]) -> pd.DataFrame:
    """One row a run: suite, block, method, scan, the columns of :data:`MEASURES`, and its conditions.

    Args:
        records: at least one.

    Raises:
        InputError: two records are of the same run.
    """
    refuse_duplicates(records)
    fields = attrgetter(*_FIELDS)
    runs = pd.DataFrame([fields(record) for record in records], columns=list(_FIELDS.values()))
    scores = pd.DataFrame([record.metrics for record in records], columns=list(_SCORES))
    said = pd.DataFrame([_said(record) for record in records])
    joined = pd.concat([runs, scores.rename(columns=_SCORES), said], axis=1)
    return joined.astype(dict.fromkeys(_MEASURED, float))


def per_block(
    records: Sequence[Record],
    scans_of_block: Mapping[tuple[str, str], Iterable[str]] | None = None,
    *,
    runs: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """One row a suite, block and method, with the columns :data:`COLUMNS`; in order of appearance.

    Means and intervals are over the scans that there are; ``complete`` and the ``_scans`` of every measure
    say where these are not all. Intervals are empty below six scans
    (:data:`leaderboard.statistics.MINIMUM_SCANS`).

    Args:
        records: one a run.
        scans_of_block: by suite and block, the scans that the block should have. A block has those, and
            every scan that a record is of.
        runs: :func:`per_scan` of them, where it is at hand.

    Raises:
        InputError: two records are of the same run, or runs that would be averaged or compared differ in
            condition or settings.
    """
    if not records:
        return pd.DataFrame(columns=list(COLUMNS))
    runs = per_scan(records) if runs is None else runs
    _refuse_mixtures(runs)
    grouped = runs.groupby(_KEY, sort=False)
    rows = grouped[[*_IDENTITY, *_CONDITIONS, "settings"]].first()
    rows["scans"] = grouped.size()
    expected = _scans_of_block(runs, scans_of_block or {})
    rows["scans_of_block"] = [expected[suite, block] for suite, block, _ in rows.index]
    rows["complete"] = rows["scans"] == rows["scans_of_block"]
    means, counts = grouped[_MEASURED].mean(), grouped[_MEASURED].count()
    groups = grouped.ngroup().to_numpy()
    # By scan, so that an interval does not depend on the order in which records were read.
    by_scan = np.lexsort((runs["scan"].astype("category").cat.codes, groups))
    intervals = _intervals(runs[_MEASURED].to_numpy()[by_scan], np.bincount(groups))
    measured = {}
    for index, column in enumerate(_MEASURED):
        measured[column] = means[column]
        measured[f"{column}_low"] = intervals[:, index, 0]
        measured[f"{column}_high"] = intervals[:, index, 1]
        measured[f"{column}_scans"] = counts[column]
    rows = pd.concat([rows, pd.DataFrame(measured, index=rows.index)], axis=1)
    rows["psnr_db_sd_views"] = _sd_of_views(records, groups, len(rows))
    # False where there is no floor: ground truth without any noise.
    rows["near_noise_floor"] = rows["psnr_db"] >= rows["noise_floor_db"] - NEAR_FLOOR_DB
    rows["samples_per_pixel"] = grouped["samples_per_pixel"].mean()
    for column in (*_JOINED, "absent"):
        rows[column] = _joined(grouped[column])
    rows["finished"] = grouped["finished"].max()
    return rows[list(COLUMNS)].reset_index(drop=True)


def _said(record: Record) -> dict[str, object]:
    """What a record does not have in this form: words, and what lies deeper in it."""
    return {
        "absent": BETWEEN.join(f"{metric}: {reason}" for metric, reason in record.absent.items()),
        "settings": json.dumps(record.settings, sort_keys=True),
        "cpu": record.hardware["cpu"],
        "cores": record.hardware["cores"],
        "gpu": record.hardware["gpu"],
        "renderbench": record.versions["renderbench"],
    }


def _refuse_mixtures(runs: pd.DataFrame) -> None:
    for key, same, what in (
        (["suite", "block"], _SAME_IN_A_BLOCK, "block"),
        (_KEY, _SAME_IN_A_ROW, "method"),
    ):
        grouped = runs.groupby(key, sort=False)
        distinct = grouped[list(same)].nunique(dropna=False)
        mixed = distinct[(distinct > 1).any(axis=1)]
        if mixed.empty:
            continue
        place = mixed.index[0]
        name = next(name for name in same if mixed.loc[place, name] > 1)
        found = grouped.get_group(place).groupby(name, sort=False)["scan"].first()
        shown = "; ".join(f"{value} (scan {scan})" for value, scan in list(found.items())[:2])
        raise InputError(
            "/".join(place),
            f"expected runs of one {what} with the same {name}, found {shown}",
            "run `renderbench run` again, which redoes what is out of date, or delete those runs",
        )


def _scans_of_block(
    runs: pd.DataFrame, wanted: Mapping[tuple[str, str], Iterable[str]]
) -> dict[tuple[str, str], int]:
    found = runs.groupby(["suite", "block"], sort=False)["scan"].unique()
    return {block: len({*scans, *wanted.get(block, ())}) for block, scans in found.items()}


def _intervals(values: NDArray[np.float64], sizes: NDArray[np.intp]) -> NDArray[np.float64]:
    """(G, M, 2) intervals of the means of (R, M) values, group after group; a NaN is no scan."""
    intervals = np.full((len(sizes), values.shape[1], 2), np.nan)
    # All samples of one length are resampled at once.
    samples: dict[int, list[NDArray[np.float64]]] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for group, (end, size) in enumerate(zip(np.cumsum(sizes), sizes, strict=True)):
        for measure, scores in enumerate(values[end - size : end].T):
            sample = scores[np.isfinite(scores)]
            if len(sample) >= MINIMUM_SCANS:
                samples.setdefault(len(sample), []).append(sample)
                places.setdefault(len(sample), []).append((group, measure))
    for length, rows in samples.items():
        group_and_measure = tuple(np.array(places[length]).T)
        intervals[group_and_measure] = mean_intervals(np.array(rows))
    return intervals


def _sd_of_views(records: Sequence[Record], groups: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    scores = [[view.metrics.get("psnr") for view in record.views] for record in records]
    flat = pd.Series([score for views in scores for score in views], dtype=float)
    of_group = np.repeat(groups, [len(views) for views in scores])
    return flat.groupby(of_group).std().reindex(range(count)).to_numpy()


def _joined(grouped: pd.api.typing.SeriesGroupBy) -> pd.Series:
    """What the runs of each group say: one value where they agree, else all of them, joined."""
    joined = grouped.first()
    several = grouped.nunique() > 1
    for place in joined.index[several]:
        texts = dict.fromkeys(str(value) for value in grouped.get_group(place) if value != "")
        joined = joined.astype(object)
        joined[place] = BETWEEN.join(texts)
    return joined
