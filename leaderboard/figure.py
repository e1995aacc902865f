"""Figure 3 of the paper from any suite's runs: a row a condition, ground truth beside every method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np

from leaderboard.records import no_records, usable_records
from leaderboard.tables.model import ABSENT
from renderbench.artefacts import digest_of_file, staged
from renderbench.config import Block, Suite
from renderbench.errors import InputError
from renderbench.evaluation.contact_sheet import Column, draw_sheet, representative_views
from renderbench.evaluation.record import Record, scores_in_words
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MISSING_GREY = 40
# Letters that fit below a cell of a sheet.
_CAPTION = 40


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
    Only what the records vouch for is shown: the ground truth and the renders that were scored.

    Args:
        root: where views and runs lie.
        suite: the suite.
        scan: the scan to show; by default each block's first among those with the most runs.
        announce: called with one line for every block and record that is left out.

    Raises:
        InputError: there is no usable run, of that scan if one is named; or its ground truth or a render is
            absent, damaged or not what was scored.
    """
    records = usable_records(root.path / "runs", suite.name, announce=announce)
    rows = []
    for block in suite.blocks:
        runs = _runs_to_show([record for record in records if record.block == block.id], block, scan)
        if not runs:
            announce(f"left out: {block.id}: no run{f' of scan {scan}' if scan else ''}")
            continue
        views = _truth_of(root, runs)
        view = representative_views(views.cameras, 1)[0]
        shown = next(iter(runs.values())).scan
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


def _truth_of(root: Root, runs: Mapping[str, Record]) -> ViewSet:
    """The test views that all of a scan's runs were scored on."""
    first = next(iter(runs.values()))
    condition = (first.dataset, first.scan, first.transfer_function, first.groups)
    views = ViewSet.open(root.views(*condition, f"{first.suite}-test"))
    for record in runs.values():
        if record.inputs.get("test_views") != views.digest:
            raise InputError(
                root.run(record.suite, record.block, record.scan, record.method),
                "expected a run scored on the test views as they stand, found one scored on others",
                "run it again",
            )
    return views


def _truth(rows: Sequence[_Row]) -> Column:
    return Column(
        title="Ground truth",
        subtitle="the test view nearest to the front",
        pictures=[row.views.images()[row.view] for row in rows],
        captions=[shorten(f"{row.block.title}, {row.scan}", _CAPTION, placeholder="…") for row in rows],
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
    name = f"{row.view:03d}.png"
    path = root.run(suite.name, row.block.id, row.scan, run.method) / "renders" / name
    found = digest_of_file(path) if path.is_file() else None
    if found is None or found != run.renders.get(name):
        problem = f"expected the image that was scored, found {'another' if found else 'none'}"
        raise InputError(path, problem, "delete the run and run it again")
    return np.asarray(iio.imread(path))


def _caption(row: _Row, run: Record | None) -> str:
    scores = None if run is None else next((view for view in run.views if view.view == row.view), None)
    return ABSENT if scores is None else scores_in_words(scores.metrics)
