"""Opening a submission that anyone may have made: nothing of it is believed before it is checked."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leaderboard.submission.form import (
    ANATOMY,
    ANATOMY_FILE,
    MANIFEST,
    SCHEMA,
    TRUTH,
    Manifest,
    listed,
    most_bytes,
)
from renderbench.errors import InputError
from renderbench.evaluation.anatomy import Anatomy
from renderbench.evaluation.record import RECORD_FILE, Record, read_run_record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import checked_name
from renderbench.records import read_record
from renderbench.scans.download.unpacking import unpack

_REMEDY = "ask for a file that `renderbench leaderboard submit` wrote"
_MOST_ENTRIES = 20_000


@dataclass(frozen=True, kw_only=True)
class Submission:
    """An unpacked submission: every file is what its list says, and nothing else is there.

    Args:
        run: the folder with ``record.json`` and ``renders/``.
        record: the run's.
        truth: the ground truth that it brings.
        anatomy: groups and landmarks of these views, that it brings too.
    """

    run: Path
    record: Record
    truth: ViewSet
    anatomy: Anatomy


@contextmanager
def opened(file: Path) -> Iterator[Submission]:
    """Unpack ``file`` into a temporary folder and check its form.

    Raises:
        InputError: it is no submission: not a zip, an entry that leads outside, is too large or of a wrong
            type, a file that is not what the list says, or a record, view set or anatomy that is missing or
            of another schema.
    """
    _require_entries(file)
    with tempfile.TemporaryDirectory(prefix="renderbench-submission-") as temporary:
        folder = Path(temporary) / "submission"
        unpack(file, folder)
        yield _read(file, folder)


def _require_entries(file: Path) -> None:
    """Only what a submission has, by name and size, before a byte is unpacked."""
    if not file.is_file():
        raise InputError(file, "expected a submission, found no file", "correct the path")
    if file.suffix.lower() != ".zip" or not zipfile.is_zipfile(file):
        raise InputError(file, "expected a submission, a .zip file, found something else", _REMEDY)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        problem = f"expected a whole .zip file, found a damaged one ({str(error)[:80]})"
        raise InputError(file, problem, _REMEDY) from None
    if len(entries) > _MOST_ENTRIES:
        problem = f"expected at most {_MOST_ENTRIES} entries, found {len(entries)}"
        raise InputError(file, problem, _REMEDY)
    for entry in entries:
        most = most_bytes(entry.orig_filename)
        if most is None:
            problem = f"expected only a submission's files, found {entry.orig_filename[:80]!r}"
            raise InputError(file, problem, _REMEDY)
        if entry.file_size > most:
            problem = f"expected {entry.filename} of at most {most} bytes, found {entry.file_size}"
            raise InputError(file, problem, _REMEDY)


def _read(file: Path, folder: Path) -> Submission:
    manifest = read_record(
        Manifest, folder / MANIFEST, what="submission", schema=SCHEMA, remedy="pack it with this version"
    )
    if manifest is None:
        raise InputError(file, f"expected a {MANIFEST} in it, found none", _REMEDY)
    there = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    found = listed(there)
    for name in sorted(manifest.files.keys() | found.keys()):
        if manifest.files.get(name) != found.get(name):
            state = "missing" if name not in found else "changed" if name in manifest.files else "unlisted"
            problem = f"expected every file as {MANIFEST} lists it, found {name} {state}"
            raise InputError(file, problem, f"it was altered after it was packed; {_REMEDY}")
    record = read_run_record(folder)
    if record is None:
        raise InputError(file, f"expected a {RECORD_FILE} in it, found none", _REMEDY)
    for kind in ("suite", "block", "dataset", "scan", "transfer_function", "groups", "method"):
        # They become paths.
        checked_name(getattr(record, kind), kind)
    anatomy = Anatomy.open(folder / ANATOMY)
    if anatomy is None:
        raise InputError(file, f"expected {ANATOMY}/{ANATOMY_FILE} in it, found none", _REMEDY)
    return Submission(run=folder, record=record, truth=ViewSet.open(folder / TRUTH), anatomy=anatomy)
