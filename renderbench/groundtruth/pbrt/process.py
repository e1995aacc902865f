"""Runs a renderer as a child process that never outlives us and never passes off a failure as an image."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from renderbench.errors import InputError, JobError

TIME_LIMIT = "RENDERBENCH_PBRT_SECONDS"

_DAY_S = 24 * 3600.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_LINE_LIMIT = 300


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a child process ended: its status (negative: killed by that signal) and what it printed."""

    status: int
    output: str
    errors: str


def finish(command: Sequence[str], *, folder: Path, timeout_s: float | None) -> Ended:
    """Run ``command`` in ``folder`` to its end.

    The child is a process group of its own, which is killed when the time is up and when anything
    interrupts us (Ctrl-C).

    Raises:
        OSError: it cannot be started.
        subprocess.TimeoutExpired: it was killed, since it took longer than ``timeout_s``.
    """
    child = subprocess.Popen(
        list(command),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        output, errors = child.communicate(timeout=timeout_s)
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        raise
    return Ended(
        status=child.returncode,
        output=output.decode(errors="replace"),
        errors=errors.decode(errors="replace"),
    )


def time_limit() -> float | None:
    """After how many seconds a run is given up: RENDERBENCH_PBRT_SECONDS, a day by default; None for 0.

    Raises:
        InputError: the variable is set to something else than a number of seconds.
    """
    value = os.environ.get(TIME_LIMIT, "")
    if not value:
        return _DAY_S
    if not value.isdigit():
        raise InputError(
            TIME_LIMIT, f"expected a whole number of seconds, found {value!r}", "correct or unset it"
        )
    return float(value) or None


def run_pbrt(command: Sequence[str], *, folder: Path, out: Path, timeout_s: float | None) -> None:
    """Run a pbrt command that is to write the file ``out``.

    What ``out`` held before is deleted first, since pbrt ends with status 0 where it could not write.

    Args:
        command: the binary and its arguments.
        folder: to run in.
        out: what it has to write.
        timeout_s: after how many seconds it is given up; None for never.

    Raises:
        JobError: it cannot be started, did not end in time, failed, or wrote nothing.
    """
    out.unlink(missing_ok=True)
    binary = command[0]
    try:
        ended = finish(command, folder=folder, timeout_s=timeout_s)
    except subprocess.TimeoutExpired:
        problem = f"expected an image within {timeout_s:g} s, found none when the time was up"
        raise JobError(binary, problem, f"set {TIME_LIMIT} higher, or to 0 for none") from None
    except OSError as error:
        problem = f"expected to start it, found that it cannot be started ({error.strerror})"
        raise JobError(binary, problem, "check the binary with `renderbench doctor`") from None
    if ended.status != 0:
        problem = f"expected it to render, found that it {_how(ended.status)}: {last_words(ended.errors)}"
        raise JobError(binary, problem, "check the binary and the suite's settings, or render with native")
    if not out.is_file():
        raise JobError(
            binary,
            f"expected it to write {out}, found no file though it ended with status 0 "
            f"({last_words(ended.errors)})",
            "check that the folder can be written to and that the disk has room",
        )


def last_words(errors: str) -> str:
    """The last line of what pbrt printed to standard error that says what went wrong, without colours."""
    lines = [line.strip() for line in _COLOURS.sub("", errors).splitlines()]
    spoken = [line for line in lines if line]
    # A failed check is followed by a stack trace, which says less.
    telling = [line for line in spoken if re.search(r"error|fatal|check failed", line, re.IGNORECASE)]
    chosen = (telling or spoken or ["it said nothing"])[-1]
    return chosen if len(chosen) <= _LINE_LIMIT else f"{chosen[:_LINE_LIMIT]} …"


def _how(status: int) -> str:
    # A shell in between reports a signal as 128 + its number.
    number = -status if status < 0 else status - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"ended with status {status}"
    memory = " (out of memory?)" if name == "SIGKILL" else ""
    return f"was ended by {name}{memory}"
