"""The most memory that this process held while a body of code ran."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
# What the kernel takes as "begin the peak anew" (proc_pid_clear_refs(5), since Linux 4.0).
_RESET_PEAK = "5"


@dataclass
class Peak:
    """The peak of a body, once it is over: bytes resident in memory; None where the system does not tell."""

    bytes: int | None = None


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the peak of the body's resident memory, of the whole process and exactly, on Linux.

    All that the process holds counts, libraries and earlier work included, since all of it must fit. GPU
    memory and child processes do not count.
    """
    peak = Peak()
    known = _begin_anew()
    yield peak
    peak.bytes = _highest() if known else None


def _begin_anew() -> bool:
    try:
        _CLEAR.write_text(_RESET_PEAK)
    except OSError:
        return False
    return True


def _highest() -> int | None:
    for line in _STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
