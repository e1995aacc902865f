"""The tutorials as they stand: every command is run in order, and prints what the tutorial shows.

Only sizes differ: scans and pictures are smaller, fits shorter and samples fewer than in the tutorials.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import SimpleITK as sitk

from renderbench.cli import main
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.phantom.body import EXTENTS_MM
from tests.conftest import REPOSITORY
from tests.documents import blocks, lines

TUTORIALS = REPOSITORY / "docs" / "tutorials"
SMALLER = {"resolution": "32", "iterations": "20", "samples_per_pixel": "8"}
LONGEST = 125
# What the reader is not to be shown, or cannot be: the test does not look for it either.
_ELISION = "…"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A file to write, or a command to run and the lines that it prints."""

    file: str | None = None
    text: str = ""
    command: str = ""
    prints: tuple[str, ...] = ()


def steps(document: str) -> Iterator[Step]:
    """What a reader does, in order: files are named before their block, commands have a prompt."""
    passed = document.splitlines()
    for block in blocks(document):
        if block.kind == "toml":
            before = "\n".join(passed[: block.line])
            yield Step(file=re.findall(r"`([\w-]+\.toml)`", before)[-1], text=smaller(block.text))
        elif block.kind == "console":
            shown = block.text.splitlines()
            begins = [number for number, _ in lines(block.text)]
            for begin, end, (_, command) in zip(begins, [*begins[1:], None], lines(block.text), strict=True):
                yield Step(command=command, prints=tuple(shown[begin + 1 : end]))


def smaller(suite: str) -> str:
    """A suite at a size for tests."""
    for key, value in SMALLER.items():
        suite = re.sub(rf"^{key} = \d[\d_]*$", f"{key} = {value}", suite, flags=re.M)
    return suite


def form(line: str) -> str:
    """A line without what a run decides: figures, marks of rank, the width of columns and of rules."""
    plain = re.sub(r"[*†‡]", "", line)
    plain = re.sub(r"\d[\d.,]*( GiB| MiB)?", "0", plain)
    # One core, two cores: as many as the machine has.
    plain = re.sub(r"\b0 core\b", "0 cores", plain)
    return re.sub(r"[ -]+", " ", plain).strip()


def assert_printed(prints: tuple[str, ...], output: str, command: str) -> None:
    """Every line that the tutorial shows is printed, in that order."""
    printed = iter([form(line) for line in output.splitlines()])
    for line in prints:
        if line.strip() not in ("", _ELISION):
            assert form(line) in printed, f"`{command}` does not print `{line}`, but:\n{output}"


@pytest.fixture
def follow(tmp_path, monkeypatch, capfd) -> Callable[[str], Path]:
    """Follows a tutorial in a folder of its own, which it returns."""
    binaries = tmp_path / "bin"
    binaries.mkdir()
    program = binaries / "renderbench"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m renderbench "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(binaries), prepend=":")
    monkeypatch.setenv("COLUMNS", "300")
    desk = tmp_path / "desk"
    desk.mkdir()
    monkeypatch.chdir(desk)

    def run(command: str) -> str:
        capfd.readouterr()
        program, *arguments = command.split()
        if program == "renderbench":
            # In this process, where torch and the kernels are loaded once.
            monkeypatch.setattr(sys, "argv", [program, *arguments])
            with pytest.raises(SystemExit) as left:
                main()
            code = left.value.code or 0
        else:
            code = subprocess.run(["bash", "-c", command], timeout=600, check=False).returncode
        said = capfd.readouterr()
        # A command that the tutorial has killed may have ended before.
        assert code == 0 or (code in (-9, 137) and "KILL" in command), said.err
        return said.err + said.out

    def follow(name: str) -> Path:
        for step in steps((TUTORIALS / name).read_text()):
            if step.file:
                (desk / step.file).write_text(step.text)
            else:
                assert_printed(step.prints, run(step.command), step.command)
        return desk

    return follow


def own_scans(folder: Path, count: int) -> None:
    """A reader's scans: small people with their labels, as NIfTI."""
    for seed in range(count):
        scan = phantom_scan(seed, spacing_mm=6.0)
        place = folder / f"patient-{seed + 1}"
        place.mkdir(parents=True)
        for name, values in (("ct", scan.ct), ("labels", scan.labels)):
            image = sitk.GetImageFromArray(values)
            image.SetSpacing((2.0, 2.0, 2.0))
            sitk.WriteImage(image, place / f"{name}.nii.gz")


@pytest.mark.slow
def test_a_newcomer_gets_to_the_site(follow, monkeypatch):
    # A third of the torso, up to the kidneys: the phantom alone would take longer than all else.
    monkeypatch.setitem(EXTENTS_MM, "torso", (-186.0, 30.0))
    desk = follow("newcomer.md")
    assert (desk / "first" / "runs" / "first" / "torso" / "phantom-0000" / "contact-sheet.png").is_file()
    assert len(list((desk / "first" / "leaderboard" / "site" / "scans").glob("*.html"))) == 1


@pytest.mark.slow
def test_a_researcher_compares_two_methods_and_submits(follow, tmp_path):
    own_scans(tmp_path / "desk" / "scans", 6)
    desk = follow("researcher.md")
    assert (desk / "packed" / "fair.seen.patient-1.6dgs-agp.zip").is_file()


@pytest.mark.slow
def test_a_farm_goes_on_after_a_kill(follow, tmp_path):
    own_scans(tmp_path / "desk" / "scans", 3)
    desk = follow("farm-operator.md")
    sets = sorted((desk / "farm" / "views" / "folder").glob("*/*/views.json"))
    assert len(sets) == 3 * 2 * 2
    # Three scenes a view, each in two halves.
    assert len((desk / "scenes" / "jobs.txt").read_text().splitlines()) == 96 * 3 * 2


@pytest.mark.parametrize("path", sorted(TUTORIALS.glob("*.md")), ids=lambda path: path.name)
def test_a_tutorial_is_short_and_linked(path):
    assert len(path.read_text().splitlines()) <= LONGEST
    assert f"docs/tutorials/{path.name}" in (REPOSITORY / "README.md").read_text()


def test_a_line_that_is_not_printed_is_told():
    assert_printed(("a  12.5 dB", "…", "| **b** |"), "a 3 dB\nx\n|  b   |\n", "c")
    with pytest.raises(AssertionError, match="does not print `3 views`"):
        assert_printed(("3 views",), "3 scans\n", "c")
    with pytest.raises(AssertionError, match="does not print `a`"):
        assert_printed(("b", "a"), "a\nb\n", "c")


def test_steps_are_files_and_commands_in_order():
    document = "Save `s.toml`:\n\n```toml\nresolution = 256\n```\n\n```console\n$ a b\nsaid\n…\n$ c\n```\n"
    assert list(steps(document)) == [
        Step(file="s.toml", text="resolution = 32\n"),
        Step(command="a b", prints=("said", "…")),
        Step(command="c"),
    ]
