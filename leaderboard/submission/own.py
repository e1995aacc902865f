"""What a root itself has to judge a run on, whoever made the run: test views, and their anatomy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from leaderboard.submission.anatomy import faults_of_anatomy
from renderbench.config import MediumSettings, parse_model
from renderbench.errors import InputError
from renderbench.evaluation.anatomy import ANATOMY_FOLDER, Anatomy, prepare_anatomy
from renderbench.evaluation.record import Record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore


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


@contextmanager
def own_anatomy(root: Root, record: Record, truth: ViewSet) -> Iterator[Anatomy | None]:
    """The root's own anatomy of a run's test views; None where it has neither that nor the scan.

    Where there is the scan, it decides: an anatomy that was not made from it is left aside and made anew, for
    as long as this context lasts. Nothing is written into the root.

    Args:
        root: of the study.
        record: of a run; only its names count.
        truth: :func:`own_truth` of both.

    Raises:
        InputError: the anatomy that is there is damaged or of other views, or the scan is not the one that
            the views show.
    """
    folder = root.run(record.suite, record.block, record.scan, record.method).parent / ANATOMY_FOLDER
    there = Anatomy.open(folder)
    if not root.scan(record.dataset, record.scan).exists():
        yield None if there is None else _sound(there, folder, record, truth)
        return
    with tempfile.TemporaryDirectory(prefix="renderbench-anatomy-") as temporary:
        working = Path(temporary) / ANATOMY_FOLDER
        if there is not None:
            shutil.copytree(folder, working)
        yield _sound(_made(working, root, record, truth), folder, record, truth)


def _made(path: Path, root: Root, record: Record, truth: ViewSet) -> Anatomy:
    """The anatomy from the root's scan, found in ``path`` by its digest or made there."""
    scan = ScanStore.open(root.scan(record.dataset, record.scan))
    made_from = truth.record.made_from
    shown = made_from.get("scan", {})
    parts = {"groups": "groups", "rgba": f"rgba/{record.transfer_function}"}
    if any(shown.get(key) != scan.checksums.get(array) for key, array in parts.items()):
        raise InputError(
            scan.path,
            f"expected the scan that {truth.path} shows, found one of other groups or colours",
            "run `renderbench groundtruth` again",
        )
    return prepare_anatomy(
        path,
        scan,
        record.transfer_function,
        select_groups(record.groups),
        parse_model(MediumSettings, made_from.get("medium"), f"{truth.path / 'views.json'}: medium"),
        truth,
    )


def _sound(anatomy: Anatomy, folder: Path, record: Record, truth: ViewSet) -> Anatomy:
    for fault in faults_of_anatomy(anatomy, record.groups, truth.cameras):
        remedy = f"remove {folder}; where the root has the scan, it is made again"
        raise InputError(folder.parent, fault, remedy)
    return anatomy
