"""How every kernel is compiled.

Kernels release the GIL and are cached on disk. The cache looks at the time of a kernel's own file only:
after editing a file of helpers, remove ``__pycache__`` beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import extending, njit

# Contraction into fused multiply-adds is the one liberty taken: nothing is reassociated, so that
# results do not depend on the number of threads.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls."""
    compiled: Callable[..., Any] = njit(cache=True, **_OPTIONS)(function)
    return compiled


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that only kernels call."""
    compiled: Callable[..., Any] = njit(**_OPTIONS)(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Define an operation by the LLVM code that it emits; only kernels call it."""
    defined: Callable[..., Any] = extending.intrinsic(function)
    return defined
