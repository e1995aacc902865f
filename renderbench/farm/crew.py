"""Workers at hand, and what they have in common however they were started."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dask
from distributed import Client

from renderbench.farm.thread_share import ThreadShare

_LOUD = ("distributed", "tornado", "asyncio", "bokeh", "dask_jobqueue")
_PLUGIN = "renderbench-threads"

# Of every worker that we start. A result is a few bytes, so Dask has nothing to spill, and a worker
# paused for memory that its last task left behind would never run another one. A task may hold the
# interpreter for minutes inside ITK, which a time-to-live would take for death.
WORKER_CONFIG: dict[str, Any] = {
    "distributed.worker.daemon": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.profile.enabled": False,
    "distributed.worker.http.routes": [],
}


@dataclass(frozen=True, kw_only=True)
class Crew:
    """Workers that are up, or coming.

    Attributes:
        client: the connection to their scheduler.
        tend: called about once a second; replaces workers that nobody else replaces.
        coming: what is awaited while there is no worker yet, for a person who waits with us.
    """

    client: Client
    tend: Callable[[], None] = lambda: None
    coming: str = ""


@contextmanager
def scheduler_config() -> Iterator[None]:
    """The configuration of schedulers and workers that are started in the body, over the user's own."""
    config = {
        **WORKER_CONFIG,
        # We try again ourselves: Dask would queue the task behind another one, guilty of its death or not.
        "distributed.scheduler.allowed-failures": 0,
        "distributed.scheduler.worker-ttl": None,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.multiprocessing-method": "spawn",
    }
    with dask.config.set(config):
        yield


@contextmanager
def sharing_threads(client: Client, threads: int | None, workers_on: dict[str, int]) -> Iterator[None]:
    """Every worker of ``client``, present or to come, holds to its share of the cores in the body."""
    client.register_plugin(ThreadShare(threads, workers_on), name=_PLUGIN)
    try:
        yield
    finally:
        # Where the scheduler is gone, so is the plugin.
        if client.status == "running":
            client.unregister_worker_plugin(_PLUGIN)


@contextmanager
def quiet() -> Iterator[None]:
    """Dask's own lines go nowhere in the body; ours say what matters."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in _LOUD]
    loggers = [logging.getLogger(name) for name in {*names, *_LOUD}]
    before = [(logger, logger.handlers[:], logger.propagate) for logger in loggers]
    try:
        for logger in loggers:
            logger.handlers[:] = [logging.NullHandler()]
            logger.propagate = False
        yield
    finally:
        for logger, handlers, propagate in before:
            logger.handlers[:], logger.propagate = handlers, propagate
