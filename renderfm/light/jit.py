"""How this folder's kernels are compiled."""

from __future__ import annotations

from pathlib import Path

from renderbench.jit import kernels_of

# Contraction into fused multiply-adds is the one liberty taken.
_compilers = kernels_of(Path(__file__).parent, fastmath={"contract"})
kernel, helper = _compilers.kernel, _compilers.helper
