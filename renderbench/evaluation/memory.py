"""The most memory that this process held while a body of code ran."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from renderbench.evaluation.gpu import cuda_in_use

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")
# What the kernel takes as "begin the peak anew" (proc_pid_clear_refs(5), since Linux 4.0).
_RESET_PEAK = "5"


@dataclass
class Peak:
    """The peak of a body, once it is over.

    Args:
        bytes: resident in memory; None where the system does not tell.
        gpu_bytes: handed out by torch on the GPU; None where it has used none.
    """

    bytes: int | None = None
    gpu_bytes: int | None = None


@contextmanager
def peak_memory() -> Iterator[Peak]:
    """Measure the peak of the body's memory, of the whole process and exactly, on Linux.

    All that the process holds counts, libraries and earlier work included, since all of it must fit. Child
    processes do not count, and on the GPU only what torch hands out.
    """
    peak = Peak()
    known = _begin_anew()
    if (cuda := cuda_in_use()) is not None:
        cuda.reset_peak_memory_stats()
    yield peak
    peak.bytes = _highest() if known else None
    # The body may have been the first to use it.
    if (cuda := cuda_in_use()) is not None:
        peak.gpu_bytes = int(cuda.max_memory_allocated()) or None


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
