"""How this folder's kernels are compiled."""

from __future__ import annotations

from pathlib import Path

from renderbench.jit import kernels_of

# Fused multiply-add and reciprocals are allowed; inf and nan stay whole.
_compilers = kernels_of(Path(__file__).parent, fastmath={"contract", "arcp", "nsz"})
kernel, helper = _compilers.kernel, _compilers.helper
