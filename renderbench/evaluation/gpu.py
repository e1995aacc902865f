"""Whether this process uses a GPU, without being the one that starts it."""

from __future__ import annotations

import sys
from typing import Any


def cuda_in_use() -> Any:
    """``torch.cuda`` where this process already uses it, else None."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
