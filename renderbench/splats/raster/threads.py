"""Kernels on threads: they release the GIL and take work items from a shared atomic counter.

Numba's own ``parallel=True`` is not used: its workqueue layer may not be entered from two threads at
once, and OpenMP's idle threads spin.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

from renderbench.jit import intrinsic

_pool: ThreadPoolExecutor | None = None


def run_workers(threads: int, kernel: Callable[..., None], *arguments: Any) -> None:
    """Call ``kernel(counter, *arguments)`` on ``threads`` threads at once and wait for all.

    Args:
        threads: at least 1; the caller's own thread is one of them.
        kernel: takes items with ``next_item(counter)`` until it has run out of them. Each item must
            write to its own place, so that the result does not depend on who takes it.
        arguments: passed on.
    """
    counter = np.zeros(1, dtype=np.int64)
    helpers = [_workers().submit(kernel, counter, *arguments) for _ in range(threads - 1)]
    try:
        kernel(counter, *arguments)
    finally:
        for future in helpers:
            future.result()


@intrinsic
def next_item(typing_context: Any, counter: Any) -> Any:
    """The counter's value, which is then one higher, atomically."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, ir.Constant(ir.IntType(64), 1), "monotonic")

    return types.int64(counter), generate


def _workers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        # Threads start only as they are needed.
        _pool = ThreadPoolExecutor(max_workers=os.cpu_count() or 1, thread_name_prefix="raster")
    return _pool


def _forget_workers() -> None:
    global _pool
    _pool = None


# A forked child inherits the pool but none of its threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
