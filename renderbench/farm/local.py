"""Worker processes on this machine."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Client, LocalCluster

from renderbench.errors import JobError
from renderbench.farm.crew import Crew, quiet, scheduler_config, sharing_threads
from renderbench.farm.outcome import one_line
from renderbench.farm.sizing import Size


@contextmanager
def local_crew(size: Size) -> Iterator[Crew]:
    """Start workers; they end with the body, or with this process however it ends.

    Raises:
        JobError: they could not be started.
    """
    with quiet(), scheduler_config(), _kept_environment():
        # Empty at first: an interrupt while workers start then finds a cluster to close.
        others = {process.pid for process in multiprocessing.active_children()}
        cluster = _empty_cluster(size)
        try:
            _start(cluster, size.workers, others)
            with Client(cluster) as client, sharing_threads(client, size.threads, {}):
                yield Crew(client=client)
        except BaseException:
            loop: Any = cluster.loop
            for nanny in cluster.workers.values():
                # Its worker's end is then no reason to start another one.
                loop.add_callback(nanny.close_gracefully)
            _kill_workers(others)
            raise
        finally:
            cluster.close()


@contextmanager
def _kept_environment() -> Iterator[None]:
    """Dask writes its workers' variables (``OMP_NUM_THREADS=1``) into this process too."""
    theirs = ("PYTHONHASHSEED", "__DASK_PARENT_PID", *dask.config.get("distributed.nanny.pre-spawn-environ"))
    before = {variable: os.environ.get(variable) for variable in theirs}
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


def _start(cluster: LocalCluster, workers: int, others: set[int | None]) -> None:
    async def start() -> None:
        for _ in range(workers):
            cluster.worker_spec.update(cluster.new_worker_spec())
        await cluster

    loop: Any = cluster.loop
    starting = asyncio.run_coroutine_threadsafe(start(), loop.asyncio_loop)
    try:
        starting.result()
    except Exception as error:
        raise JobError(
            "local workers",
            f"expected {workers} to start, found {one_line(error)}",
            "a script that starts them needs its calls under `if __name__ == '__main__':`",
        ) from error
    finally:
        # An interrupt. Dask cannot close what is only half started: the start has to fail first.
        while not starting.done():
            _kill_workers(others)
            time.sleep(0.1)


def _kill_workers(others: set[int | None]) -> None:
    """End the workers whatever they are doing; a task in the middle of a kernel heeds nothing else.

    Args:
        others: processes that were there before.
    """
    for process in multiprocessing.active_children():
        if process.name.startswith("Dask Worker") and process.pid not in others:
            process.kill()
