"""However a run ends, no worker outlives it, and nothing but our own lines is written."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from renderbench.farm import parse_cluster, run_tasks
from tests.conftest import REPOSITORY
from tests.farm.chores import own_pid

# As a user would write one: its own function, a guard, and nothing else.
SCRIPT = """
import sys
from renderbench.farm import parse_cluster, run_tasks

def cube(number):
    return number ** 3

if __name__ == "__main__":
    print(sorted(run_tasks(cube, [*range(5)], cluster=parse_cluster("local:2")), key=str))
"""

LONG = """
import sys
from renderbench.farm import parse_cluster, run_tasks
from tests.farm.chores import own_pid

if __name__ == "__main__":
    for _ in run_tasks(own_pid, [sys.argv[1]] * 4, cluster=parse_cluster("local:2")):
        pass
"""


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def descendants(pid: int) -> set[int]:
    """Every process that ``pid`` started, by way of others too."""
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found, grown = {pid}, True
    while grown:
        grown = {child for child, parent in parents.items() if parent in found} - found
        found |= grown
    return found - {pid}


@pytest.fixture
def long_run(tmp_path):
    """A script in the middle of two long tasks, in a process group of its own, as under a shell."""
    script = tmp_path / "long.py"
    script.write_text(LONG)
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, str(script), str(work)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(command, stderr=stderr, env=environment, start_new_session=True)
    process.work, process.stderr_text = work, (tmp_path / "stderr").read_text
    yield process
    for pid in (*descendants(process.pid), process.pid):
        if alive(pid):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def workers(process) -> list[int]:
    until(lambda: len(list(process.work.iterdir())) == 2, "two tasks should have begun")
    return [int(path.name) for path in process.work.iterdir()]


def test_a_plain_script_and_its_own_function(tmp_path):
    script = tmp_path / "cubes.py"
    script.write_text(SCRIPT)
    found = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert found.stdout == "[(0, 0), (1, 1), (2, 8), (3, 27), (4, 64)]\n"
    assert found.stderr == ""


def test_deaths_are_told_by_their_result_alone(tmp_path):
    script = tmp_path / "deaths.py"
    deadly = SCRIPT.replace("return number ** 3", "import os; os.kill(os.getpid(), 9)")
    script.write_text(deadly.replace("range(5)", "range(2)"))
    found = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert found.stdout.count("its worker died 3 times") == 2
    assert found.stderr == ""


def test_a_script_without_a_guard_is_told_so(tmp_path):
    script = tmp_path / "cubes.py"
    script.write_text(SCRIPT.replace('__name__ == "__main__"', "True"))
    found = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "needs its calls under `if __name__ == '__main__':`" in found.stderr


def test_ctrl_c_ends_everything(long_run):
    pids = workers(long_run)
    everyone = descendants(long_run.pid)
    assert set(pids) <= everyone
    os.killpg(long_run.pid, signal.SIGINT)
    until(lambda: long_run.poll() is not None, "an interrupt should end the run", seconds=10)
    until(lambda: not any(alive(pid) for pid in everyone), "no process should be left")
    # Python's own report of the interrupt in the script, and nothing of the workers' or of Dask's.
    assert long_run.stderr_text().count("Traceback") == 1
    assert long_run.stderr_text().splitlines()[-1] == "KeyboardInterrupt"


def test_ctrl_c_while_workers_start_ends_everything(long_run):
    until(lambda: len(descendants(long_run.pid)) >= 3, "workers should be starting")
    everyone = descendants(long_run.pid)
    os.killpg(long_run.pid, signal.SIGINT)
    until(lambda: long_run.poll() is not None, "an interrupt should end the run", seconds=15)
    until(lambda: not any(alive(pid) for pid in everyone), "no process should be left")
    assert not list(long_run.work.iterdir())


def test_killing_the_parent_leaves_no_orphan(long_run):
    workers(long_run)
    everyone = descendants(long_run.pid)
    os.kill(long_run.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in everyone), "no process should be left", seconds=10)


def test_closing_the_iterator_early_ends_the_workers(tmp_path):
    before = descendants(os.getpid())
    found = run_tasks(slow_after_first, [str(tmp_path)] * 3, cluster=parse_cluster("local:2"))
    assert next(found)[1] == 1
    started = descendants(os.getpid()) - before
    found.close()
    # The tracker of Python's own multiprocessing stays with its process.
    left = [pid for pid in started if alive(pid) and b"resource_tracker" not in cmdline(pid)]
    assert left == []


def slow_after_first(folder: str) -> int:
    try:
        (Path(folder) / "first").touch(exist_ok=False)
    except FileExistsError:
        own_pid(folder)
    return 1


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
