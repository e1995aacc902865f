"""Which of Mitsuba's variants this machine can run: CUDA, LLVM, or the scalar one that always works."""

from __future__ import annotations

import ctypes.util
import glob
import importlib.util
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from renderbench.errors import InputError

CUDA, LLVM, SCALAR = "cuda_ad_rgb", "llvm_ad_rgb", "scalar_rgb"
VARIANTS = (CUDA, LLVM, SCALAR)
"""From the fastest to the one that needs nothing."""

LLVM_VARIABLE = "DRJIT_LIBLLVM_PATH"
OLDEST_LLVM = 16
"""Mitsuba's 3.9 crashes with LLVM 14 and 15."""

_PLACES = (
    "/usr/lib/*/libLLVM*.so*",
    "/usr/lib/llvm-*/lib/libLLVM*.so*",
    "/usr/lib/libLLVM*.so*",
    "/usr/lib64/libLLVM*.so*",
    "/usr/lib64/llvm*/lib64/libLLVM*.so*",
    "/usr/local/lib/libLLVM*.so*",
    "/usr/local/opt/llvm*/lib/libLLVM*.dylib",
    "/opt/homebrew/opt/llvm*/lib/libLLVM*.dylib",
)
_ASK_VERSION = """
import ctypes, sys
found = [ctypes.c_uint() for _ in range(3)]
ctypes.CDLL(sys.argv[1]).LLVMGetVersion(*(ctypes.byref(each) for each in found))
print(found[0].value)
"""


@dataclass(frozen=True, kw_only=True)
class Library:
    """A search for libLLVM: the path of one that Mitsuba can use, or why there is none."""

    path: str | None
    reason: str


def usable_variant(asked: str | None = None) -> str:
    """The variant asked for, or the fastest that runs here.

    Args:
        asked: one of :data:`VARIANTS`; None for the fastest.

    Raises:
        InputError: Mitsuba is not installed, or the variant asked for does not run here.
    """
    if importlib.util.find_spec("mitsuba") is None:
        raise InputError(
            "renderer 'mitsuba'",
            "expected the package mitsuba, found none",
            "run `pip install mitsuba`, or use the renderer native",
        )
    if asked is not None and asked not in VARIANTS:
        raise InputError(
            "Mitsuba variant", f"expected one of {', '.join(VARIANTS)}, found {asked!r}", "correct it"
        )
    reasons = unusable_variants()
    if asked is None:
        return next(variant for variant in VARIANTS if variant not in reasons)
    if asked in reasons:
        raise InputError(
            f"Mitsuba variant {asked!r}",
            f"expected what it needs on this machine, found {reasons[asked]}",
            f"install that, or use {SCALAR}",
        )
    return asked


@cache
def unusable_variants() -> dict[str, str]:
    """The variants that do not run here, each with the reason."""
    library = llvm_library()
    if library.path is not None:
        # Dr.Jit takes the first libLLVM it meets, also one that it crashes with.
        os.environ[LLVM_VARIABLE] = library.path
    reasons = {} if library.path is not None else {LLVM: library.reason}
    import drjit

    if not drjit.has_backend(drjit.JitBackend.CUDA):
        reasons[CUDA] = "no CUDA GPU"
    return reasons


@cache
def llvm_library() -> Library:
    """The libLLVM that DRJIT_LIBLLVM_PATH names, or else the newest in the usual places.

    Each is opened in a process of its own: an old one, once loaded, would stay.
    """
    named = os.environ.get(LLVM_VARIABLE)
    old = []
    for path in [named] if named else _candidates():
        version = _llvm_version(path)
        if version is not None and version >= OLDEST_LLVM:
            return Library(path=path, reason="")
        old.append(f"{Path(path).name} ({'cannot be used' if version is None else f'version {version}'})")
    wanted = f"libLLVM {OLDEST_LLVM} or newer"
    return Library(path=None, reason=f"no {wanted}" + (f", only {', '.join(old)}" if old else ""))


def _candidates() -> list[str]:
    """Paths of libLLVM without repetition, the newest by name first."""
    places = (*_PLACES, f"{sys.prefix}/lib/libLLVM*.so*", f"{sys.prefix}/lib/libLLVM*.dylib")
    files = {str(Path(path).resolve()) for place in places for path in glob.glob(place)}
    linked = ctypes.util.find_library("LLVM")
    numbered = sorted(files, key=lambda path: [int(part) for part in re.findall(r"\d+", Path(path).name)])
    return [*reversed(numbered), *([linked] if linked and not files else [])]


def _llvm_version(path: str) -> int | None:
    """The major version; None where it does not load or is older than its own question for it (16)."""
    command = [sys.executable, "-c", _ASK_VERSION, path]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(asked.stdout) if asked.returncode == 0 else None
