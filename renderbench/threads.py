"""How many CPU threads renderbench's own kernels use."""

from __future__ import annotations

import os

from renderbench.errors import InputError

VARIABLE = "RENDERBENCH_THREADS"


def thread_count() -> int:
    """RENDERBENCH_THREADS where it is set, else the cores that this process may run on.

    Results never depend on it, bit for bit.

    Raises:
        InputError: the variable is set to something else than a positive number.
    """
    value = os.environ.get(VARIABLE, "")
    if not value:
        # A batch system may grant fewer cores than the machine has.
        granted = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
        return len(granted)
    if not value.isdigit() or int(value) < 1:
        raise InputError(
            VARIABLE, f"expected a number of threads, found {value!r}", "set it to 1 or more, or unset it"
        )
    return int(value)
