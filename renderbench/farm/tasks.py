"""Run many tasks, here or on a cluster, and hand back results and failures as they come."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeVar

from renderbench.errors import JobError, RenderbenchError
from renderbench.farm.outcome import FAILED, one_line
from renderbench.farm.settings import Address, Auto, Batch, ClusterSettings, Local
from renderbench.farm.sizing import local_size

if TYPE_CHECKING:
    from renderbench.farm.crew import Crew

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_logger = logging.getLogger("renderbench.farm")


def run_tasks(
    function: Callable[[_Task], _Result],
    tasks: Sequence[_Task],
    *,
    cluster: ClusterSettings,
    memory_bytes: int = 0,
    retries: int = 2,
    label: Callable[[_Task], str] | None = None,
) -> Generator[tuple[int, _Result | RenderbenchError], None, None]:
    """Call ``function`` on every task; yields in the order in which tasks finish.

    A worker is a process of its own that lives from task to task and does one at a time, with as many
    threads as its share of the cores. Leaving the iterator, by ``close()``, an exception or an
    interrupt, drops what has not begun, ends local workers at once and takes batch jobs back; workers
    of somebody else's scheduler finish the task in hand.

    Args:
        function: what to do with one task; for workers it must be picklable, as its tasks and results.
        tasks: small descriptions (paths, numbers), not arrays.
        cluster: where, from :func:`renderbench.farm.parse_cluster`.
        memory_bytes: what one task needs at its peak; bounds how many run at once on this machine, and
            is held against a worker's memory elsewhere. 0: unknown. ``serial`` does not ask.
        retries: how often a task is run again after its worker died. A scheduler that somebody else
            started, with ``distributed.scheduler.allowed-failures`` above 0, tries that often each time.
        label: names a task in error lines; ``task 7`` by default.

    Yields:
        ``(index, result)``. A RenderbenchError that a task raised is a result; any other exception, and
        the death of its worker ``retries + 1`` times, is a :class:`JobError`.

    Raises:
        InputError: the cluster cannot do it: not enough memory for one task, no such scheduler, a
            package or a batch command that is missing, workers with other versions.
        JobError: the cluster could not be started, or went away.
    """

    def name(index: int) -> str:
        return label(tasks[index]) if label else f"task {index}"

    crew = _crew(cluster, len(tasks), memory_bytes) if tasks else None
    if crew is None:
        yield from _serial(function, tasks, name)
        return
    from renderbench.farm.gathering import gathered

    with crew as hands:
        yield from gathered(hands, function, tasks, name, retries)


def _crew(cluster: ClusterSettings, tasks: int, memory_bytes: int) -> AbstractContextManager[Crew] | None:
    """The workers that ``cluster`` asks for, not yet started; None for this process."""
    if isinstance(cluster, Local | Auto):
        size = local_size(cluster, tasks, memory_bytes)
        if isinstance(cluster, Auto) and size.workers == 1:
            return None
        from renderbench.farm.local import local_crew

        return local_crew(size)
    if isinstance(cluster, Address):
        from renderbench.farm.address import address_crew

        return address_crew(cluster, memory_bytes)
    if isinstance(cluster, Batch):
        from renderbench.farm.batch import batch_crew

        return batch_crew(cluster, tasks, memory_bytes)
    return None


def _serial(
    function: Callable[[_Task], _Result], tasks: Sequence[_Task], name: Callable[[int], str]
) -> Generator[tuple[int, _Result | RenderbenchError], None, None]:
    for index, task in enumerate(tasks):
        result: _Result | RenderbenchError
        try:
            result = function(task)
        except RenderbenchError as error:
            result = error
        except (Exception, SystemExit) as error:
            _logger.debug("%s\n%s", name(index), traceback.format_exc())
            result = JobError(name(index), one_line(error), FAILED)
        yield index, result
