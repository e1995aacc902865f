"""``renderbench groundtruth`` as a user types it: one clear line for whatever is wrong, and exit codes."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from renderbench.cli import main
from renderbench.groundtruth.pbrt.binary import VARIABLE
from renderbench.groundtruth.pbrt.process import TIME_LIMIT
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from tests.conftest import REPOSITORY
from tests.groundtruth.pbrt_stand_in import stand_in
from tests.groundtruth.studies import prepare_study

SUITE = """
name = "tiny"
[renderer]
samples_per_pixel = {samples}
[views]
fit = 3
test = 2
resolution = 32
[[blocks]]
id = "b"
title = "B"
dataset = "folder"
groups = {groups}
methods = ["agp"]
"""

Said = tuple[int, list[str], list[str]]
Command = Callable[..., Said]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def root(tmp_path, prepared) -> Path:
    shutil.copytree(prepared.path / "scans", tmp_path / "root" / "scans")
    return tmp_path / "root"


def write_suite(path: Path, *, samples: int = 16, groups: str = "'all'") -> Path:
    path.write_text(SUITE.format(samples=samples, groups=groups))
    return path


@pytest.fixture
def groundtruth(root, tmp_path, monkeypatch, capsys) -> Command:
    """Exit code and lines of stdout and stderr of ``groundtruth`` with the study's root and suite."""
    path = write_suite(tmp_path / "tiny.toml")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv(VARIABLE, raising=False)

    def run(*arguments: object, suite: Path = path) -> Said:
        words = ["renderbench", "groundtruth", "--root", root, "--suite", suite, *arguments]
        monkeypatch.setattr(sys, "argv", [str(word) for word in words])
        with pytest.raises(SystemExit) as left:
            main()
        said = capsys.readouterr()
        return left.value.code or 0, said.out.splitlines(), said.err.splitlines()

    return run


def assert_refused(said: Said, root: Path, *words: str) -> None:
    code, out, errors = said
    assert (code, out) == (2, [])
    (line,) = errors
    assert line.startswith("renderbench: ")
    for word in words:
        assert word in line
    assert not (root / "views").exists()


def not_executable(folder: Path) -> Path:
    path = folder / "pbrt.txt"
    path.write_text("text")
    return path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--renderer", "mitsubishi"], ("--renderer", "'native', 'pbrt', 'mitsuba'")),
        (["--cluster", "slrm:jobs=1"], ("did you mean 'slurm'?",)),
        (["--cluster", "local:workers=1,memory=65MiB"], ("a task needs 0.5 GiB", "give memory=")),
        (["--samples", "8"], ("--samples", "expected --export-only with it")),
        (["--pbrt", "/bin/true"], ("--pbrt", "expected --renderer pbrt with it")),
        (["--dry-run", "--export-only", "farm"], ("--dry-run", "found --dry-run and --export-only")),
        (["--export-only", "a", "--import", "b"], ("--export-only", "leave one out")),
        (["--export-only", "farm"], ("expected pbrt, found another renderer",)),
        (["--renderer", "pbrt"], ("pbrt-v4: expected its binary on PATH, found none",)),
        (["--renderer", "pbrt", "--dry-run"], ("pbrt-v4: expected its binary on PATH, found none",)),
        (["--renderer", "pbrt", "--pbrt", "/bin/true"], ("--pbrt /bin/true", "found another program")),
        (["--renderer", "pbrt", "--pbrt", "no-such"], ("--pbrt no-such", "found nothing there")),
        (["--renderer", "pbrt", "--import", "no-such"], ("no-such", "expected an export of suite tiny+pbrt")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_argument_is_one_clear_line_and_makes_nothing(groundtruth, root, options, words) -> None:
    assert_refused(groundtruth(*options), root, *words)


def test_a_file_that_is_not_pbrt_is_one_clear_line(groundtruth, root, tmp_path) -> None:
    path = not_executable(tmp_path)
    said = groundtruth("--renderer", "pbrt", "--pbrt", path)
    assert_refused(said, root, f"--pbrt {path}", "found a file that is not executable")


def test_an_environment_map_that_is_none_is_found_before_anything_is_rendered(groundtruth, root, tmp_path):
    suite = tmp_path / "mapped.toml"
    text = SUITE.format(samples=16, groups="'all'")
    suite.write_text(text.replace("[renderer]", '[renderer]\nenvironment_map = "no-such.exr"'))
    assert_refused(groundtruth(suite=suite), root, "no-such.exr")


def test_an_empty_selection_is_bad_input_in_one_line(groundtruth, tmp_path) -> None:
    code, out, errors = groundtruth(suite=write_suite(tmp_path / "s.toml", groups="'skeleton'"))
    assert code == 2
    assert out == ["0 views rendered, 0 already there, 5 failed"]
    (line,) = errors
    assert line.startswith("renderbench: view folder/tiny/seen.skeleton.tiny-fit 000 and 4 others: scan tiny")
    assert "expected at least one visible voxel" in line


def test_another_renderer_makes_a_suite_of_its_own(groundtruth, root, tmp_path) -> None:
    binary = stand_in(tmp_path / "bin")
    code, out, errors = groundtruth("--renderer", "pbrt", "--pbrt", binary, "--cluster", "local:1")
    assert (code, out) == (0, ["5 views rendered, 0 already there"])
    name = f"{tmp_path}/tiny.toml+pbrt"
    assert errors[-1] == f"these are the views of another suite: `renderbench run --suite {name}` takes them"
    sets = {path.name for path in (root / "views" / "folder" / "tiny").iterdir() if path.is_dir()}
    assert sets == {"seen.all.tiny+pbrt-fit", "seen.all.tiny+pbrt-test"}
    # The name is one that --suite takes, here as there.
    code, out, errors = groundtruth("--pbrt", binary, suite=Path(name))
    assert (code, out, errors) == (0, ["0 views rendered, 5 already there"], [])
    # A suite's own renderer is no other one.
    code, out, errors = groundtruth("--renderer", "native", "--json")
    assert code == 0
    assert "the suite" not in "".join(errors)
    assert json.loads(out[0]) == {"rendered": 5, "skipped": 0, "failed": {}}


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [("crash", "was ended by SIGABRT"), ("silent", "found no file"), ("hangs", "within 1 s")],
)
def test_a_pbrt_that_fails_is_one_line_and_goes_on_once_it_works(
    groundtruth, root, tmp_path, monkeypatch, behaviour, says
) -> None:
    monkeypatch.setenv(TIME_LIMIT, "1")
    options = ("--renderer", "pbrt", "--pbrt", stand_in(tmp_path, behaviour))
    code, out, errors = groundtruth(*options)
    assert code == 1
    assert out == ["0 views rendered, 0 already there, 5 failed"]
    lines = [line for line in errors if line.startswith("renderbench: ")]
    assert len(lines) == 1
    assert says in lines[0]
    folder = root / "views/folder/tiny/seen.all.tiny+pbrt-fit"
    assert len(list((folder / "progress").glob("*.failed.json"))) == 3
    monkeypatch.delenv(TIME_LIMIT)
    stand_in(tmp_path)
    assert groundtruth(*options)[0] == 0
    assert not (folder / "progress").exists()


def test_a_dry_run_is_a_table_and_makes_nothing(groundtruth, root) -> None:
    code, out, errors = groundtruth("--dry-run", "--threads", 1)
    assert (code, errors) == (0, [])
    assert out[0].split() == ["condition", "views", "samples/pixel", "s/view", "core-hours"]
    assert out[1].split()[:3] == ["folder/tiny/seen.all.tiny", "5", "16"]
    assert out[2].split()[:2] == ["sum", "5"]
    assert out[3].endswith("seconds with 1 core; nothing was written")
    assert not (root / "views").exists()
    assert groundtruth()[0] == 0
    assert groundtruth("--dry-run")[1] == ["every view is there"]
    code, out, _ = groundtruth("--dry-run", "--json")
    assert json.loads("\n".join(out))["hours"] == 0


def test_an_export_is_rendered_elsewhere_and_imported(groundtruth, root, tmp_path) -> None:
    farm = tmp_path / "farm"
    pbrt = ("--renderer", "pbrt")
    code, out, _ = groundtruth(*pbrt, "--export-only", farm, "--samples", 8)
    assert (code, out) == (0, [f"15 scenes in {farm}; README.md there says how to render them"])
    assert groundtruth(*pbrt, "--import", farm)[:2] == (
        0,
        ["0 views imported, 0 already there, 5 not rendered yet"],
    )
    environment = {**os.environ, "PBRT": str(stand_in(tmp_path))}
    subprocess.run(["sh", str(farm / "render.sh")], env=environment, check=True, capture_output=True)
    code, out, errors = groundtruth(*pbrt, "--import", farm, "--json")
    assert code == 0
    assert json.loads(out[0])["imported"] == 5
    assert "renderbench run --suite" in errors[-1]


def test_exrs_come_on_request_and_change_no_digest(groundtruth, root) -> None:
    assert groundtruth()[1] == ["5 views rendered, 0 already there"]
    folder = root / "views/folder/tiny/seen.all.tiny-fit"
    plain = ViewSet.open(folder)
    assert groundtruth("--exr")[1] == ["5 views rendered, 0 already there"]
    assert len(list((folder / "images").glob("*.exr"))) == 3
    assert ViewSet.open(folder).digest == plain.digest
    assert groundtruth()[1] == groundtruth("--exr")[1] == ["0 views rendered, 5 already there"]


def test_ctrl_c_says_how_to_go_on_and_loses_no_finished_view(root, tmp_path) -> None:
    suite = write_suite(tmp_path / "long.toml", samples=4096)
    command = [sys.executable, "-m", "renderbench", "groundtruth", "--root", str(root), "--suite", str(suite)]
    # Python ignores SIGINT where the parent does, as a shell's background jobs do.
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    images = root / "views/folder/tiny/seen.all.tiny-fit/images"
    end = time.monotonic() + 120
    while not list(images.glob("[0-9]*.png")):
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1].startswith("renderbench: interrupted; the same command goes on from here")
    assert "Traceback" not in errors
    assert not list(images.parent.glob("progress/*.running.json"))
    assert list(images.glob("[0-9]*.png"))
