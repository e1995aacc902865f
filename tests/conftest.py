"""What many tests share: where the real CT lies, and how the command is run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
REAL_CT = REPOSITORY.parent / "shared" / "data"

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """The folder with the sub-folder ``ct-abdomen``, a real CT with labels."""
    if not (REAL_CT / "ct-abdomen" / "ct.nii.gz").is_file():
        pytest.skip("the real CT is not beside this checkout (../shared/data/ct-abdomen)")
    return REAL_CT


@pytest.fixture(scope="session")
def renderbench() -> Command:
    """Runs ``renderbench ARGS`` in a process of its own."""

    def run(*arguments: object, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "renderbench", *(str(argument) for argument in arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)

    return run
