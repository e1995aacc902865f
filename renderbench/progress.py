"""Progress of long work: a bar on a terminal, sparse log lines anywhere else, always on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """What long work reports to."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Count ``steps`` more as done; ``detail`` is a short live figure, e.g. ``"41.2 dB"``."""


class Silent:
    """Progress that nobody watches (tests, workers)."""

    def advance(self, steps: int = 1, detail: str = "") -> None:
        """Do nothing."""


@contextmanager
def progress(label: str, total: int, unit: str = "it") -> Iterator[Progress]:
    """Show ``label`` with a bar of ``total`` steps while the body runs.

    Args:
        label: what is being done to what, e.g. ``"path tracing phantom-0000 seen.all.fit"``.
        total: how many steps there are.
        unit: the name of one step in the rate, e.g. ``"views"``.
    """
    if sys.stderr.isatty():
        with _bar(label, total, unit) as bar:
            yield bar
    else:
        log = _Log(label, total, unit)
        yield log
        log.close()


@contextmanager
def _bar(label: str, total: int, unit: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("[dim]{task.fields[detail]}"),
    )
    with RichProgress(*columns, console=Console(stderr=True)) as rich:
        task = rich.add_task(label, total=total, detail="")

        class Bar:
            def advance(self, steps: int = 1, detail: str = "") -> None:
                rich.advance(task, steps)
                if detail:
                    rich.update(task, detail=detail)

        yield Bar()


class _Log:
    """One line at the start, at most one each ten seconds, one at the end."""

    _EVERY_S = 10.0

    def __init__(self, label: str, total: int, unit: str) -> None:
        self._label, self._total, self._unit = label, total, unit
        self._done = 0
        self._detail = ""
        self._start = self._last = time.monotonic()

    def advance(self, steps: int = 1, detail: str = "") -> None:
        self._done += steps
        self._detail = detail or self._detail
        now = time.monotonic()
        if now - self._last >= self._EVERY_S and self._done < self._total:
            self._last = now
            self._print(now)

    def close(self) -> None:
        now = time.monotonic()
        if now - self._start >= 1.0:
            self._print(now)

    def _print(self, now: float) -> None:
        elapsed = now - self._start
        detail = f"  {self._detail}" if self._detail else ""
        print(
            f"{self._label}: {self._done}/{self._total} {self._unit}, {elapsed:.0f} s{detail}",
            file=sys.stderr,
            flush=True,
        )
