"""The verbs ``leaderboard submit`` and ``leaderboard verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import say

if TYPE_CHECKING:
    from leaderboard.submission.examination import Examination

_REFUSED = 2


def submit(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN...", help="Runs: ROOT/runs/SUITE/BLOCK/SCAN/METHOD.", show_default=False),
    ],
    to: Annotated[Path, typer.Option("--to", help="The folder for the files.")] = Path(),
) -> None:
    """Pack each run as one file that others can verify: its record, renders, ground truth and anatomy."""
    from leaderboard.submission.packing import pack_run

    for run in runs:
        file, found = pack_run(run, to)
        _leave_if_refused(run, found, "not packed")
        print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")


def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `leaderboard submit` wrote.")],
    root: Annotated[
        Path | None,
        typer.Option(
            "--root",
            help="Judge it on this study's ground truth and scans; on what the file brings by default.",
            show_default=False,
        ),
    ] = None,
    add: Annotated[bool, typer.Option("--add", help="Put the verified run into --root.")] = False,
) -> None:
    """Recompute a submission's scores from its images and check its digests; refuse it with reasons."""
    from leaderboard.submission.acceptance import add_run, judge_submission
    from leaderboard.submission.opening import opened
    from renderbench.errors import InputError
    from renderbench.layout import Root

    if add and root is None:
        raise InputError("--add", "expected a --root to put the run into, found none", "name it")
    with opened(file) as submission:
        record = submission.record
        place = None if root is None else Root(root).require()
        verdict = judge_submission(submission, place)
        found = verdict.found
        _leave_if_refused(file, found, "refused")
        print(f"{file}: accepted: {record.method_title} on {record.scan}, {record.block_title}")
        judged = "its own ground truth and anatomy; --root judges on yours"
        if place is not None:
            judged = f"the ground truth {'and anatomy ' if verdict.own_anatomy else ''}of {root}"
        print(f"recomputed over {len(record.views)} views, on {judged}: {', '.join(found.recomputed)}")
        if place is not None and not verdict.own_anatomy:
            missing = place.scan(record.dataset, record.scan)
            print(f"groups and landmarks: on the anatomy that the file brings, since there is no {missing}")
        for metric, reason in found.stated.items():
            print(f"taken as stated: {metric} ({reason})")
        print("taken as stated: seconds, FPS, sizes, settings and hardware, which no image shows")
        if add and place is not None:
            print(f"{add_run(place, submission)}: added")


def _leave_if_refused(subject: Path, found: Examination, verdict: str) -> None:
    for line in found.refusals:
        say(f"renderbench: {subject}: {verdict}: {line}")
    if found.refusals:
        raise typer.Exit(_REFUSED)
