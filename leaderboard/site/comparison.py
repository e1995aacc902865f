"""The front page's published figures: what the paper says beside our blocks, in columns of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from leaderboard.beside import differences, stands_beside
from leaderboard.published import MEASURES, Published, PublishedBlock, load_published

_SHOWN = ("suite", "block", "block_title", "dataset", "transfer_function", "groups", "protocol")
_COLUMNS = {column: name for name, column in MEASURES.items()}


def published_beside(blocks: pd.DataFrame) -> dict[str, Any]:
    """Every pair of a block of ours and a published one, as Tables 1 and 2 pair them.

    Returns:
        ``title``, ``reference``, ``lpips`` and ``statistics`` of the paper; ``blocks``, a pair each: our
        block's conditions, ``published_title`` and ``table``, ``scans`` and ``scans_published``, ``differs``,
        and ``rows``, a method each with ``ours`` and ``published`` by measure. Where the paper has no such
        method ``published`` is None, where we have none ``ours`` is.

    Args:
        blocks: :func:`leaderboard.results.per_block`.
    """
    published = load_published()
    return {
        "title": published.title,
        "reference": published.reference,
        "lpips": published.conditions.lpips,
        "statistics": published.conditions.statistics,
        "blocks": [
            _pair(published, theirs, rows)
            for _, of_suite in blocks.groupby("suite", sort=False)
            for theirs, rows in _pairs(published, of_suite)
        ],
    }


def _pairs(published: Published, of_suite: pd.DataFrame) -> Iterator[tuple[PublishedBlock, pd.DataFrame]]:
    stands_in = published.stands_in(of_suite["dataset"])
    for theirs in published.blocks:
        for _, rows in of_suite.groupby("block", sort=False):
            first = rows.iloc[0]
            conditions = {name: first[name] for name in ("dataset", "transfer_function", "groups")}
            if stands_beside(theirs, **conditions, stands_in=stands_in):
                yield theirs, rows


def _pair(published: Published, theirs: PublishedBlock, rows: pd.DataFrame) -> dict[str, Any]:
    ours = {row["method"]: row for row in rows.to_dict("records")}
    methods = dict.fromkeys((*theirs.methods, *ours))
    first = next(iter(ours.values()))
    return {
        **{name: first[name] for name in _SHOWN},
        "published_title": theirs.title,
        "table": theirs.table,
        "scans": int(rows["scans"].max()),
        "scans_published": theirs.scans,
        "differs": differences(rows, published, theirs),
        "rows": [_row(theirs, method, ours.get(method)) for method in methods],
    }


def _row(theirs: PublishedBlock, method: str, ours: dict[str, Any] | None) -> dict[str, Any]:
    figures = theirs.methods.get(method)
    title = figures.title if ours is None and figures is not None else (ours or {})["method_title"]
    return {
        "method": method,
        "method_title": title,
        "ours": None if ours is None else {column: ours[column] for column in _COLUMNS},
        "published": None
        if figures is None
        else {column: getattr(figures, name) for column, name in _COLUMNS.items()},
    }
