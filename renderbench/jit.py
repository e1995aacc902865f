"""How every kernel is compiled: without the GIL, and cached on disk for as long as its sources stay."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

from numba import extending, njit

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


@dataclass(frozen=True, kw_only=True)
class Compilers:
    """The decorators of one folder of kernels.

    Args:
        kernel: compiles a function that Python calls, and caches it on disk.
        helper: compiles a function that only kernels call.
    """

    kernel: Decorator
    helper: Decorator


def kernels_of(folder: Path, *, fastmath: set[str]) -> Compilers:
    """How the kernels of ``folder`` are compiled.

    Args:
        folder: a change of any module in it renews the cache of all its kernels: numba itself looks at
            a kernel's own file only, and not at the helpers that it calls.
        fastmath: the liberties that LLVM may take. None of them may make a result depend on the number
            of threads, so ``reassoc`` is not among them; nor are ``nnan`` and ``ninf``, since infinities
            are in use.
    """
    # "numpy" divides without testing for zero.
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": fastmath}
    sources = [Path(__file__), *sorted(folder.glob("*.py"))]
    stamp = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()

    def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = njit(cache=True, **options)(function)
        cache_file = getattr(getattr(compiled, "_cache", None), "_cache_file", None)
        if cache_file is not None:
            cache_file._source_stamp = (cache_file._source_stamp, stamp)
        return compiled

    def helper(function: Callable[..., Any]) -> Callable[..., Any]:
        compiled: Callable[..., Any] = njit(**options)(function)
        return compiled

    return Compilers(kernel=kernel, helper=helper)


@cache
def on_cuda(helper: Any) -> Any:
    """A helper, and all helpers that it calls, as a function of CUDA devices: the same source again.

    numba-cuda would take a helper of the CPU as it is, and any liberty of its ``fastmath`` as leave to take
    all of them, finite numbers only among them. So helpers are copied, and where a copy names another
    helper it means that one's copy. CUDA fuses multiply and add by itself.
    """
    from numba import cuda

    function = helper.py_func
    known = function.__globals__
    named = {name: known[name] for name in function.__code__.co_names if name in known}
    means = {name: on_cuda(value) if hasattr(value, "py_func") else value for name, value in named.items()}
    copy = FunctionType(function.__code__, means, function.__name__, function.__defaults__)
    return cuda.jit(device=True)(copy)


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    """Define an operation by the LLVM code that it emits; only kernels call it."""
    defined: Callable[..., Any] = extending.intrinsic(function)
    return defined
