"""docs/add-a-method.md as it stands: its method is installed, run, exported, submitted and verified."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "add-a-method.md"
MOST_LINES = 60


def blocks(kind: str) -> list[str]:
    """The document's code blocks of one kind."""
    return re.findall(rf"^```{kind}\n(.*?)^```", DOCUMENT.read_text(), re.S | re.M)


def test_the_example_is_under_sixty_lines():
    (code,) = blocks("python")
    assert len(code.splitlines()) < MOST_LINES


@pytest.mark.slow
def test_every_step_of_the_document_works(tmp_path, monkeypatch):
    package, work = tmp_path / "package", tmp_path / "work"
    package.mkdir()
    work.mkdir()
    (code,) = blocks("python")
    project, suite = blocks("toml")
    (package / "raycast.py").write_text(code)
    (package / "pyproject.toml").write_text(project)
    (work / "mine.toml").write_text(suite)
    # Installed for real, entry point and all, but outside this environment.
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*install, "--target", tmp_path / "installed", package], check=True, capture_output=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "installed"), prepend=":")
    assert "raycast" in run(["renderbench", "methods"], work)

    (commands,) = blocks("console")
    said = [run(shlex.split(line), work) for line in commands.splitlines()]
    assert "2 scans" not in said[4]
    assert "1 scans, 1 with pictures" in said[4]
    assert "accepted: Ray casting on phantom-0000" in said[-1]
    assert (work / "ROOT" / "site" / "index.html").is_file()


def run(command: list[str], folder: Path) -> str:
    """What a command of the document prints."""
    assert command[0] == "renderbench"
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
