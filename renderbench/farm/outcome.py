"""What happens to one task inside a worker, and what comes back from it."""

from __future__ import annotations

import platform
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from renderbench import __version__
from renderbench.errors import JobError, RenderbenchError
from renderbench.threads import thread_count

FAILED = "the traceback is in the debug log"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a task: its result, a RenderbenchError, or the line and traceback of another exception.

    ``mismatch`` says that nothing was tried, since the worker's versions are other ones.
    """

    result: Any = None
    error: RenderbenchError | None = None
    failure: str = ""
    trace: str = ""
    mismatch: str = ""


def packed(function: Callable[[Any], Any], task: Any, name: str) -> bytes:
    """A task on its way to a worker; ``name`` is for the error.

    Raises:
        JobError: the function or the task cannot be sent.
    """
    from distributed.protocol.pickle import dumps

    try:
        return dumps((function, task))
    except Exception as error:
        problem = f"it cannot be sent to a worker: {one_line(error)}"
        raise JobError(name, problem, "this is a fault of the program, not of the input") from error


def perform(payload: bytes, expected: dict[str, str]) -> bytes:
    """Do the task in ``payload``; runs in a worker and never raises.

    Args:
        payload: from :func:`packed`.
        expected: :func:`versions` of the process that sent it.

    Returns:
        A packed :class:`Outcome`, for :func:`unpacked`.
    """
    from distributed.protocol.pickle import dumps, loads

    from renderbench.farm.thread_share import limit_threads

    mismatch = difference(expected, versions())
    if mismatch:
        return dumps(Outcome(mismatch=mismatch))
    # numba's setting belongs to the thread that runs the task, and a task may have imported more since.
    limit_threads(thread_count())
    try:
        function, task = loads(payload)
        outcome = Outcome(result=function(task))
    except RenderbenchError as error:
        outcome = Outcome(error=error)
    except BaseException as error:
        # Whatever escapes here would reach the user as a traceback of Dask's.
        return dumps(Outcome(failure=one_line(error), trace=traceback.format_exc()))
    try:
        return dumps(outcome)
    except Exception as error:
        failure = f"its result cannot be sent back: {one_line(error)}"
        return dumps(Outcome(failure=failure, trace=traceback.format_exc()))


def unpacked(outcome: bytes) -> Outcome:
    """What :func:`perform` sent."""
    from distributed.protocol.pickle import loads

    try:
        found = loads(outcome)
    except Exception as error:
        failure = f"its result cannot be read: {one_line(error)}"
        return Outcome(failure=failure, trace=traceback.format_exc())
    assert isinstance(found, Outcome)
    return found


def one_line(error: BaseException) -> str:
    """``ValueError: the message`` on one line; for an exception of any make."""
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = ""
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


@cache
def versions() -> dict[str, str]:
    """The versions that both ends must share for tasks to be readable."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"Python": python, "renderbench": __version__, "numpy": version("numpy")}


def difference(expected: dict[str, str], found: dict[str, str]) -> str:
    """``Python 3.11 here, 3.12 there``, or nothing."""
    other = [name for name in expected if found.get(name) != expected[name]]
    host = platform.node() or sys.platform
    parts = [f"{name} {expected[name]} expected, {found.get(name, 'none')} found" for name in other]
    return f"{host}: {', '.join(parts)}" if parts else ""
