"""Hand tasks to workers as they become free, and take back what they made."""

from __future__ import annotations

import logging
import queue
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
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
    retries: int,
) -> Iterator[tuple[int, _Result | RenderbenchError]]:
    """Yield ``(index, result or error)`` as tasks finish.

    There are never more tasks under way than workers: a scheduler that queued a second task at a
    worker would count it guilty of that worker's death, and a hundred thousand would cost memory. For
    the first reason too, a task whose worker died waits here until a worker is free.

    Raises:
        InputError: a worker has other versions than this process.
        JobError: a task cannot be sent, or the scheduler went away.
    """
    client = crew.client
    run = uuid.uuid4().hex
    finished: queue.SimpleQueue[Future] = queue.SimpleQueue()
    under_way: dict[Future, int] = {}
    waiting = deque(range(len(tasks)))
    lives: Counter[int] = Counter()
    patience = _Patience(crew.coming)

    def hand_out() -> None:
        crew.tend()
        workers = _worker_count(client)
        patience.judge(workers)
        while waiting and len(under_way) < workers:
            index = waiting.popleft()
            payload = packed(function, tasks[index], name(index))
            key = f"{_prefix(run, index)}{lives[index]}"
            future = client.submit(perform, payload, versions(), key=key, pure=False)
            under_way[future] = index
            future.add_done_callback(finished.put)

    while waiting or under_way:
        hand_out()
        try:
            future = finished.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            continue
        index = under_way.pop(future)
        error = future.exception() if future.status == "error" else None
        result: _Result | RenderbenchError
        if isinstance(error, KilledWorker):
            lives[index] += 1
            if lives[index] <= retries:
                waiting.appendleft(index)
                continue
            deaths = lives[index] * (error.allowed_failures + 1)
            result = _killed(client, _prefix(run, index), deaths, name(index))
        else:
            result = _result(future, error, name(index))
        # The next task goes out before the caller looks at this one.
        hand_out()
        yield index, result


def _prefix(run: str, index: int) -> str:
    """How the keys of a task begin; they end with the number of lives it has used up."""
    return f"renderbench-{run}-{index}-"


def _worker_count(client: Client) -> int:
    try:
        return len(client.nthreads())
    except Exception as error:
        raise _scheduler_gone() from error


def _scheduler_gone() -> JobError:
    return JobError("the Dask scheduler", "it went away", "start it, then this command, again")


def _result(future: Future, error: BaseException | None, name: str) -> _Result | RenderbenchError:
    if error is not None:
        # perform() itself never raises: the worker could not load it.
        problem = f"a worker could not begin it: {one_line(error)}"
        return JobError(name, problem, "install the same renderbench where the workers run")
    if future.status != "finished":
        raise _scheduler_gone()
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


def _killed(client: Client, prefix: str, deaths: int, name: str) -> JobError:
    """Why a task was given up: how its workers died, from what the scheduler has on record."""
    try:
        died = {
            event["worker"]
            for _, event in client.get_events("all")
            if event.get("action") == "remove-worker"
            and any(str(key).startswith(prefix) for key in event["processing-tasks"])
        }
        for_memory = died & {event["worker"] for _, event in client.get_events("worker-restart-memory")}
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
