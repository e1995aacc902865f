"""Who is best in a block, who ties with it, and where that cannot be said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from leaderboard.measures import MEASURE
from leaderboard.statistics import PairedTest, paired_test
from renderbench.evaluation.record import Record

Verdict = Literal["best", "tie", "behind", "untested", "incomplete", "alone"]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a method stands in its block by one measure.

    Args:
        verdict: ``best``: the best mean; ``tie``: its difference from the best is within noise (p of the
            paired test is 0.05 or more); ``behind``: it is not; ``untested``: too few scans for a test;
            ``incomplete``: it lacks the number for scans that another method has it for, so the means are not
            comparable; ``alone``: no other method to compare with.
        test: against the best; None for ``best``, ``incomplete`` and ``alone``.
    """

    verdict: Verdict
    test: PairedTest | None = None


def standings(runs: pd.DataFrame, measures: Sequence[str]) -> dict[tuple[str, str, str, str], Standing]:
    """By suite, block, method and measure, how the method stands.

    Args:
        runs: :func:`leaderboard.results.per_scan`.
        measures: columns of :data:`leaderboard.measures.MEASURES` that have a better way.
    """
    return {
        (str(suite), str(block), method, measure): standing
        for (suite, block), of_block in runs.groupby(["suite", "block"], sort=False)
        for measure in measures
        for method, standing in _of_block(of_block, measure)
    }


def _of_block(runs: pd.DataFrame, measure: str) -> Iterator[tuple[str, Standing]]:
    # (scan, method); a scan without a run of the method is NaN like one without the number. A scan that no
    # method has the number of is lost to all alike.
    scores = runs.pivot(index="scan", columns="method", values=measure).dropna(how="all")
    complete = [method for method in scores.columns if len(scores) and scores[method].notna().all()]
    means = scores[complete].mean()
    if len(complete) < 2:
        best = None
    else:
        best = means.idxmax() if MEASURE[measure].better == "higher" else means.idxmin()
    for method in scores.columns:
        if method not in complete:
            yield method, Standing(verdict="incomplete")
        elif best is None:
            yield method, Standing(verdict="alone")
        elif method == best:
            yield method, Standing(verdict="best")
        else:
            test = paired_test(scores[method].to_numpy(), scores[best].to_numpy())
            yield method, Standing(verdict=_VERDICTS[test.tied], test=test)


_VERDICTS: dict[bool | None, Verdict] = {True: "tie", False: "behind", None: "untested"}


def paired_views(records: Sequence[Record], first: str, second: str, metric: str) -> PairedTest:
    """Two methods of one block over the same test views, where there are too few scans.

    Views of a scan are not independent: this says how the two differ on these scans, nothing about others.

    Args:
        records: of one suite and block.
        first: a method.
        second: the other.
        metric: a metric's id.
    """
    scores = {
        method: {
            (record.scan, view.view): view.metrics.get(metric)
            for record in records
            if record.method == method
            for view in record.views
        }
        for method in (first, second)
    }
    shared = sorted(scores[first].keys() & scores[second].keys())
    of_first, of_second = (
        np.array([scores[method][view] for view in shared], dtype=float) for method in (first, second)
    )
    return paired_test(of_first, of_second, unit="view")
