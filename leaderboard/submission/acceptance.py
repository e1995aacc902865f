"""A verified submission on a maintainer's side: judged on his own ground truth, and put into his root."""

from __future__ import annotations

import shutil
from pathlib import Path

from leaderboard.submission.form import RENDERS
from leaderboard.submission.opening import Submission
from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.evaluation.record import RECORD_FILE, Record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root


def own_truth(root: Root, record: Record) -> ViewSet:
    """The root's own test views for a run.

    Raises:
        InputError: the root has none for it.
    """
    return ViewSet.open(
        root.views(
            record.dataset, record.scan, record.transfer_function, record.groups, f"{record.suite}-test"
        )
    )


def add_run(root: Root, submission: Submission) -> Path:
    """Put a run's record and renders where the root's other runs lie; returns its folder.

    Raises:
        InputError: there is another run in its place.
    """
    record = submission.record
    folder = root.run(record.suite, record.block, record.scan, record.method)
    if folder.exists():
        raise InputError(
            folder, "expected no run there yet, found one", "remove it first if the new one should count"
        )
    with staged(folder) as staging:
        staging.mkdir(parents=True)
        shutil.copy(submission.run / RECORD_FILE, staging / RECORD_FILE)
        shutil.copytree(submission.run / RENDERS, staging / RENDERS)
    return folder
