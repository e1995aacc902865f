"""Work on very many objects that all live until its end."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Without cyclic garbage collection, which would walk every run record again and again.

    Ten thousand records are half a million objects, none of them garbage; looking for some takes a fifth of
    an export. What is not in a cycle is freed as ever.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
