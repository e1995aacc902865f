"""What stage 2 says that it will cost, against what it does cost."""

import shutil
from pathlib import Path

import pytest

from renderbench.groundtruth import cost
from renderbench.groundtruth.cost import estimate_cost
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.layout import Root
from tests.groundtruth.studies import prepare_study, suite


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def root(tmp_path, prepared) -> Root:
    shutil.copytree(prepared.path / "scans", tmp_path / "root" / "scans")
    return Root(tmp_path / "root")


def files(root: Root) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.path.rglob("*")}


@pytest.mark.parametrize(
    ("floor_db", "most_samples"), [(35.0, 512), (42.0, 32)], ids=["reached", "extrapolated"]
)
def test_samples_are_estimated_within_a_factor_of_1_5(root, monkeypatch, floor_db, most_samples) -> None:
    monkeypatch.setattr(cost, "_RESOLUTION", 24)
    monkeypatch.setattr(cost, "_MOST_SAMPLES", most_samples)
    study = suite(
        renderer={"samples_per_pixel": None, "noise_floor": floor_db},
        views={"fit": 3, "test": 2, "resolution": 64},
    )
    before = files(root)
    found = estimate_cost(root, study, threads=1)
    assert files(root) == before, "a dry run writes nothing"
    (condition,) = found.conditions
    assert (condition.name, condition.views, condition.measured) == ("folder/tiny/seen.all.tiny", 5, True)
    assert (found.device, found.unit) == ("cpu", "core-hours")
    assert found.hours == pytest.approx(5 * condition.seconds / 3600)

    render_suite(root, study)
    taken = open_views(root, study, study.blocks[0], "tiny", "fit").samples_mean
    assert taken / 1.5 < condition.samples < 1.5 * taken
    assert estimate_cost(root, study).conditions == ()


def test_a_fixed_number_of_samples_is_known(root) -> None:
    (condition,) = estimate_cost(root, suite(renderer={"samples_per_pixel": 2048}), threads=1).conditions
    assert condition.samples == 2048


def test_only_pending_views_cost_and_scans_of_a_kind_stand_for_each_other(root, monkeypatch) -> None:
    study = suite(blocks=[{"id": "whole"}, {"id": "liver", "groups": ["liver"]}])
    both = estimate_cost(root, study, threads=2)
    assert [each.views for each in both.conditions] == [5, 5]
    assert both.threads == 2
    assert both.as_dict()["views"] == 10
    render_suite(root, suite())
    (left,) = estimate_cost(root, study).conditions
    assert left.name == "folder/tiny/seen.liver.tiny"

    monkeypatch.setattr(cost, "_by_kind", lambda wanted: {("one", "kind", ""): wanted})
    monkeypatch.setattr(cost, "_SCANS", 1)
    shutil.rmtree(root.path / "views")
    first, second = estimate_cost(root, study).conditions
    assert (first.measured, second.measured) == (True, False)
    assert (first.samples, first.seconds) == (second.samples, second.seconds)


def test_hours_of_a_gpu_are_not_multiplied_by_cores(root, monkeypatch) -> None:
    monkeypatch.setattr(NativeRenderer, "device", "cuda: a GPU")
    found = estimate_cost(root, suite(), threads=2)
    assert (found.device, found.unit) == ("cuda: a GPU", "GPU-hours")
    assert found.hours == pytest.approx(5 * found.conditions[0].seconds / 3600)
