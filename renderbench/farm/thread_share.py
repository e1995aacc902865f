"""A worker's share of its machine's cores, for every library that starts threads of its own."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from distributed import WorkerPlugin

from renderbench.threads import VARIABLE, thread_count

if TYPE_CHECKING:
    from distributed import Worker

# Read by a library when it is first imported or first used.
_VARIABLES = (
    VARIABLE,
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
    "ZARR_ASYNC__CONCURRENCY",
    "ZARR_THREADING__MAX_WORKERS",
)


def limit_threads(count: int) -> None:
    """Hold this process to ``count`` threads: libraries loaded already, and those loaded later.

    Loads none of them. numba's own setting is the calling thread's.
    """
    for variable in _VARIABLES:
        os.environ[variable] = str(count)
    loaded = sys.modules
    if "numba" in loaded:
        numba = loaded["numba"]
        numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))
    else:
        os.environ["NUMBA_NUM_THREADS"] = str(count)
    if "SimpleITK" in loaded:
        loaded["SimpleITK"].ProcessObject.SetGlobalDefaultNumberOfThreads(count)
    if "torch" in loaded:
        loaded["torch"].set_num_threads(count)
    if "drjit" in loaded:
        loaded["drjit"].set_thread_count(count)
    if "zarr" in loaded:
        loaded["zarr"].config.set({"async.concurrency": count, "threading.max_workers": count})


class ThreadShare(WorkerPlugin):
    """Gives every worker its threads before its first task.

    Args:
        threads: threads of each worker. None: what ``RENDERBENCH_THREADS`` says where the worker runs,
            or else its cores divided among the workers of its host.
        workers_on: how many workers each host had when we came, for that division.
    """

    def __init__(self, threads: int | None, workers_on: dict[str, int]) -> None:
        self.threads = threads
        self.workers_on = workers_on

    def setup(self, worker: Worker) -> None:
        """Called by Dask in the worker."""
        threads = self.threads
        if threads is None:
            host = worker.address.rpartition(":")[0].rpartition("/")[2]
            sharing = 1 if os.environ.get(VARIABLE) else self.workers_on.get(host, 1)
            threads = max(1, thread_count() // sharing)
        limit_threads(threads)
