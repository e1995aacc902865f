"""Worker processes on this machine."""

from __future__ import annotations

import logging
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster, Nanny

from renderbench.errors import JobError
from renderbench.farm.crew import Crew, quiet, scheduler_config, sharing_threads
from renderbench.farm.outcome import one_line
from renderbench.farm.sizing import Size


@contextmanager
def local_crew(size: Size, retries: int) -> Iterator[Crew]:
    """Start workers; they end with the body, or with this process however it ends.

    Raises:
        JobError: they could not be started.
    """
    with quiet(), scheduler_config(retries), _kept_environment():
        # Empty at first: an interrupt while workers start then finds a cluster to close.
        cluster = _empty_cluster(size)
        try:
            _start(cluster, size.workers)
            with Client(cluster) as client, sharing_threads(client, size.threads, {}):
                yield Crew(client=client)
        except BaseException:
            _kill(cluster)
            raise
        finally:
            cluster.close()


@contextmanager
def _kept_environment() -> Iterator[None]:
    """Dask writes its workers' variables (``OMP_NUM_THREADS=1``) into this process too."""
    variables = dask.config.get("distributed.nanny.pre-spawn-environ")
    before = {variable: os.environ.get(variable) for variable in variables}
    try:
        yield
    finally:
        for variable, value in before.items():
            os.environ.pop(variable, None)
            if value is not None:
                os.environ[variable] = value


def _empty_cluster(size: Size) -> LocalCluster:
    # Ctrl-C goes to every process of the terminal. Threads and processes inherit the mask, so that
    # this thread alone sees it; the tracker that Python starts with the first process would lift it.
    resource_tracker.ensure_running()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=size.memory,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            scheduler_kwargs={"dashboard": False},
            silence_logs=logging.CRITICAL,
            local_directory=tempfile.gettempdir(),
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _start(cluster: LocalCluster, workers: int) -> None:
    async def start() -> None:
        for _ in range(workers):
            cluster.worker_spec.update(cluster.new_worker_spec())
        await cluster

    try:
        cluster.sync(start)
    except Exception as error:
        raise JobError(
            "local workers",
            f"expected {workers} to start, found {one_line(error)}",
            "a script that starts them needs its calls under `if __name__ == '__main__':`",
        ) from error


def _kill(cluster: LocalCluster) -> None:
    """End the workers whatever they are doing; a task in the middle of a kernel heeds nothing else."""
    for nanny in cluster.workers.values():
        if isinstance(nanny, Nanny) and nanny.pid:
            nanny.loop.add_callback(nanny.close_gracefully)
            with suppress(ProcessLookupError):
                os.kill(nanny.pid, signal.SIGKILL)
