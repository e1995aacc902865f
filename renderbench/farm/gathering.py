"""Hand tasks to workers as they become free, and take back what they made."""

from __future__ import annotations

import logging
import queue
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from distributed import Client, Future, KilledWorker

from renderbench.errors import InputError, JobError, RenderbenchError
from renderbench.farm.crew import Crew
from renderbench.farm.outcome import FAILED, one_line, packed, perform, unpacked, versions

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_TICK_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_logger = logging.getLogger("renderbench.farm")


def gathered(
    crew: Crew,
    function: Callable[[_Task], _Result],
    tasks: Sequence[_Task],
    name: Callable[[int], str],
) -> Iterator[tuple[int, _Result | RenderbenchError]]:
    """Yield ``(index, result or error)`` as tasks finish.

    There are never more tasks under way than workers: a scheduler that queued a second task at a
    worker would count it guilty of that worker's death, and a hundred thousand would cost memory.

    Raises:
        InputError: a worker has other versions than this process.
        JobError: the scheduler went away.
    """
    run = uuid.uuid4().hex
    finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
    under_way: dict[Future, int] = {}
    upcoming = iter(range(len(tasks)))
    patience = _Patience(crew.coming)
    yielded = 0

    def hand_out() -> None:
        crew.tend()
        workers = _worker_count(crew.client)
        patience.judge(workers)
        for index in islice(upcoming, max(0, workers - len(under_way))):
            payload = packed(function, tasks[index], name(index))
            key = f"renderbench-{run}-{index}"
            future = crew.client.submit(perform, payload, versions(), key=key, pure=False)
            under_way[future] = index
            future.add_done_callback(finished.put)

    while yielded < len(tasks):
        hand_out()
        try:
            future = finished.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            continue
        index = under_way.pop(future)
        result = _result(crew.client, future, name(index))
        # The next task goes out before the caller looks at this one.
        hand_out()
        yielded += 1
        yield index, result


def _worker_count(client: Client) -> int:
    try:
        return len(client.nthreads())
    except Exception as error:
        raise _scheduler_gone() from error


def _scheduler_gone() -> JobError:
    return JobError("the Dask scheduler", "it went away", "start it, then this command, again")


def _result(client: Client, future: Future, name: str) -> _Result | RenderbenchError:
    if future.status in ("cancelled", "lost"):
        raise _scheduler_gone()
    if future.status == "error":
        error = future.exception()
        if isinstance(error, KilledWorker):
            return _killed(client, error, name)
        # perform() itself never raises: the worker could not load it.
        problem = f"a worker could not begin it: {one_line(error)}"
        return JobError(name, problem, "install the same renderbench where the workers run")
    outcome = unpacked(future.result())
    if outcome.mismatch:
        raise other_versions(outcome.mismatch)
    if outcome.failure:
        _logger.debug("%s\n%s", name, outcome.trace)
        return JobError(name, outcome.failure, FAILED)
    return outcome.error if outcome.error is not None else outcome.result


def other_versions(mismatch: str) -> InputError:
    """Workers must read what this process sends."""
    return InputError("workers", mismatch, "install the same versions on both ends")


def _killed(client: Client, error: KilledWorker, name: str) -> JobError:
    """Why a task was given up: how its workers died, from what the scheduler has on record."""
    deaths = error.allowed_failures + 1
    try:
        died = {
            event["worker"]
            for _, event in client.get_events("all")
            if event.get("action") == "remove-worker" and error.task in event.get("processing-tasks", ())
        }
        restarts = client.get_events("worker-restart-memory")
        for_memory = died & {event["worker"] for _, event in restarts}
    except Exception:
        # The record is a help, not the fact.
        for_memory = set()
    times = "once" if deaths == 1 else f"{deaths} times"
    if for_memory:
        problem = f"its worker was killed {times}, at least once for memory"
        return JobError(name, problem, "give more memory per worker, or run fewer at once")
    problem = f"its worker died {times}"
    return JobError(name, problem, "see whether the system killed it for memory, or whether the task crashes")


class _Patience:
    """Says once a minute that no worker is there."""

    def __init__(self, coming: str) -> None:
        self._coming = coming
        self._since = time.monotonic()

    def judge(self, workers: int) -> None:
        now = time.monotonic()
        if workers:
            self._since = now
        elif now - self._since > _PATIENCE_SECONDS:
            self._since = now
            _logger.warning("no worker for %.0f s; waiting for %s", _PATIENCE_SECONDS, self._coming)
