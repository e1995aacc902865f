"""A Dask scheduler that somebody else started."""

from __future__ import annotations

import asyncio
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from distributed import Client, Security, rpc

from renderbench.errors import InputError
from renderbench.farm.crew import Crew, quiet, sharing_threads
from renderbench.farm.gathering import other_versions
from renderbench.farm.outcome import difference, one_line, versions
from renderbench.farm.settings import Address
from renderbench.farm.sizing import gib

_TIMEOUT_SECONDS = 10


@contextmanager
def address_crew(cluster: Address, memory_bytes: int) -> Iterator[Crew]:
    """Connect; scheduler and workers are left as they were found.

    Raises:
        InputError: nothing answers there, or its workers have other versions, several threads, or less
            memory than a task needs. Only workers that are there already are asked.
    """
    with quiet():
        client = _connected(cluster.address)
        try:
            workers = client.scheduler_info(n_workers=-1)["workers"]
            _check_versions(client)
            for address, worker in workers.items():
                _check_worker(address, worker, memory_bytes)
            workers_on = Counter(worker["host"] for worker in workers.values())
            with sharing_threads(client, None, dict(workers_on)):
                yield Crew(client=client, coming=f"workers of {cluster.address}")
        finally:
            client.close()


def _connected(address: str) -> Client:
    try:
        # A server of another kind may never answer, and Client itself would wait for it.
        asyncio.run(asyncio.wait_for(_identity(address), _TIMEOUT_SECONDS))
        with warnings.catch_warnings():
            # Dask's table of differing versions; ours is one line.
            warnings.simplefilter("ignore")
            return Client(address, timeout=_TIMEOUT_SECONDS)
    except Exception as error:
        # What a transport that is not installed or not configured says; a stranger's bytes say nothing.
        reason = f" ({one_line(error)})" if isinstance(error, ImportError | ValueError | TypeError) else ""
        problem = f"expected a Dask scheduler, found none within {_TIMEOUT_SECONDS} s{reason}"
        remedy = "start one with `dask scheduler`, or correct the address"
        raise InputError(address, problem, remedy) from None


async def _identity(address: str) -> None:
    async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
        await scheduler.identity()


def _check_versions(client: Client) -> None:
    """Python and numpy by Dask's own means, which need nothing of ours there; then renderbench."""
    expected = versions()
    ours = expected["renderbench"]
    dasks: Any = client.get_versions()
    for address, worker in dasks["workers"].items():
        packages = worker["packages"]
        python = ".".join(packages["python"].split(".")[:2])
        theirs = {"Python": python, "renderbench": ours, "numpy": packages.get("numpy") or "none"}
        mismatch = difference(expected, theirs)
        if mismatch:
            raise other_versions(f"{address}: {mismatch}")
    for address, theirs in client.run(versions, on_error="return").items():
        if isinstance(theirs, Exception):
            theirs = {**expected, "renderbench": f"none ({one_line(theirs)})"}
        mismatch = difference(expected, theirs)
        if mismatch:
            raise other_versions(f"{address}: {mismatch}")


def _check_worker(address: str, worker: dict[str, Any], memory_bytes: int) -> None:
    if worker["nthreads"] != 1:
        raise InputError(
            address,
            f"expected a worker of one thread, since a worker does one task at a time, "
            f"found {worker['nthreads']}",
            "start it with `dask worker --nthreads 1` and as many --nworkers as it should have",
        )
    limit = worker["memory_limit"]
    if limit and limit < memory_bytes:
        raise InputError(
            address,
            f"expected a worker with {gib(memory_bytes)}, which a task needs, found {gib(limit)}",
            "start it with a larger --memory-limit",
        )
