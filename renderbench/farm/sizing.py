"""How many workers this machine takes."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from renderbench.errors import InputError
from renderbench.farm.settings import Auto, Local
from renderbench.threads import thread_count

_logger = logging.getLogger("renderbench.farm")


@dataclass(frozen=True, kw_only=True)
class Size:
    """Workers on this machine: how many, the threads of each, and the memory of each in bytes."""

    workers: int
    threads: int
    memory: int


def local_size(cluster: Local | Auto, tasks: int, memory_bytes: int) -> Size:
    """Never more workers than tasks, cores (or what was asked for) and free memory allow.

    A worker needs ``cluster.memory`` where that is given, else ``memory_bytes``; workers share the free
    memory where it is not.

    Args:
        cluster: what was asked for.
        tasks: how many there are.
        memory_bytes: what one task needs, 0 where unknown.

    Raises:
        InputError: one worker needs more memory than is free, or a task more than a worker may have. It
            is refused rather than tried, since a machine that runs out of memory ends other people's
            work too; ``serial`` does not ask.
    """
    asked = cluster if isinstance(cluster, Local) else Local()
    if asked.memory and asked.memory < memory_bytes:
        raise InputError(
            "cluster",
            f"a task needs {gib(memory_bytes)}, found a limit of {gib(asked.memory)} for a worker",
            f"give memory={gib(memory_bytes).replace(' ', '')} or more",
        )
    free = free_memory()
    need = asked.memory or memory_bytes
    if need > free:
        problem = f"expected {gib(need)} of free memory for one worker, found {gib(free)}"
        raise InputError("this machine", problem, "end other programs, or use a larger machine or a cluster")
    cores = thread_count()
    wanted = min(asked.workers or cores, tasks)
    workers = min(wanted, free // need) if need else wanted
    if asked.workers and workers < wanted:
        reason = f"{gib(free)} of free memory holds no more at {gib(need)} each"
        _logger.warning("%d workers instead of %d: %s", workers, asked.workers, reason)
    return Size(
        workers=workers,
        threads=max(1, cores // workers),
        memory=asked.memory or free // workers,
    )


def gib(count: float) -> str:
    """A size for a message: ``1.5 GiB``."""
    return f"{count / 2**30:.1f} GiB"


def free_memory() -> int:
    """Bytes that this machine, and the control group that this process is in, can still give."""
    free = _memory_of_machine()
    for folder in _control_groups():
        limit, used = (_figure(folder / name) for name in ("memory.max", "memory.current"))
        if limit is not None and used is not None:
            free = min(free, max(0, limit - used + _reclaimable(folder)))
    return free


def _memory_of_machine() -> int:
    """What Linux counts as available; elsewhere all there is."""
    try:
        match = re.search(
            r"^MemAvailable:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), flags=re.MULTILINE
        )
    except OSError:
        match = None
    return int(match[1]) * 1024 if match else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _control_groups() -> list[Path]:
    """This process's control group (version 2) and those around it."""
    top = Path("/sys/fs/cgroup")
    try:
        own = Path("/proc/self/cgroup").read_text()
    except OSError:
        return []
    match = re.search(r"^0::/(.*)$", own, flags=re.MULTILINE)
    if match is None:
        return []
    folder = top / match[1]
    return [folder, *(parent for parent in folder.parents if parent.is_relative_to(top))]


def _figure(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _reclaimable(folder: Path) -> int:
    """File cache that counts as used but is given back on demand."""
    try:
        match = re.search(r"^inactive_file (\d+)$", (folder / "memory.stat").read_text(), flags=re.MULTILINE)
    except OSError:
        return 0
    return int(match[1]) if match else 0
