"""Workers as jobs of a batch system, through dask-jobqueue."""

from __future__ import annotations

import difflib
import inspect
import logging
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import dask
from distributed import Client
from distributed.core import Status

from renderbench.errors import InputError, JobError
from renderbench.farm.crew import WORKER_CONFIG, Crew, quiet, scheduler_config, sharing_threads
from renderbench.farm.outcome import one_line
from renderbench.farm.settings import Batch
from renderbench.farm.sizing import gib

_logger = logging.getLogger("renderbench.farm")

_CLASSES = {"slurm": "SLURMCluster", "pbs": "PBSCluster", "lsf": "LSFCluster", "sge": "SGECluster"}
# What LSF and SGE call a project is an account to the others.
_ACCOUNT = {"slurm": "account", "pbs": "account", "lsf": "project", "sge": "project"}
# Options of the user's that go into what is given anyway.
_MERGED = ("job_script_prologue", "log_directory", "scheduler_options")
_RESUBMIT_SECONDS = 20.0


@contextmanager
def batch_crew(cluster: Batch, tasks: int, memory_bytes: int) -> Iterator[Crew]:
    """Submit the jobs; they are cancelled with the body, and end by themselves when this process dies.

    A job that ends early, killed or out of time, is submitted again. The scheduler runs in this
    process: the nodes must reach this machine.

    Raises:
        InputError: dask-jobqueue or the submit command is missing, an option is unknown, or a task
            needs more memory than a job has.
        JobError: the batch system refused a job.
    """
    if cluster.memory < memory_bytes:
        problem = f"a task needs {gib(memory_bytes)}, found {gib(cluster.memory)} for a job"
        raise InputError(f"cluster {cluster.kind}", problem, "give more memory")
    jobs = min(cluster.jobs, tasks)
    with quiet(), scheduler_config():
        farm = batch_cluster(cluster)
        try:
            for _ in range(jobs):
                farm.worker_spec.update(farm.new_worker_spec())
            _submit(farm, cluster)
            with Client(farm) as client, sharing_threads(client, cluster.cores, {}):
                coming = f"{jobs} {cluster.kind} jobs; see the queue, and {_log_folder(cluster)} on the nodes"
                yield Crew(client=client, tend=_resubmission(farm, cluster), coming=coming)
        finally:
            farm.close()


def batch_cluster(cluster: Batch) -> Any:
    """The dask-jobqueue cluster of these settings, without a job yet; ``job_script()`` is its script.

    Raises:
        InputError: see :func:`batch_crew`.
    """
    try:
        import dask_jobqueue
    except ImportError:
        problem = "expected the package dask-jobqueue, found none"
        raise InputError(f"cluster {cluster.kind}", problem, "pip install 'renderbench[farm]'") from None
    cluster_class = getattr(dask_jobqueue, _CLASSES[cluster.kind])
    _check_command(cluster, cluster_class.job_cls.submit_command)
    _check_interface(cluster)
    arguments = job_arguments(cluster)
    _check_options(cluster, cluster_class, arguments)
    return cluster_class(**{**cluster.options, **arguments})


def job_arguments(cluster: Batch) -> dict[str, Any]:
    """What dask-jobqueue's class is given besides the user's own options."""
    hours, minutes, seconds = _walltime(cluster)
    configured = dask.config.get(f"jobqueue.{cluster.kind}.job-script-prologue", None)
    prologue = cluster.options.get("job_script_prologue", configured or [])
    exports = [
        f"export DASK_{key.upper().replace('.', '__').replace('-', '_')}={value!r}"
        for key, value in WORKER_CONFIG.items()
    ]
    return {
        "cores": cluster.cores,
        "memory": f"{cluster.memory} B",
        "processes": 1,
        "queue": cluster.queue,
        _ACCOUNT[cluster.kind]: cluster.account,
        # LSF knows no seconds.
        "walltime": f"{hours:02}:{minutes:02}" + ("" if cluster.kind == "lsf" else f":{seconds:02}"),
        "interface": cluster.interface,
        "log_directory": _log_folder(cluster),
        # The cores are for one task's threads; the later --nthreads holds.
        "worker_extra_args": ["--nthreads", "1", "--no-dashboard"],
        "job_script_prologue": [*exports, *prologue],
        "scheduler_options": {
            "dashboard": False,
            "dashboard_address": "127.0.0.1:0",
            **cluster.options.get("scheduler_options", {}),
        },
        "silence_logs": logging.CRITICAL,
    }


def _walltime(cluster: Batch) -> tuple[int, int, int]:
    days, _, clock = cluster.walltime.rpartition("-")
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return int(days or 0) * 24 + hours, minutes, seconds


def _log_folder(cluster: Batch) -> str:
    # The folder must exist on every node before a job starts, and the caller's own stays clean.
    return cluster.options.get("log_directory") or "/tmp"


def _check_command(cluster: Batch, command: str) -> None:
    if shutil.which(command) is None:
        raise InputError(
            f"cluster {cluster.kind}",
            f"expected the command {command}, found none on this machine",
            "run on a machine that submits jobs, or use --cluster local",
        )


def _check_interface(cluster: Batch) -> None:
    known = sorted(name for _, name in socket.if_nameindex())
    if cluster.interface and cluster.interface not in known:
        raise InputError(
            f"cluster {cluster.kind}: interface",
            f"expected one of {', '.join(known)}, found {cluster.interface!r}",
            "correct it; nodes reach this machine by it",
        )


def _check_options(cluster: Batch, cluster_class: Any, ours: dict[str, Any]) -> None:
    job_class = cluster_class.job_cls
    known: set[str] = set()
    for maker in (job_class, *job_class.__mro__[1:2]):
        known |= set(inspect.signature(maker.__init__).parameters)
    known -= {"self", "base_class_kwargs", "scheduler", "name", *ours}
    known |= set(_MERGED)
    for key in cluster.options:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "remove it"
            problem = f"unknown key; expected one of {', '.join(sorted(known))}"
            raise InputError(f"cluster {cluster.kind}: options.{key}", problem, remedy)


def _submit(farm: Any, cluster: Batch) -> None:
    """Submit what is missing."""

    async def submit() -> None:
        await farm

    try:
        farm.sync(submit)
    except Exception as error:
        # Dask takes a refused job for one that may still come.
        for name, job in list(farm.workers.items()):
            if job.status == Status.created:
                job.status = Status.failed
                del farm.workers[name]
        # dask-jobqueue's message ends with what the command wrote to stderr.
        refusal = (str(error).strip().splitlines() or [one_line(error)])[-1]
        problem = f"a job was refused: {refusal}"
        raise JobError(f"cluster {cluster.kind}", problem, "correct the cluster line") from None


def _resubmission(farm: Any, cluster: Batch) -> Callable[[], None]:
    """Dask forgets a job whose worker is gone, and opens it again when asked."""
    asked = time.monotonic()

    def tend() -> None:
        nonlocal asked
        gone = len(farm.worker_spec) - len(farm.workers)
        if not gone or time.monotonic() - asked < _RESUBMIT_SECONDS:
            return
        asked = time.monotonic()
        _logger.warning("%d %s jobs ended early; submitting them again", gone, cluster.kind)
        try:
            _submit(farm, cluster)
        except JobError as error:
            _logger.warning("%s", error)

    return tend
