"""A SLURM of one node, without systemd, for as long as a test needs it."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "squeue")


def missing() -> str:
    """Why it cannot be had here, or nothing."""
    absent = [name for name in _PROGRAMS if _program(name) is None]
    if absent:
        packages = "slurmctld slurmd slurm-client munge"
        return f"{', '.join(absent)} absent: apt-get install --no-install-recommends {packages}"
    if os.geteuid() != 0:
        return "slurmd and munged need root"
    return ""


@contextmanager
def slurm(folder: Path) -> Iterator[dict[str, str]]:
    """Start munged, slurmctld and slurmd with everything in ``folder``; yields SLURM's variables."""
    processes: list[subprocess.Popen[bytes]] = []
    munge_socket = folder / "munge" / "socket"
    configuration = folder / "slurm.conf"
    configuration.write_text(_configuration(folder, munge_socket))
    variables = {"SLURM_CONF": str(configuration)}
    try:
        processes.append(_munged(munge_socket))
        _until(munge_socket.exists, "munged should answer")
        for name in ("slurmctld", "slurmd"):
            processes.append(_start(name, "-D", "-f", str(configuration), log=folder / f"{name}.out"))
        _until(lambda: _node_is_up(variables), "the node should be idle")
        yield variables
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(20)


def _munged(munge_socket: Path) -> subprocess.Popen[bytes]:
    folder = munge_socket.parent
    folder.mkdir(mode=0o755)
    key = folder / "key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    files = {"key-file": key, "socket": munge_socket, "pid-file": folder / "pid", "log-file": folder / "log"}
    options = [f"--{name}={path}" for name, path in {**files, "seed-file": folder / "seed"}.items()]
    return _start("munged", "--foreground", "--force", *options, log=folder.parent / "munged.out")


def _start(name: str, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as out:
        return subprocess.Popen([str(_program(name)), *arguments], stdout=out, stderr=out)


def _configuration(folder: Path, munge_socket: Path) -> str:
    host = socket.gethostname().partition(".")[0]
    ports = [_free_port(), _free_port()]
    for name in ("state", "spool"):
        (folder / name).mkdir()
    return f"""
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={munge_socket}
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
ReturnToService=2
SchedulerParameters=sched_interval=2,sched_min_interval=10000
KillWait=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=debug Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _node_is_up(variables: dict[str, str]) -> bool:
    command = ["sinfo", "--noheader", "--format=%t"]
    found = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=30
    )
    return found.stdout.strip() == "idle"


def _until(condition, what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.2)


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
