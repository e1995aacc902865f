"""The front page's data: means a block and method, single runs, and a card a scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from leaderboard.measures import MEASURES, column_of
from leaderboard.site.comparison import published_beside
from leaderboard.site.embedding import columns_of, indexed, rounded
from leaderboard.standings import standings
from leaderboard.statistics import MINIMUM_SCANS
from leaderboard.tables.cells import NEAR_FLOOR_NOTE
from renderbench.evaluation.metrics.registry import METRICS, group_metric, metric_of
from renderbench.evaluation.record import Record
from renderbench.scans.groups import GROUPS

_CONDITION = ("suite", "block", "block_title", "dataset", "transfer_function", "groups", "protocol")
_METHOD = ("method", "method_title")
COSTS = ("seconds_without_views", "seconds_full", "fps", "points", "scene_bytes", "peak_memory_bytes")
_FLOORS = ("noise_floor_db", "noise_floor_ssim")
_SHOWN = ("psnr_db", "ssim", "lpips_vgg", "seconds_without_views", "seconds_full", "fps", "points")
_DIGITS = {"": 3}
TIE = (
    "within noise of the block's best: a paired Wilcoxon test over the scans does not tell them apart "
    "(p of 0.05 or more)."
)
INTERVAL = f"Below a mean: its bootstrap 95 % interval over scans, from {MINIMUM_SCANS} scans on."


@dataclass(frozen=True, kw_only=True)
class ScanCard:
    """A scan under one condition: its page, its runs by method, and a picture of it."""

    page: str
    records: Mapping[str, Record]
    picture: str | None


def metrics_of(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Every metric that a record has, in the order of the columns: id (its column), title, unit, digits."""
    there = {name for record in records for name in record.metrics}
    names = [*METRICS, *(group_metric(group.id) for group in GROUPS)]
    known = {column_of(name): name for name in names if name in there}
    found = [
        (measure.column, metric_of(known[measure.column])) for measure in MEASURES if measure.column in known
    ]
    return [
        {
            "id": column,
            "title": metric.title,
            "short": metric.title.removesuffix(", foreground"),
            "unit": metric.unit,
            "better": metric.better,
            "digits": _DIGITS.get(metric.unit, 2),
            "convention": metric.convention,
            "region": "landmarks" if metric.id.startswith("landmarks") else metric.id.partition("@")[2],
        }
        for column, metric in found
    ]


def methods_of(runs: pd.DataFrame) -> list[str]:
    """Every method, in order of first appearance: its place there is its colour on every page."""
    return list(dict.fromkeys(runs["method"]))


def figures_of(runs: pd.DataFrame, metrics: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Scores, costs and noise floors as pages show them: by column, one a run.

    Args:
        runs: :func:`leaderboard.results.per_scan`.
        metrics: :func:`metrics_of` their records.
    """
    columns = [*(metric["id"] for metric in metrics), *COSTS, *_FLOORS]
    return {column: rounded(runs[column]) for column in columns}


def board(
    runs: pd.DataFrame,
    blocks: pd.DataFrame,
    *,
    metrics: Sequence[Mapping[str, Any]],
    figures: Mapping[str, Sequence[float]],
    cards: Sequence[ScanCard],
    left_out: Sequence[str],
) -> dict[str, Any]:
    """The payload of ``index.html``.

    Args:
        runs: :func:`leaderboard.results.per_scan` of at least one record.
        blocks: :func:`leaderboard.results.per_block` of them.
        metrics: :func:`metrics_of` them.
        figures: :func:`figures_of` the runs.
        cards: one a scan and condition.
        left_out: a line for every record that could not be used.
    """
    scores = [metric["id"] for metric in metrics]
    order = {
        key: place for place, key in enumerate(dict.fromkeys(zip(blocks.suite, blocks.block, strict=True)))
    }
    shown = [column for column in _SHOWN if column in (*scores, *COSTS)]
    if "lpips_vgg" not in shown and "lpips_alex" in scores:
        shown.insert(shown.index("seconds_without_views"), "lpips_alex")
    notes = [INTERVAL] if blocks[[f"{score}_low" for score in scores]].notna().any(axis=None) else []
    return {
        "metrics": metrics,
        "methods": methods_of(runs),
        "columns": shown,
        "blocks": _blocks(blocks, runs, scores, order),
        "runs": _runs(runs, figures, order, cards),
        "scans": _cards(cards),
        "notes": notes,
        "near_floor": NEAR_FLOOR_NOTE,
        "tie": TIE,
        "published": published_beside(blocks),
        "skipped": list(left_out),
    }


def _blocks(
    blocks: pd.DataFrame, runs: pd.DataFrame, scores: Sequence[str], order: Mapping[tuple[str, str], int]
) -> dict[str, Any]:
    numbers = [
        *scores,
        *(f"{score}{end}" for score in scores for end in ("_low", "_high")),
        *COSTS,
        *_FLOORS,
    ]
    verdicts = standings(runs, [score for score in scores if score in _SHOWN])
    rows = []
    for row in blocks.to_dict("records"):
        key = (row["suite"], row["block"])
        rows.append(
            {name: row[name] for name in (*_CONDITION, *_METHOD)}
            | {name: row[name] for name in numbers}
            | {
                f"{score}_verdict": verdicts[*key, row["method"], score].verdict
                for score in scores
                if score in _SHOWN
            }
            | {
                "order": order[key],
                "scans": row["scans"],
                "scans_of_block": row["scans_of_block"],
                "complete": bool(row["complete"]),
                "near_noise_floor": bool(row["near_noise_floor"]),
                "machine": _machine(row["cpu"], row["cores"], row["gpu"]),
            }
        )
    return columns_of(rows, [*numbers, "order", "scans", "scans_of_block"])


def _runs(
    runs: pd.DataFrame,
    figures: Mapping[str, Sequence[float]],
    order: Mapping[tuple[str, str], int],
    cards: Sequence[ScanCard],
) -> dict[str, Any]:
    pages = {
        (record.suite, record.block, record.scan): card.page
        for card in cards
        for record in card.records.values()
    }
    return {
        **{name: indexed(runs[name].tolist()) for name in (*_CONDITION, *_METHOD, "scan")},
        **figures,
        "order": [order[block] for block in zip(runs["suite"], runs["block"], strict=True)],
        "page": indexed(
            pages[condition] for condition in zip(runs["suite"], runs["block"], runs["scan"], strict=True)
        ),
    }


def _cards(cards: Sequence[ScanCard]) -> dict[str, Any]:
    rows = []
    for card in cards:
        record = next(iter(card.records.values()))
        rows.append(
            {name: getattr(record, name) for name in (*_CONDITION, "scan")}
            | {"page": card.page, "picture": card.picture, "methods": tuple(card.records)}
        )
    return columns_of(rows, [])


def _machine(cpu: object, cores: object, gpu: object) -> str:
    return f"{cpu}, {cores} cores, GPU: {gpu}"
