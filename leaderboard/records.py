"""The run records of a root: what can be used, and a line for each that cannot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from renderbench.errors import InputError
from renderbench.evaluation.record import Record, read_run_record, run_folders


def load_records(runs: Path, suite: str | None = None, *, announce: Callable[[str], None]) -> list[Record]:
    """The usable records of a root's runs, as :func:`usable_records`, at least one.

    Raises:
        InputError: none is usable, or two are of one suite, block, scan and method.
    """
    records = usable_records(runs, suite, announce=announce)
    if not records:
        raise no_records(runs, suite)
    return records


def no_records(runs: Path, suite: str | None = None) -> InputError:
    """The error where there is no usable record at all."""
    return InputError(
        runs,
        f"expected run records{f' of suite {suite!r}' if suite else ''}, found none that can be used",
        "make them with `renderbench run --root ROOT --suite SUITE --method METHOD`",
    )


def usable_records(runs: Path, suite: str | None = None, *, announce: Callable[[str], None]) -> list[Record]:
    """The usable records of a root's runs, in path order; empty where there is none.

    A record of an older schema, a damaged one, or one with a score that is not a number is left out and
    announced: its run then counts as missing.

    Args:
        runs: the root's ``runs``.
        suite: only this suite's; all by default.
        announce: called with one line for every record that is left out.

    Raises:
        InputError: two records are of one suite, block, scan and method.
    """
    records, places = [], []
    for folder in run_folders(runs, suite):
        try:
            record = read_run_record(folder)
        except InputError as error:
            announce(f"left out: {error}")
            continue
        if record is not None:
            records.append(record)
            places.append(folder)
    refuse_duplicates(records, places)
    return records


def refuse_duplicates(records: Sequence[Record], places: Sequence[object] | None = None) -> None:
    """Raise where two records are of one suite, block, scan and method: which counts is not ours to guess.

    Args:
        records: what would be averaged.
        places: where each lies, for the message; when each ended, if not given.

    Raises:
        InputError: names both.
    """
    named: Sequence[object] = places or [f"one that ended {record.finished}" for record in records]
    known: dict[tuple[str, str, str, str], tuple[Record, object]] = {}
    for record, place in zip(records, named, strict=True):
        key = (record.suite, record.block, record.scan, record.method)
        if key in known:
            older, newer = sorted([known[key], (record, place)], key=lambda entry: entry[0].finished)
            raise InputError(
                "/".join(key),
                f"expected one run, found two: {older[1]}, and the newer {newer[1]}",
                "delete the one that should not count",
            )
        known[key] = (record, place)
