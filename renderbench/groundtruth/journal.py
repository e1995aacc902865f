"""What is going on in an incomplete view set: which views it will have, who renders which, what failed.

A folder ``progress`` in the set's own, gone once the set is complete::

    plan.json             the digests of the set and of every view it will have
    003.running.json      host, process and time of whoever renders view 3
    003.failed.json       why the last attempt at view 3 failed

Nothing here decides what is rendered: that is up to the views' own digests.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from renderbench.artefacts import read_json, remove, staged, write_json
from renderbench.config import Strict
from renderbench.errors import InputError
from renderbench.groundtruth.viewset import image_path, read_view_record
from renderbench.records import read_record

SCHEMA = 1
_HOST = socket.gethostname()
_FOLDER = "progress"
# Clocks of a process table and of a file tick differently.
_SLACK_SECONDS = 2.0


class Running(Strict):
    """Who renders a view: host, process, and since when (seconds since 1970)."""

    host: str
    pid: int
    since: float


class Plan(Strict):
    """The digests of a set and of every view it will have, and whether these have EXRs."""

    digest: str
    exr: bool
    views: list[str]


@dataclass(frozen=True, kw_only=True)
class Journal:
    """What stands in the journal of a set.

    Args:
        views: how many views the set will have; None where no worker has begun it.
        done: how many of them are there.
        running: who renders what, by index; without those known to be dead.
        failed: why views failed, by index.
    """

    views: int | None
    done: int
    running: dict[int, Running]
    failed: dict[int, str]


def read_journal(folder: Path) -> Journal:
    """The journal of the set in ``folder``; an empty one where there is none.

    Raises:
        InputError: a file of it is damaged.
    """
    plan = read_plan(folder)
    marks = {index: _read_running(path) for index, path in _by_index(folder, "running")}
    failures = {index: read_json(path) for index, path in _by_index(folder, "failed")}
    return Journal(
        views=len(plan.views) if plan else None,
        done=done_of(folder, plan) if plan else sum(1 for _ in (folder / "images").glob("[0-9]*.png")),
        running={index: mark for index, mark in marks.items() if mark and is_alive(mark)},
        # One may go while we look.
        failed={index: str(failure["reason"]) for index, failure in failures.items() if failure},
    )


def read_plan(folder: Path) -> Plan | None:
    """The plan of the set in ``folder``; None where no worker has begun it."""
    path = folder / _FOLDER / "plan.json"
    return read_record(Plan, path, what="plan of a view set", schema=SCHEMA, remedy="delete the file")


def write_plan(folder: Path, plan: Plan) -> None:
    """Write down which views a set will have, unless it stands there already.

    Raises:
        OSError: it cannot be written.
    """
    with suppress(InputError):
        if read_plan(folder) == plan:
            return
    _write(folder / _FOLDER / "plan.json", {"schema": SCHEMA, **plan.model_dump()})


def done_of(folder: Path, plan: Plan) -> int:
    """How many views of a plan are there, made from what they should be made from."""
    found = [read_view_record(folder, index, exr=plan.exr) for index in range(len(plan.views))]
    return sum(
        record is not None and record.digest == digest
        for record, digest in zip(found, plan.views, strict=True)
    )


def mark(folder: Path, index: int) -> None:
    """Mark a view as being rendered by this process.

    Raises:
        OSError: the mark cannot be written, and so the view could not be either.
    """
    own = Running(host=_HOST, pid=os.getpid(), since=time.time())
    _write(_path(folder, index, "running"), own.model_dump())


def unmark(folder: Path, index: int) -> None:
    """Remove the mark of :func:`mark`."""
    _path(folder, index, "running").unlink(missing_ok=True)


def record_failure(folder: Path, index: int, reason: str) -> None:
    """Write down why a view failed; where not even that can be written, the caller's report has to do."""
    with suppress(InputError):
        write_json(_path(folder, index, "failed"), {"reason": reason})


def forget_failure(folder: Path, index: int) -> None:
    """The view is there."""
    _path(folder, index, "failed").unlink(missing_ok=True)


def close_journal(folder: Path) -> None:
    """The set is complete."""
    remove(folder / _FOLDER)


def clear_dead(folder: Path) -> None:
    """Remove the marks of processes of this host that have ended."""
    for _, path in _by_index(folder, "running"):
        mark = _read_running(path)
        if mark is None or not is_alive(mark):
            path.unlink(missing_ok=True)


def is_alive(mark: Running) -> bool:
    """False where the process is known to have ended; what other hosts run is not known here."""
    if mark.host != _HOST:
        return True
    try:
        process = psutil.Process(mark.pid)
        # The system may have given the number to another process since.
        return process.create_time() <= mark.since + _SLACK_SECONDS and process.status() != "zombie"
    except psutil.Error:
        return False


def _write(path: Path, payload: dict[str, Any]) -> None:
    with staged(path) as staging:
        staging.write_text(json.dumps(payload), encoding="utf-8")


def _read_running(path: Path) -> Running | None:
    try:
        return Running.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # It may go while we look.
        return None


def _by_index(folder: Path, kind: str) -> Sequence[tuple[int, Path]]:
    """What lies in the journal of one kind, by view."""
    paths = sorted((folder / _FOLDER).glob(f"[0-9]*.{kind}.json"))
    return [(int(path.name.partition(".")[0]), path) for path in paths]


def _path(folder: Path, index: int, kind: str) -> Path:
    return folder / _FOLDER / f"{image_path(folder, index).stem}.{kind}.json"
