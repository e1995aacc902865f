"""How every kernel is compiled: without the GIL, and cached on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from numba import extending, njit

_HELPERS = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
).hexdigest()

# Contraction into fused multiply-adds is the one liberty taken: nothing is reassociated, so that
# results do not depend on the number of threads.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls."""
    compiled: Callable[..., Any] = njit(cache=True, **_OPTIONS)(function)
    # Numba renews its cache when the kernel's own file changes; a change of any helper must count, too.
    cache_file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
    if cache_file is not None:
        cache_file._source_stamp = (cache_file._source_stamp, _HELPERS)
    return compiled


def helper(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that only kernels call."""
    compiled: Callable[..., Any] = njit(**_OPTIONS)(function)
    return compiled


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Define an operation by the LLVM code that it emits; only kernels call it."""
    defined: Callable[..., Any] = extending.intrinsic(function)
    return defined
