"""One honest submission, for every test that spoils a copy of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from leaderboard.submission.packing import pack_run
from renderbench.layout import Root
from tests.leaderboard.studies import write_study


@pytest.fixture(scope="package")
def honest(tmp_path_factory) -> tuple[Root, Path]:
    """A root, and one of its runs packed."""
    base = tmp_path_factory.mktemp("honest")
    root = write_study(base / "root", methods=("agp",), labelled=True)
    file, found = pack_run(root.run("s", "b", "scan-1", "agp"), base / "packed")
    assert found.refusals == []
    return root, file
