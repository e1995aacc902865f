"""A scheduler and workers that somebody else started, by their address."""

import os
import socket
import subprocess
import sys
import time

import pytest

from renderbench.errors import InputError, JobError
from renderbench.farm import parse_cluster, run_tasks
from renderbench.threads import VARIABLE
from tests.conftest import REPOSITORY
from tests.farm.chores import mixed, square


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Farm:
    """``dask scheduler`` and ``dask worker`` as an operator starts them."""

    def __init__(self) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        host, port = self.address.removeprefix("tcp://").split(":")
        variables = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
        self.start("scheduler", "--host", host, "--port", port, "--no-dashboard", **variables)

    def start(self, what: str, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, env=environment, **quiet)
        self._processes.append(process)
        return process

    def workers(self, *arguments: str, **variables: str) -> subprocess.Popen[bytes]:
        return self.start("worker", self.address, "--no-dashboard", *arguments, **variables)

    def wait_for(self, count: int) -> None:
        from distributed import Client

        with Client(self.address) as client:
            end = time.monotonic() + 60
            while len(client.nthreads()) != count:
                assert time.monotonic() < end, f"{count} workers should be up"
                time.sleep(0.1)

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            process.wait(20)


@pytest.fixture(scope="module")
def farm():
    started = Farm()
    variables = {VARIABLE: ""}
    started.workers("--nthreads", "1", "--nworkers", "2", "--memory-limit", "2GiB", **variables)
    started.wait_for(2)
    yield started
    started.stop()


def test_tasks_run_there(farm, tmp_path):
    chores = ["a", "input-error", f"die-once {tmp_path / 'first-life'}", "die", "b", "c"]
    found = dict(run_tasks(mixed, chores, cluster=parse_cluster(farm.address)))
    assert [found[index] for index in (0, 2, 4, 5)] == [chores[index] for index in (0, 2, 4, 5)]
    assert type(found[1]) is InputError
    assert str(found[3]).startswith("task 3: its worker died 3 times")


def test_its_workers_share_the_cores_of_their_host(farm):
    farm.wait_for(2)
    (threads,) = (result for _, result in run_tasks(mixed, ["threads"], cluster=parse_cluster(farm.address)))
    assert threads["renderbench"] == max(1, len(os.sched_getaffinity(0)) // 2)


def test_a_task_larger_than_its_workers_is_refused(farm):
    with pytest.raises(InputError, match=r"a worker with 3.0 GiB, which a task needs, found 2.0 GiB"):
        list(run_tasks(square, [1], cluster=parse_cluster(farm.address), memory_bytes=3 * 2**30))


def test_other_versions_are_named(farm, monkeypatch):
    ours = {"Python": "3.11", "renderbench": "9.9.9", "numpy": "0.1"}
    ours["Python"] = f"{sys.version_info.major}.{sys.version_info.minor}"
    monkeypatch.setattr("renderbench.farm.address.versions", lambda: ours)
    with pytest.raises(InputError, match=r"workers: tcp://127.0.0.1.*numpy 0.1 expected, .* found; install"):
        list(run_tasks(square, [1], cluster=parse_cluster(farm.address)))


def test_a_worker_that_comes_later_with_other_versions_does_no_task(farm, monkeypatch):
    later = {"Python": "3.99", "renderbench": "0.1.0", "numpy": "0.1"}
    monkeypatch.setattr("renderbench.farm.gathering.versions", lambda: later)
    with pytest.raises(InputError, match=r"workers: .*Python 3.99 expected, 3.\d+ found"):
        list(run_tasks(square, [1], cluster=parse_cluster(farm.address)))


def test_a_worker_of_several_threads_is_refused(farm):
    wide = farm.workers("--nthreads", "2")
    farm.wait_for(3)
    with pytest.raises(InputError, match=r"expected a worker of one thread.* found 2; start it with"):
        list(run_tasks(square, [1], cluster=parse_cluster(farm.address)))
    wide.terminate()
    wide.wait(20)
    farm.wait_for(2)


def test_nobody_at_the_address_is_one_line():
    address = f"tcp://127.0.0.1:{free_port()}"
    with pytest.raises(InputError, match=f"{address}: expected a Dask scheduler, found none within 1 s"):
        list(run_tasks(square, [1], cluster=parse_cluster(address)))


def test_a_server_of_another_kind_is_one_line():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(InputError, match="found none within 1 s"):
            list(run_tasks(square, [1], cluster=parse_cluster(address)))


@pytest.fixture(autouse=True)
def impatient(monkeypatch, request):
    if "one_line" in request.node.name:
        monkeypatch.setattr("renderbench.farm.address._TIMEOUT_SECONDS", 1)


def test_a_scheduler_that_goes_away_ends_the_run_with_one_line(farm):
    # The last test here: it ends the farm.
    run = run_tasks(mixed, ["a", "nap 0.5", "nap 60", "nap 60"], cluster=parse_cluster(farm.address))
    assert next(run)[1] == "a"
    farm.stop()
    with pytest.raises(JobError, match="the Dask scheduler: it went away"):
        list(run)
