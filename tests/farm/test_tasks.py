"""Tasks here and in local workers: results, failures, deaths."""

import logging
import os
import subprocess
import sys
import threading

import pytest

from renderbench.errors import InputError, JobError
from renderbench.farm import parse_cluster, run_tasks
from renderbench.farm.sizing import local_size
from renderbench.threads import VARIABLE
from tests.farm.chores import mixed, square

SERIAL = parse_cluster("serial")


def results(function, tasks, line, **options):
    """Every result by index."""
    found = list(run_tasks(function, tasks, cluster=parse_cluster(line), **options))
    assert sorted(index for index, _ in found) == list(range(len(tasks)))
    return dict(found)


def line_of(result):
    assert isinstance(result, JobError | InputError)
    assert "\n" not in str(result)
    return str(result)


def test_serial_results_and_failures(caplog):
    caplog.set_level(logging.DEBUG, "renderbench.farm")
    found = results(mixed, ["one", "input-error", "key-error", "exit", "two"], "serial", label=str.upper)
    assert found[0] == "one"
    assert found[4] == "two"
    assert type(found[1]) is InputError
    assert line_of(found[2]).startswith(r"KEY-ERROR: KeyError: 'two\nlines'")
    assert line_of(found[3]).startswith("EXIT: SystemExit: 3")
    assert "Traceback" in caplog.text


def test_no_task_is_no_work():
    assert results(square, [], "local:2") == {}


def test_serial_and_auto_for_one_task_load_no_dask():
    program = (
        "import sys; from renderbench.farm import parse_cluster, run_tasks\n"
        "for line in ('serial', None):\n"
        "    print(list(run_tasks(abs, [-3], cluster=parse_cluster(line), memory_bytes=2**20)))\n"
        "print([name for name in ('dask', 'distributed', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == ["[(0, 3)]", "[(0, 3)]", "[]"]


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """One run of everything that can befall a task, on two workers of two threads each."""
    folder = tmp_path_factory.mktemp("mixture")
    chores = [
        "modules",
        "input-error",
        "key-error",
        f"die-once {folder / 'first-life'}",
        "stubborn",
        "die",
        "exit",
        "unsendable",
        "threads",
        "child",
        *(f"chore {index}" for index in range(20)),
    ]
    before = dict(os.environ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "4")
        patch.chdir(folder)
        found = results(mixed, chores, "local:2")
    assert dict(os.environ) == before
    assert [path.name for path in folder.iterdir()] == ["first-life"]
    return {chore.partition(" ")[0]: found[index] for index, chore in enumerate(chores)} | {"all": found}


def test_the_others_go_on(mixture):
    assert [mixture["all"][index] for index in range(10, 30)] == [f"chore {index}" for index in range(20)]


def test_an_error_of_ours_arrives_as_it_is(mixture):
    assert type(mixture["input-error"]) is InputError
    assert str(mixture["input-error"]) == "scan-3: expected a CT, found a cat; scan again"


def test_other_exceptions_become_one_line(mixture):
    assert line_of(mixture["key-error"]).startswith(r"task 2: KeyError: 'two\nlines'")
    assert line_of(mixture["stubborn"]).startswith("task 4: Stubborn: kept to itself")
    assert line_of(mixture["exit"]).startswith("task 6: SystemExit: 3")
    assert line_of(mixture["unsendable"]).startswith("task 7: its result cannot be sent back: TypeError")


def test_a_task_whose_worker_died_runs_again(mixture):
    assert mixture["die-once"].startswith("die-once")


def test_a_task_that_always_kills_its_worker_is_given_up(mixture):
    assert line_of(mixture["die"]).startswith("task 5: its worker died 3 times;")


def test_a_task_may_start_processes(mixture):
    assert mixture["child"] == 0


def test_a_worker_begins_without_heavy_libraries(mixture):
    assert mixture["modules"] == []


def test_every_library_holds_to_the_workers_share_of_the_cores(mixture):
    cores = len(os.sched_getaffinity(0))
    # numba never has more threads than the machine has cores.
    assert mixture["threads"].pop("numba") == min(2, cores)
    assert set(mixture["threads"].values()) == {2}


def test_too_little_memory_is_the_reason():
    found = results(mixed, ["hoard 400000000", "fine"], "local:workers=1,memory=300MiB", retries=1)
    assert "its worker was killed 2 times, at least once for memory; give more memory" in line_of(found[0])
    assert found[1] == "fine"


@pytest.fixture
def machine(monkeypatch):
    """A machine of 8 cores with 10 GiB free."""
    monkeypatch.setattr("renderbench.farm.sizing.thread_count", lambda: 8)
    monkeypatch.setattr("renderbench.farm.sizing.free_memory", lambda: 10 * 2**30)


@pytest.mark.parametrize(
    ("line", "tasks", "need_gib", "workers", "threads", "memory_gib"),
    [
        ("auto", 100, 0, 8, 1, 1.25),
        ("auto", 3, 0, 3, 2, 10 / 3),
        ("auto", 100, 3, 3, 2, 10 / 3),
        ("auto", 1, 3, 1, 8, 10),
        ("local:4", 100, 0, 4, 2, 2.5),
        ("local:4", 2, 0, 2, 4, 5),
        ("local:16", 100, 0, 16, 1, 0.625),
        ("local:4", 100, 4, 2, 4, 5),
        ("local:workers=4,memory=6GiB", 100, 4, 1, 8, 6),
        ("local:memory=2GiB", 100, 1, 5, 1, 2),
    ],
)
def test_workers_fit_tasks_cores_and_memory(machine, line, tasks, need_gib, workers, threads, memory_gib):
    size = local_size(parse_cluster(line), tasks, need_gib * 2**30)
    assert (size.workers, size.threads) == (workers, threads)
    assert size.memory == pytest.approx(memory_gib * 2**30, abs=1)


def test_fewer_workers_than_asked_for_is_said(machine, caplog):
    local_size(parse_cluster("local:4"), 100, 4 * 2**30)
    assert caplog.messages == [
        "2 workers instead of 4: 10.0 GiB of free memory holds no more at 4.0 GiB each"
    ]


@pytest.mark.parametrize("line", ["auto", "local", "local:workers=1,memory=12GiB"])
def test_a_task_larger_than_the_machine_is_refused(machine, line):
    with pytest.raises(InputError, match=r"expected 12.0 GiB of free memory for one worker, found 10.0 GiB"):
        list(run_tasks(square, [1], cluster=parse_cluster(line), memory_bytes=12 * 2**30))


def test_a_task_larger_than_its_worker_is_refused(machine):
    with pytest.raises(InputError, match=r"give memory=3.0GiB or more"):
        list(run_tasks(square, [1], cluster=parse_cluster("local:memory=2GiB"), memory_bytes=3 * 2**30))


def test_a_task_that_cannot_be_sent_is_named():
    with pytest.raises(JobError, match="task 0: it cannot be sent"):
        list(run_tasks(str, [threading.Lock()], cluster=parse_cluster("local:1")))
