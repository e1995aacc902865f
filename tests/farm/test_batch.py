"""Batch systems: the scripts that are submitted, and a real SLURM where there is one."""

import os
import signal
import subprocess
import sys
import time

import pytest

from renderbench.errors import InputError, JobError
from renderbench.farm import parse_cluster, run_tasks
from renderbench.farm.batch import batch_cluster
from tests.conftest import REPOSITORY
from tests.farm import slurm
from tests.farm.chores import mixed, square

jobqueue = pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed (extra: farm)")

LINE = "jobs=2,cores=4,memory=8GiB,walltime=1-02:30:00,queue=cpu,account=ct,interface=lo"
COMMON = (
    "--nthreads 1 --no-dashboard",
    "--memory-limit 8.00GiB",
    "--nanny",
    "--death-timeout 60",
    "--interface lo",
    "export DASK_DISTRIBUTED__WORKER__DAEMON=False",
    "export DASK_DISTRIBUTED__WORKER__MEMORY__PAUSE=False",
    f"{sys.executable} -m distributed.cli.dask_worker tcp://127.0.0.1:",
)


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """Submit commands of every system, which refuse."""
    for name in ("sbatch", "qsub", "bsub"):
        command = tmp_path / name
        command.write_text("#!/bin/sh\necho starting >&2\necho 'invalid account ct' >&2\nexit 1\n")
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def script_of(line: str) -> str:
    cluster = batch_cluster(parse_cluster(line))
    try:
        return cluster.job_script()
    finally:
        cluster.close()


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (
            "slurm",
            (
                "#SBATCH -n 1\n",
                "--cpus-per-task=4\n",
                "--mem=8G\n",
                "-t 26:30:00\n",
                "-p cpu\n",
                "-A ct\n",
                "-o /tmp/",
            ),
        ),
        ("pbs", ("#PBS -l select=1:ncpus=4:mem=8192MB\n", "-l walltime=26:30:00\n", "-q cpu\n", "-A ct\n")),
        ("lsf", ("#BSUB -n 4\n", "#BSUB -M ", "-W 26:30\n", "-q cpu\n", '-P "ct"\n', 'span[hosts=1]"\n')),
        ("sge", ("#$ -l h_rt=26:30:00\n", "-q cpu\n", "-P ct\n", "-o /tmp/")),
    ],
)
def test_the_script_says_what_the_line_says(commands, system, expected):
    script = script_of(f"{system}:{LINE}")
    for part in (*expected, *COMMON):
        assert part in script


def test_options_go_to_dask_jobqueue_as_they_are(commands, tmp_path):
    path = tmp_path / "farm.toml"
    path.write_text(
        '[cluster]\nkind = "slurm"\njobs = 1\ncores = 1\nmemory = "1GiB"\n[cluster.options]\n'
        'job_extra_directives = ["--exclusive"]\njob_script_prologue = ["module load python"]\n'
        f'python = "/opt/python"\nlog_directory = "{tmp_path}"\n'
    )
    script = script_of(str(path))
    for part in ("#SBATCH --exclusive\n", "module load python\n", "/opt/python -m ", f"-o {tmp_path}/"):
        assert part in script
    assert "export DASK_DISTRIBUTED__WORKER__DAEMON=False" in script


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("job_extra_directive = []", "options.job_extra_directive: unknown key.*'job_extra_directives'"),
        ("memory = '1GB'", "options.memory: unknown key"),
        ("name = 'x'", "options.name: unknown key"),
    ],
)
def test_an_unknown_option_is_one_clear_line(commands, tmp_path, options, expected):
    path = tmp_path / "farm.toml"
    table = '[cluster]\nkind = "slurm"\njobs = 1\ncores = 1\nmemory = "1GiB"\n[cluster.options]\n'
    path.write_text(table + options)
    with pytest.raises(InputError, match=expected):
        script_of(str(path))


def test_a_wrong_interface_is_one_clear_line(commands):
    with pytest.raises(InputError, match=r"interface: expected one of .*lo.*, found 'ib7'"):
        script_of("slurm:jobs=1,cores=1,memory=1GB,interface=ib7")


def test_a_missing_submit_command_is_one_clear_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"cluster lsf: expected the command bsub, found none"):
        script_of("lsf:jobs=1,cores=1,memory=1GB")


def test_a_missing_dask_jobqueue_is_one_clear_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(InputError, match=r"found none; pip install 'renderbench\[farm\]'"):
        script_of("slurm:jobs=1,cores=1,memory=1GB")


def test_a_refused_job_is_one_clear_line(commands):
    cluster = parse_cluster("slurm:jobs=2,cores=1,memory=1GB,interface=lo")
    with pytest.raises(JobError, match=r"^cluster slurm: a job was refused: invalid account ct; correct"):
        list(run_tasks(square, [1, 2], cluster=cluster))


def test_a_task_larger_than_a_job_is_refused():
    cluster = parse_cluster("slurm:jobs=2,cores=1,memory=1GiB")
    with pytest.raises(InputError, match=r"a task needs 2.0 GiB, found 1.0 GiB for a job"):
        list(run_tasks(square, [1], cluster=cluster, memory_bytes=2**31))


@pytest.fixture(scope="module")
def real_slurm(tmp_path_factory):
    reason = slurm.missing()
    if reason:
        pytest.skip(f"no SLURM: {reason}")
    with (
        slurm.slurm(tmp_path_factory.mktemp("slurm")) as variables,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in {**variables, "PYTHONPATH": str(REPOSITORY)}.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def slurm_line(real_slurm, tmp_path):
    """Two jobs of one core; their logs with the test."""
    path = tmp_path / "farm.toml"
    path.write_text(
        '[cluster]\nkind = "slurm"\njobs = 2\ncores = 1\nmemory = "2GB"\nqueue = "debug"\n'
        f'interface = "lo"\n[cluster.options]\nlog_directory = "{tmp_path}"\n'
    )
    return str(path)


def queued() -> list[str]:
    found = subprocess.run(
        ["squeue", "--noheader", "--format=%i"], capture_output=True, text=True, check=True
    )
    return found.stdout.split()


def empty_queue(seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while queued():
        assert time.monotonic() < end, "no job should be left"
        time.sleep(0.2)


@pytest.mark.slow
def test_slurm_runs_tasks(slurm_line, tmp_path):
    chores = ["threads", "input-error", f"die-once {tmp_path / 'first-life'}", "a", "b", "c"]
    found = dict(run_tasks(mixed, chores, cluster=parse_cluster(slurm_line)))
    assert set(found[0].values()) == {1}
    assert type(found[1]) is InputError
    assert [found[index] for index in (2, 3, 4, 5)] == chores[2:]
    empty_queue()


@pytest.mark.slow
def test_a_cancelled_job_is_submitted_again_and_nothing_is_lost(slurm_line):
    naps = [f"nap {2 + index / 100}" for index in range(30)]
    found = {}
    first, seen = [], set()
    for index, result in run_tasks(mixed, naps, cluster=parse_cluster(slurm_line)):
        found[index] = result
        first = first or queued()
        if len(found) == 2:
            subprocess.run(["scancel", first[0]], check=True)
        seen |= set(queued())
    assert [found[index] for index in range(30)] == naps
    assert len(first) == 2
    assert seen - set(first), "a third job should have taken the place of the cancelled one"
    empty_queue()


SCRIPT = """
import sys
from renderbench.farm import parse_cluster, run_tasks
from tests.farm.chores import own_pid

if __name__ == "__main__":
    list(run_tasks(own_pid, [sys.argv[1]] * 2, cluster=parse_cluster(sys.argv[2])))
"""


@pytest.mark.slow
def test_ctrl_c_takes_the_jobs_back(slurm_line, tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    work = tmp_path / "work"
    work.mkdir()
    command = [sys.executable, str(tmp_path / "script.py"), str(work), slurm_line]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 60
    while not list(work.iterdir()):
        assert time.monotonic() < end, "a task should have begun"
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    empty_queue()
