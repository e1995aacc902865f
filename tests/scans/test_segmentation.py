"""The seam to TotalSegmentator, against a test double: the real one's weights cannot be had here."""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from renderbench.errors import InputError, JobError
from renderbench.scans.groups import LABELS
from renderbench.scans.segmentation import require_segmenter, weights_folder
from renderbench.scans.volume import Grid

DOUBLE = Path(__file__).parent / "fake_totalsegmentator"
TOTAL = ("Dataset291_organs", "Dataset292_vertebrae")
EVERYTHING = (*TOTAL, "Dataset297_3mm", "Dataset298_6mm", "Dataset301_heart", "Dataset509_coronary")
LICENCE = "aca_12345678901234"
NAMES = {label.name: label.value for label in LABELS}


class Setup:
    """The double, its weights, and what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.weights = folder / "weights"
        self.home = folder / "home"
        self.temporary = folder / "temporary"
        self.record = folder / "record"
        self._monkeypatch = monkeypatch
        for path in (self.weights, self.home, self.temporary):
            path.mkdir()
        monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(self.weights))
        monkeypatch.setenv("TOTALSEG_HOME_DIR", str(self.home))
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(DOUBLE), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setattr(tempfile, "tempdir", str(self.temporary))
        monkeypatch.syspath_prepend(str(DOUBLE))
        self.behave(None)

    def behave(self, how: str | None) -> None:
        asked = json.dumps({"record": str(self.record), "behave": how})
        self._monkeypatch.setenv("FAKE_TOTALSEGMENTATOR", asked)

    def put(self, *names: str) -> None:
        for name in names:
            fold = self.weights / name / "nnUNetTrainer__nnUNetPlans__3d_fullres" / "fold_0"
            fold.mkdir(parents=True)
            (fold / "checkpoint_final.pth").touch()

    def license(self, number: object) -> None:
        config = {"license_number": number, "send_usage_stats": True, "prediction_counter": 3}
        (self.home / "config.json").write_text(json.dumps(config))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.record.read_text().splitlines()]


@pytest.fixture
def setup(tmp_path, monkeypatch):
    forget()
    yield Setup(tmp_path, monkeypatch)
    forget()


def forget() -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "totalsegmentator"]:
        del sys.modules[name]


def oblique_grid() -> Grid:
    """Turned by 20 degrees about z and 10 about x, with three different spacings."""
    a, b = np.radians(20), np.radians(10)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = about_z @ about_x * np.array([0.8, 0.9, 2.5])
    world_from_voxel[:3, 3] = (-120.5, 33.25, -700.0)
    return Grid(shape=(6, 9, 11), world_from_voxel=world_from_voxel)


def lps(grid: Grid) -> np.ndarray:
    """(D, H, W, 3) world positions of the voxels."""
    k, j, i = np.mgrid[tuple(slice(size) for size in grid.shape)]
    voxels = np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)
    return grid.world(voxels).reshape(*grid.shape, 3)


def some_ct(grid: Grid) -> np.ndarray:
    return np.random.default_rng(0).integers(-1000, 1000, grid.shape).astype(np.int16)


def test_labels_lie_on_the_patients_own_side_and_go_by_name(setup):
    setup.put(*TOTAL)
    grid = oblique_grid()
    labels = require_segmenter("totalsegmentator").segment(some_ct(grid), grid)
    assert labels.shape == grid.shape
    assert labels.dtype == np.uint8
    # LPS: x grows towards the patient's left.
    x = lps(grid)[..., 0]
    left = x > x.mean() + 1e-3
    right = x < x.mean() - 1e-3
    assert set(labels[right]) == {NAMES["kidney_right"]}
    assert set(labels[left]) == {NAMES["kidney_left"]}


def test_usage_statistics_are_off_and_the_users_configuration_stays(setup):
    setup.put(*TOTAL)
    setup.license("")
    before = (setup.home / "config.json").read_text()
    grid = oblique_grid()
    require_segmenter("totalsegmentator").segment(some_ct(grid), grid)
    (call,) = setup.calls
    assert call["config"]["send_usage_stats"] is False
    assert call["config"]["statistics_disclaimer_shown"] is True
    assert call["home"] != str(setup.home)
    assert call["weights"] == str(setup.weights)
    assert call["proxy"] == "http://127.0.0.1:9"
    assert (setup.home / "config.json").read_text() == before
    assert os.listdir(setup.home) == ["config.json"]


def test_nothing_temporary_stays(setup):
    setup.put(*TOTAL)
    grid = oblique_grid()
    require_segmenter("totalsegmentator").segment(some_ct(grid), grid)
    assert setup.calls[0]["input"].startswith(str(setup.temporary))
    assert os.listdir(setup.temporary) == []


def test_fast_is_another_segmenter_with_weights_of_its_own(setup):
    setup.put("Dataset297_3mm")
    segmenter = require_segmenter("totalsegmentator-fast")
    grid = oblique_grid()
    segmenter.segment(some_ct(grid), grid)
    assert [(call["task"], call["fast"], call["ml"]) for call in setup.calls] == [("total", True, True)]
    assert segmenter.identity()["fast"] is True
    assert segmenter.identity()["weights"] == ["Dataset297_3mm"]


def test_without_a_licence_118_and_119_stay_empty_and_the_identity_says_so(setup):
    setup.put(*EVERYTHING)
    segmenter = require_segmenter("totalsegmentator")
    assert segmenter.identity() == {
        "name": "totalsegmentator",
        "version": "2.18.0",
        "fast": False,
        "tasks": ["total"],
        "weights": sorted(TOTAL),
        "unfilled": ["Coronary Arteries (User-defined)", "Pulmonary Artery (User-defined)"],
    }
    assert json.loads(json.dumps(segmenter.identity())) == segmenter.identity()


@pytest.mark.parametrize("number", ["too short", 12, None])
def test_a_licence_number_that_cannot_be_one_counts_as_none(setup, number):
    setup.put(*EVERYTHING)
    setup.license(number)
    assert require_segmenter("totalsegmentator").identity()["tasks"] == ["total"]


def test_with_a_licence_the_vessels_overwrite_total(setup):
    setup.put(*EVERYTHING)
    setup.license(LICENCE)
    segmenter = require_segmenter("totalsegmentator")
    assert segmenter.identity()["unfilled"] == []
    assert segmenter.identity()["weights"] == sorted([*EVERYTHING])
    grid = Grid(shape=(4, 5, 6), world_from_voxel=np.eye(4))
    labels = segmenter.segment(some_ct(grid), grid)
    assert [(call["task"], call["fast"]) for call in setup.calls] == [
        ("total", False),
        ("heartchambers_highres", False),
        ("coronary_arteries", False),
    ]
    assert {call["config"]["license_number"] for call in setup.calls} == {LICENCE}
    # The double's aorta of heartchambers_highres is none of ours; the rightmost column is x = 0 in LPS.
    assert set(labels[:3].ravel()) == {NAMES["kidney_right"], NAMES["kidney_left"]}
    assert set(labels[3, :, 1:].ravel()) == {119}
    assert set(labels[3, :, 0]) == {118}


def test_a_licence_without_the_weights_fills_what_it_can(setup):
    setup.put(*TOTAL, "Dataset298_6mm", "Dataset509_coronary")
    setup.license(LICENCE)
    segmenter = require_segmenter("totalsegmentator")
    assert segmenter.identity()["tasks"] == ["total", "coronary_arteries"]
    assert segmenter.identity()["unfilled"] == ["Pulmonary Artery (User-defined)"]


@pytest.mark.parametrize(
    ("behave", "found"),
    [
        ("raise", "RuntimeError: CUDA out of memory"),
        ("exit", "ERROR: A license number has not been set so far."),
        ("killed", "it was killed by SIGKILL"),
        ("nothing", "no file"),
        ("moved", "one that lies 1 mm off"),
    ],
)
def test_a_failure_is_one_line_and_leaves_nothing(setup, behave, found):
    setup.put(*TOTAL)
    setup.behave(behave)
    grid = oblique_grid()
    with pytest.raises(JobError) as caught:
        require_segmenter("totalsegmentator").segment(some_ct(grid), grid)
    assert found in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(setup.temporary) == []


def test_missing_weights_say_which_where_and_how(setup):
    setup.put("Dataset291_organs")
    with pytest.raises(InputError) as caught:
        require_segmenter("totalsegmentator")
    line = str(caught.value)
    assert "expected Dataset292_vertebrae in" in line
    assert str(setup.weights) in line
    assert "totalseg_download_weights -t total" in line
    with pytest.raises(InputError, match="totalseg_download_weights -t total_fast"):
        require_segmenter("totalsegmentator-fast")


def test_weights_that_were_cut_short_count_as_missing(setup):
    setup.put(*TOTAL)
    next((setup.weights / TOTAL[1]).rglob("checkpoint_final.pth")).unlink()
    with pytest.raises(InputError, match="expected Dataset292_vertebrae in"):
        require_segmenter("totalsegmentator")


def test_an_absent_package_says_how_to_get_it(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    from renderbench.scans.segmentation import totalsegmentator as segmentation

    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(segmentation, "version", absent)
    with pytest.raises(InputError, match=r"pip install 'renderbench\[segment\]'"):
        require_segmenter("totalsegmentator")


def test_a_version_with_other_classes_is_refused(setup):
    setup.put(*TOTAL)
    from totalsegmentator.map_to_binary import class_map

    class_map["total"][1] = "vertebrae_L6"
    with pytest.raises(
        InputError, match=r"expected version 2\.18 or one with the same tables, found 2\.18\.0"
    ):
        require_segmenter("totalsegmentator")


def test_an_unknown_segmenter_names_the_nearest():
    with pytest.raises(InputError, match="did you mean 'totalsegmentator'"):
        require_segmenter("totalsegmentor")


def test_the_segmenter_travels_to_workers(setup):
    setup.put(*TOTAL)
    segmenter = require_segmenter("totalsegmentator")
    assert pickle.loads(pickle.dumps(segmenter)) == segmenter


def test_weights_are_looked_for_where_totalsegmentator_does(monkeypatch, tmp_path):
    monkeypatch.delenv("TOTALSEG_WEIGHTS_PATH", raising=False)
    monkeypatch.delenv("TOTALSEG_HOME_DIR", raising=False)
    assert weights_folder() == Path.home() / ".totalsegmentator" / "nnunet" / "results"
    monkeypatch.setenv("TOTALSEG_HOME_DIR", str(tmp_path))
    assert weights_folder() == tmp_path / "nnunet" / "results"
    monkeypatch.setenv("TOTALSEG_WEIGHTS_PATH", str(tmp_path / "w"))
    assert weights_folder() == tmp_path / "w"
