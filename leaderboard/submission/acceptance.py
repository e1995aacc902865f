"""A submission on a maintainer's side: judged on what he trusts, and put into his root."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from leaderboard.submission.examination import Examination, examine
from leaderboard.submission.form import RENDERS
from leaderboard.submission.opening import Submission
from leaderboard.submission.own import own_anatomy, own_truth
from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.evaluation.record import RECORD_FILE
from renderbench.layout import Root


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What came of a submission.

    Args:
        found: by the examination.
        own_anatomy: whether groups and landmarks are the root's own; else they are the submission's.
    """

    found: Examination
    own_anatomy: bool


def judge_submission(submission: Submission, root: Root | None) -> Verdict:
    """Examine a submission.

    Args:
        submission: opened.
        root: of the study whose ground truth and anatomy count; the submission's own where there is no root.
            A root without that scan and its anatomy leaves the anatomy to the submission.

    Raises:
        InputError: the root has no ground truth of the run, or something of its own is damaged.
    """
    run, record = submission.run, submission.record
    if root is None:
        found = examine(run, record, submission.truth, submission.anatomy)
        return Verdict(found=found, own_anatomy=False)
    truth = own_truth(root, record)
    with own_anatomy(root, record, truth) as anatomy:
        found = examine(run, record, truth, anatomy or submission.anatomy)
    return Verdict(found=found, own_anatomy=anatomy is not None)


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
