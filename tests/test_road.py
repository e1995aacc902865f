"""The whole road through the command line, on a miniature of the phantom written as NIfTI."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from renderbench.artefacts import is_staging
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.store import ScanStore

SUITE = """
name = "tiny"
seed = 3

[renderer]
samples_per_pixel = 256

[views]
fit = 6
test = 3
resolution = 48

[methods.6dgs.settings]
iterations = 40
evaluate_every = 20
surface_points = 400
density_points = 200

[methods.6dgs-agp.settings]
iterations = 40
evaluate_every = 20
initial_points = 1500

[[blocks]]
id = "mini"
title = "Miniature, Seen TF"
dataset = "folder"
methods = ["agp", "6dgs", "6dgs-agp"]

[[blocks]]
id = "bones"
title = "Miniature, Skeleton"
dataset = "folder"
groups = "skeleton"
protocol = "paper"
methods = ["agp"]
"""


def write_miniature(folder: Path) -> None:
    """A phantom of 6 mm voxels that claim to be 2 mm, with the axes of a NIfTI from a scanner."""
    scan = phantom_scan(7, spacing_mm=6.0)
    folder.mkdir(parents=True)
    for name, array in (("ct", scan.ct), ("labels", scan.labels)):
        image = sitk.GetImageFromArray(array)
        image.SetSpacing((2.0, 2.0, 2.0))
        sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(folder / f"{name}.nii.gz"))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The folders of a study: raw scans, suite and root; nothing done yet."""
    base = tmp_path_factory.mktemp("road")
    write_miniature(base / "raw" / "mini")
    (base / "tiny.toml").write_text(SUITE)
    return base


def stages(base: Path, root: Path) -> list[list[str]]:
    of_suite = ["--root", str(root), "--suite", str(base / "tiny.toml")]
    return [
        ["dataset", "folder", "--raw", str(base / "raw"), "--root", str(root)],
        ["groundtruth", *of_suite],
        *(["run", *of_suite, "--method", method] for method in ("agp", "6dgs", "6dgs-agp")),
    ]


@pytest.fixture(scope="module")
def root(study, renderbench):
    """A root with the whole road walked once."""
    folder = study / "root"
    for arguments in stages(study, folder):
        result = renderbench(*arguments)
        assert result.returncode == 0, result.stderr
    return folder


def snapshot(folder: Path) -> dict[str, int]:
    """Every file and when it was last written."""
    return {str(path): path.stat().st_mtime_ns for path in sorted(folder.rglob("*")) if path.is_file()}


def test_every_run_leaves_scene_renders_record_and_sheet(root):
    for block, method in (("mini", "agp"), ("mini", "6dgs"), ("mini", "6dgs-agp"), ("bones", "agp")):
        folder = root / "runs" / "tiny" / block / "mini" / method
        record = json.loads((folder / "record.json").read_text())
        assert (folder / "scene.ply").is_file()
        assert len(list((folder / "renders").glob("*.png"))) == 3
        assert 5 < record["metrics"]["psnr"] < 50
        assert 0 < record["metrics"]["ssim"] < 1
        assert record["points"] > 0
        assert record["fps"] > 0
        assert record["noise_floor_db"] > 15
        assert {"read", "resample", "transfer", "initialise"} <= set(record["seconds"])
        assert ("views" in record["seconds"]) == (method != "agp")
        assert ("optimise" in record["seconds"]) == (method != "agp")
        assert record["seconds_full"] == pytest.approx(sum(record["seconds"].values()), abs=0.01)
        assert record["versions"]["renderbench"]
    sheet = iio.imread(root / "runs" / "tiny" / "mini" / "mini" / "contact-sheet.png")
    assert sheet.shape[1] > 4 * 256


def test_fitting_beats_the_prior_and_the_prior_helps_the_fit(root):
    runs = root / "runs" / "tiny" / "mini" / "mini"
    psnr = {
        method: json.loads((runs / method / "record.json").read_text())["metrics"]["psnr"]
        for method in ("agp", "6dgs", "6dgs-agp")
    }
    assert psnr["6dgs-agp"] > psnr["agp"] + 2
    assert psnr["6dgs-agp"] > psnr["6dgs"] + 2


def test_the_skeleton_block_shows_less_than_the_whole(root):
    views = root / "views" / "folder" / "mini"
    whole, bones = (
        iio.imread(views / f"seen.{groups}.tiny-test" / "images" / "000.png")
        for groups in ("all", "skeleton")
    )
    assert 0 < np.count_nonzero(bones.any(axis=-1)) < np.count_nonzero(whole.any(axis=-1))


def test_a_second_walk_does_nothing(study, root, renderbench):
    before = snapshot(root)
    for arguments in stages(study, root):
        result = renderbench(*arguments)
        assert result.returncode == 0, result.stderr
    assert snapshot(root) == before


def test_tables_and_leaderboard(study, root, renderbench):
    of_suite = ["--root", root, "--suite", study / "tiny.toml"]
    markdown = renderbench("tables", *of_suite, "--format", "markdown").stdout
    assert markdown.count("\n| ") == 4
    assert "6DGS + AGP" in markdown
    assert (root / "leaderboard" / "tables" / "tiny.md").read_text() == markdown
    assert r"\toprule" in renderbench("tables", *of_suite, "--format", "latex").stdout
    target = study / "export" / "board.csv"
    assert renderbench("leaderboard", "export", "--root", root, "--csv", target).returncode == 0
    board = pd.read_csv(target)
    rows = set(zip(board["block"], board["method"], strict=True))
    assert rows == {("mini", "agp"), ("mini", "6dgs"), ("mini", "6dgs-agp"), ("bones", "agp")}
    assert board["psnr_db"].between(5, 50).all()


def test_status_says_what_is_done_and_what_is_missing(study, root, renderbench, tmp_path):
    arguments = ["status", "--root", root, "--suite", study / "tiny.toml", "--json"]
    items = json.loads(renderbench(*arguments).stdout)
    assert {item["state"] for item in items} == {"done"}
    assert [item["kind"] for item in items].count("run") == 4
    empty = json.loads(
        renderbench("status", "--root", tmp_path, "--suite", study / "tiny.toml", "--json").stdout
    )
    assert [item["state"] for item in empty] == ["missing"]
    assert "renderbench dataset" in empty[0]["detail"]


def test_json_reports(study, root, renderbench):
    dataset, groundtruth, *runs = stages(study, root)
    assert json.loads(renderbench(*dataset, "--json").stdout)["skipped"] == ["mini"]
    assert json.loads(renderbench(*groundtruth, "--json").stdout)["rendered"] == 0
    assert json.loads(renderbench(*runs[0], "--json").stdout)["skipped"] == [
        "mini/mini/agp",
        "bones/mini/agp",
    ]
    assert {entry["id"] for entry in json.loads(renderbench("methods", "--json").stdout)} >= {
        "agp",
        "6dgs",
        "6dgs-agp",
    }
    assert json.loads(renderbench("doctor", "--json").stdout)[0]["present"]


def kill_when(arguments: list[str], condition: Callable[[str], bool]) -> None:
    """Start a stage and kill it outright as soon as ``condition`` of its stderr so far holds."""
    command = [sys.executable, "-m", "renderbench", *arguments]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            log.seek(0)
            if condition(log.read()):
                break
            time.sleep(0.005)
        assert process.poll() is None, "the stage ended before it could be killed"
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def test_killing_any_stage_and_running_it_again_completes_it(study, root, renderbench, tmp_path):
    again = tmp_path / "root"
    dataset, groundtruth, agp, _, fit = stages(study, again)
    store = again / "scans" / "folder" / "mini.zarr"
    kill_when(dataset, lambda _: any(is_staging(path) for path in store.parent.glob(".*")))
    if store.exists():  # killed a moment too late: then it must be whole
        ScanStore.open(store).rgba("unseen")
    assert renderbench(*dataset).returncode == 0

    images = again / "views" / "folder" / "mini" / "seen.all.tiny-fit" / "images"
    kill_when(groundtruth, lambda _: len(list(images.glob("0*.png"))) >= 2)
    done = snapshot(images)
    assert len(done) >= 2
    assert not (images.parent / "views.json").exists()
    report = json.loads(renderbench(*groundtruth, "--json").stdout)
    assert report["skipped"] >= 2
    assert {path: time for path, time in snapshot(images).items() if path in done} == done

    run = again / "runs" / "tiny" / "mini" / "mini" / "6dgs-agp"
    kill_when(fit, lambda log: "preparing" in log)
    assert not run.exists()
    for arguments in (agp, fit):
        assert renderbench(*arguments).returncode == 0
    mine, reference = (
        json.loads((base / "runs" / "tiny" / "mini" / "mini" / "6dgs-agp" / "record.json").read_text())
        for base in (again, root)
    )
    assert mine["metrics"] == reference["metrics"]
    assert not [path for path in again.rglob("*") if is_staging(path)]


def test_an_interrupt_says_how_to_go_on(study, root, tmp_path):
    (tmp_path / "slow.toml").write_text(SUITE.replace('"tiny"', '"slow"').replace("= 256", "= 4096", 1))
    arguments = ["groundtruth", "--root", str(root), "--suite", str(tmp_path / "slow.toml")]
    # Python ignores SIGINT where the parent does, as a shell's background jobs do.
    process = subprocess.Popen(
        [sys.executable, "-m", "renderbench", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    views = root / "views" / "folder" / "mini" / "seen.all.slow-fit" / "images"
    deadline = time.monotonic() + 60
    while not views.exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; the same command goes on" in said
    assert "Traceback" not in said


def test_the_demo_is_the_same_verbs(renderbench, tmp_path):
    """Only as far as the first failure, since the demo itself takes minutes: `make demo` runs it."""
    (tmp_path / "file").touch()
    result = renderbench("demo", "--root", tmp_path / "file" / "root")
    assert result.returncode == 2
    assert "$ renderbench dataset phantom" in result.stdout
    assert "Traceback" not in result.stderr
    other = renderbench("demo", "--root", tmp_path / "root", "--suite", "laptop")
    assert other.returncode == 2
    assert "phantom only, found folder" in other.stderr
    assert not (tmp_path / "root").exists()
