"""Figure 3 of the paper from any suite's runs: a row a condition, ground truth beside every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np

from leaderboard.records import no_records, usable_records
from leaderboard.tables.model import ABSENT
from renderbench.artefacts import staged
from renderbench.config import Block, Suite
from renderbench.errors import InputError
from renderbench.evaluation.contact_sheet import Column, draw_sheet, representative_views, viewpoint
from renderbench.evaluation.record import Record, scores_in_words
from renderbench.groundtruth.stage import open_views
from renderbench.layout import Root

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from renderbench.groundtruth.viewset import ViewSet

_MISSING_GREY = 40


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One condition: a scan's test view, and the runs that show it."""

    block: Block
    scan: str
    view: int
    views: ViewSet
    runs: Mapping[str, Record]


def write_figure(
    root: Root, suite: Suite, scan: str | None = None, *, announce: Callable[[str], None]
) -> Path:
    """Draw the comparison of a suite into ``ROOT/leaderboard/figures/<suite>.png``.

    A row is a block of the suite, shown by one scan from the front: the test view that is nearest to it. A
    method without a run of that scan is a grey field, captioned ``n/a``; a block without any run is left out.

    Args:
        root: where views and runs lie.
        suite: the suite.
        scan: the scan to show; by default each block's first among those with the most runs.
        announce: called with one line for every block and record that is left out.

    Raises:
        InputError: there is no usable run, of that scan if one is named, or its views or renders are damaged.
    """
    records = usable_records(root.path / "runs", suite.name, announce=announce)
    rows = []
    for block in suite.blocks:
        runs = _runs_to_show([record for record in records if record.block == block.id], block, scan)
        if not runs:
            announce(f"left out: {block.id}: no run{f' of scan {scan}' if scan else ''}")
            continue
        shown = next(iter(runs.values())).scan
        views = open_views(root, suite, block, shown, "test")
        view = representative_views(views.cameras, 1)[0]
        rows.append(_Row(block=block, scan=shown, view=view, views=views, runs=runs))
    if not rows:
        raise no_records(root.path / "runs", suite.name)
    methods = [name for name in suite.method_ids() if any(name in row.runs for row in rows)]
    columns = [_truth(rows), *(_method(root, suite, rows, name) for name in methods)]
    path = root.leaderboard / "figures" / f"{suite.name}.png"
    with staged(path) as staging:
        draw_sheet(columns).save(staging, optimize=True)
    return path


def _runs_to_show(records: Sequence[Record], block: Block, scan: str | None) -> dict[str, Record]:
    """By method, the runs of one scan of a block."""
    by_scan: dict[str, dict[str, Record]] = {}
    for record in records:
        if record.method in block.methods:
            by_scan.setdefault(record.scan, {})[record.method] = record
    if scan is not None:
        return by_scan.get(scan, {})
    return by_scan[min(by_scan, key=lambda name: (-len(by_scan[name]), name))] if by_scan else {}


def _truth(rows: Sequence[_Row]) -> Column:
    return Column(
        title="Ground truth",
        subtitle="as seen from the front",
        pictures=[row.views.images()[row.view] for row in rows],
        captions=[
            f"{row.block.title}, {row.scan}, from {viewpoint(row.views.cameras[row.view])}" for row in rows
        ],
    )


def _method(root: Root, suite: Suite, rows: Sequence[_Row], method: str) -> Column:
    runs = [row.runs.get(method) for row in rows]
    return Column(
        title=next(run.method_title for run in runs if run is not None),
        subtitle="scores of the view shown",
        pictures=[_render(root, suite, row, run) for row, run in zip(rows, runs, strict=True)],
        captions=[_caption(row, run) for row, run in zip(rows, runs, strict=True)],
    )


def _render(root: Root, suite: Suite, row: _Row, run: Record | None) -> NDArray[np.uint8]:
    if run is None:
        edge = row.views.cameras[row.view].width
        return np.full((edge, edge, 3), _MISSING_GREY, dtype=np.uint8)
    path = root.run(suite.name, row.block.id, row.scan, run.method) / "renders" / f"{row.view:03d}.png"
    try:
        return np.asarray(iio.imread(path))
    except (OSError, SyntaxError):
        remedy = "delete the run and run it again"
        raise InputError(path, "expected the render of a test view, found no readable image", remedy) from None


def _caption(row: _Row, run: Record | None) -> str:
    scores = None if run is None else next((view for view in run.views if view.view == row.view), None)
    return ABSENT if scores is None else scores_in_words(scores.metrics)
