"""The data of a scan's page: pictures, scores, seconds and provenance of every method."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np

from leaderboard.measures import column_of
from leaderboard.site.board import COSTS
from leaderboard.site.pictures import LARGEST_PX, Pictures
from renderbench.evaluation.ledger import ITEMS
from renderbench.evaluation.record import Record

_VIEW_DIGITS = 4
_SECOND_DIGITS = 3
_LONGEST = 160


def scan_page(
    records: Mapping[str, Record],
    pictures: Pictures,
    *,
    figures: Mapping[str, Mapping[str, float]],
    metrics: Sequence[Mapping[str, Any]],
    hues: Mapping[str, int],
    neighbours: tuple[str | None, str | None],
) -> dict[str, Any]:
    """The payload of one scan's ``scan.html``.

    Args:
        records: by method, of one scan under one condition.
        pictures: what can be shown of it.
        figures: by method, its numbers by column, rounded.
        metrics: :func:`leaderboard.site.board.metrics_of` all records.
        hues: a colour for every method.
        neighbours: file names of the pages before and after.
    """
    first = next(iter(records.values()))
    absent = dict.fromkeys(
        f"{name}: {reason}." for record in records.values() for name, reason in record.absent.items()
    )
    return {
        "scan": first.scan,
        "block_title": first.block_title,
        "conditions": _conditions(first),
        "metrics": list(metrics),
        "hues": {method: hues[method] for method in records},
        "views": [
            {"view": view.view, "label": view.label, "truth": f"../{view.truth}"} for view in pictures.views
        ],
        "no_pictures": " ".join(pictures.reasons) or "No pictures.",
        "picture_px": pictures.edge_px,
        "picture_note": f"Shrunk to {LARGEST_PX} pixels; scores are of the whole." if pictures.shrunk else "",
        "shrunk": pictures.shrunk,
        "best": _best(records, pictures),
        "ledger": list(ITEMS),
        "runs": [_run(record, figures[method], pictures) for method, record in records.items()],
        "absent": [*pictures.reasons, *absent] if pictures.views else list(absent),
        "previous": neighbours[0],
        "next": neighbours[1],
    }


def _conditions(record: Record) -> str:
    truth = record.ground_truth
    return (
        f"Dataset {record.dataset}, transfer function {record.transfer_function}, groups {record.groups}, "
        f"suite {record.suite}. {record.resolution} × {record.resolution} pixels, {record.fit_views} fitting "
        f"and {record.test_views} test views, ground truth by {truth.renderer} at "
        f"{truth.samples_per_pixel_mean:,.0f} samples a pixel, protocol {record.protocol}."
    )


def _best(records: Mapping[str, Record], pictures: Pictures) -> str | None:
    shown = [method for method in records if method in pictures.renders]
    scores = {method: records[method].metrics.get("psnr") for method in shown}
    return max(shown, key=lambda method: scores[method] or 0.0, default=None)


def _run(record: Record, figures: Mapping[str, float], pictures: Pictures) -> dict[str, Any]:
    renders = pictures.renders.get(record.method)
    return {
        "method": record.method,
        "method_title": record.method_title,
        "metrics": {name: figures[name] for name in map(_column, record.metrics) if name in figures},
        **{name: figures[name] for name in COSTS},
        "seconds": {item: round(seconds, _SECOND_DIGITS) for item, seconds in record.seconds.items()},
        "views": _over_views(record),
        "pictures": renders and [f"../{path}" for path in renders],
        "digest": record.digest,
        "provenance": _provenance(record),
    }


def _over_views(record: Record) -> dict[str, list[float]]:
    """Every metric's score at every view, in the views' order; NaN where there is none."""
    views = sorted(record.views, key=attrgetter("view"))
    scores = np.array([[*map(view.metrics.get, record.metrics)] for view in views], dtype=float)
    rounded = scores.round(_VIEW_DIGITS).T.tolist()
    return {_column(name): of_views for name, of_views in zip(record.metrics, rounded, strict=True)}


# A record has a score a metric and view; to name each anew would take longer than all else.
_column = cache(column_of)


def _provenance(record: Record) -> list[tuple[str, str]]:
    truth = record.ground_truth
    return [
        ("Digest of what made it", record.digest),
        ("Method", f"{record.method} (base: {record.base_method})"),
        ("Settings", _listed(record.settings)),
        ("Seed", str(record.seed)),
        ("Protocol", record.protocol),
        ("Ground truth", f"{truth.renderer} {truth.version}, {_listed(truth.settings)}"),
        ("Inputs", _listed(record.inputs)),
        ("Hardware", _listed(record.hardware)),
        ("Rendered on", record.device),
        ("Versions", _listed(record.versions)),
        ("Notes of the method", _listed(record.notes)),
        ("Started, finished", f"{record.started}, {record.finished}"),
    ]


def _listed(values: Mapping[str, Any]) -> str:
    """What there is in one line; of long lists (a fit's curve) how long they are."""
    return ", ".join(f"{name} {_said(value)}" for name, value in values.items()) or "none"


def _said(value: Any) -> str:
    text = str(value) if isinstance(value, str | int | float) else json.dumps(value)
    if len(text) <= _LONGEST:
        return text
    return f"({len(value)} entries)" if isinstance(value, list | dict) else f"{text[:_LONGEST]}…"
