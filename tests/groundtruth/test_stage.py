import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from renderbench.cameras import smallest_angle_deg
from renderbench.errors import InputError
from renderbench.groundtruth import conditions
from renderbench.groundtruth.conditions import condition_of
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from renderbench.scans.groups import select_groups
from tests.groundtruth.studies import prepare_study, suite


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def rendered(prepared) -> Root:
    report = render_suite(prepared, suite())
    assert (report.rendered, report.skipped) == (5, 0)
    return prepared


@pytest.fixture
def root(tmp_path, rendered) -> Root:
    """A copy to spoil."""
    shutil.copytree(rendered.path, tmp_path / "root")
    return Root(tmp_path / "root")


def state(root: Root) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in sorted((root.path / "views").rglob("*"))}


def opened(root: Root, role: str = "fit", **changes: object) -> ViewSet:
    current = suite(**changes)
    return open_views(root, current, current.blocks[0], "tiny", role)


def test_a_second_run_does_nothing_and_loads_nothing(root, monkeypatch) -> None:
    before = state(root)
    monkeypatch.setattr(conditions, "medium_from_rgba", None)
    report = render_suite(root, suite())
    assert (report.rendered, report.skipped) == (0, 5)
    assert state(root) == before


def test_a_set_reads_back(rendered) -> None:
    current = suite()
    path = condition_of(rendered, current, current.blocks[0], "tiny", "all").folder("fit")
    assert path == rendered.path / "views/folder/tiny/seen.all.tiny-fit"
    views = ViewSet.open(path)
    images = views.images()
    assert images.shape == (3, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images.max() > 60
    assert (images[:, 0, 0] == 0).all(), "the environment is hidden"
    assert views.image_path(2).name == "002.png"
    assert len(views.cameras) == len(views.noise_floor_db) == 3
    assert views.noise_floor_mean_db == pytest.approx(np.mean(views.noise_floor_db))
    assert views.seconds > 0
    assert len(views.digest) == 64


def test_transforms_are_what_other_tools_read(rendered) -> None:
    views = opened(rendered)
    transforms = json.loads((views.path / "transforms.json").read_text())
    assert transforms["camera_model"] == "PINHOLE"
    assert (transforms["w"], transforms["h"], transforms["cx"], transforms["cy"]) == (32, 32, 16.0, 16.0)
    for index, frame in enumerate(transforms["frames"]):
        assert (views.path / frame["file_path"]) == views.image_path(index)
        matrix = np.array(frame["transform_matrix"])
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
        assert matrix[:3, 3] == pytest.approx(views.cameras[index].position_mm)


def test_views_json_says_what_made_the_set(rendered) -> None:
    made_from = opened(rendered).record.made_from
    assert made_from["renderer"]["samples_per_pixel"] == 16
    assert made_from["renderer"]["version"]
    assert made_from["medium"] == {"reference_mm": 0.375, "alpha_max": 0.99}
    assert made_from["scan"]["name"] == "tiny"


def test_the_picture_is_where_the_cameras_say(rendered) -> None:
    """Liver on the patient's right: the medium's own silhouette, projected, covers what is lit."""
    from renderbench.scans.store import ScanStore

    views = opened(rendered)
    store = ScanStore.open(rendered.scan("folder", "tiny"))
    visible = store.rgba("seen")[3] * select_groups("all").mask(store.groups()) > 0
    positions = store.grid.world(np.argwhere(visible)[:, ::-1].astype(np.float64))
    for camera, image in zip(views.cameras, views.images(), strict=True):
        pixels, _ = camera.project(positions)
        lit = np.argwhere(image.sum(axis=-1) > 30)[:, ::-1] + 0.5
        assert len(lit) > 30
        assert abs(pixels.min(axis=0) - lit.min(axis=0)).max() < 3
        assert abs(pixels.max(axis=0) - lit.max(axis=0)).max() < 3


def test_test_views_are_not_fitting_views(rendered) -> None:
    fit, test = opened(rendered), opened(rendered, "test")
    toward, others = ([-each.world_from_camera[:3, 2] for each in views.cameras] for views in (fit, test))
    assert smallest_angle_deg(np.array(toward), np.array(others)) > 20
    assert {record.seed for record in fit.record.views}.isdisjoint(
        record.seed for record in test.record.views
    )


def test_blocks_under_one_condition_share_their_views(root) -> None:
    blocks = [{"id": "a"}, {"id": "b", "protocol": "paper"}, {"id": "c", "groups": "organs"}]
    report = render_suite(root, suite(blocks=blocks))
    assert (report.rendered, report.skipped) == (5, 5)


def test_only_what_changed_is_rendered_again(root) -> None:
    fit = state(root)
    report = render_suite(root, suite(views={"test": 4}))
    assert (report.rendered, report.skipped) == (4, 3)
    kept = {path: at for path, at in state(root).items() if "tiny-fit" in str(path)}
    assert kept.items() <= fit.items()

    report = render_suite(root, suite(views={"test": 1}))
    assert report.rendered == 1
    assert [path.name for path in (opened(root, "test", views={"test": 1}).path / "images").iterdir()] == [
        "000.png"
    ]

    changed = {"renderer": {"environment_radiance": 2.0}, "views": {"test": 1}}
    assert render_suite(root, suite(**changed)).rendered == 4


def test_a_transfer_function_that_others_use_changes_nothing(rendered, tmp_path) -> None:
    from renderbench.scans.stage import prepare_dataset

    other = prepare_study(tmp_path)
    prepare_dataset("folder", raw=tmp_path / "raw", root=other, transfer_functions=["seen"])
    shutil.copytree(rendered.path / "views", other.path / "views")
    assert render_suite(other, suite()).rendered == 0


def test_a_lost_image_is_rendered_again_alone(root) -> None:
    views = opened(root)
    pixels = views.images()
    views.image_path(1).unlink()
    with pytest.raises(InputError, match=r"001\.png: expected an image of the view set, found none"):
        opened(root)
    assert render_suite(root, suite()).rendered == 1
    assert (opened(root).images() == pixels).all()


def test_a_damaged_image_is_an_input_error(root) -> None:
    views = opened(root)
    path = views.image_path(0)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(
        InputError, match=r"000\.png: expected an image of the view set, found one that cannot"
    ):
        views.images()


def test_views_that_are_missing_or_stale_name_the_command(prepared, root) -> None:
    command = rf"run `renderbench groundtruth --root {root.path} --suite tiny`"
    with pytest.raises(InputError, match=f"made from others; {command}"):
        opened(root, renderer={"samples_per_pixel": 32})
    (opened(root).path / "views.json").unlink()
    with pytest.raises(InputError, match=f"found an incomplete set; {command}"):
        opened(root)
    shutil.rmtree(root.path / "views")
    with pytest.raises(InputError, match=f"found none; {command}"):
        opened(root)


def test_missing_input_is_found_before_anything_is_rendered(root) -> None:
    shutil.rmtree(root.path / "views")
    for wrong in ({"dataset": "absent"}, {"scans": ["absent"]}, {"transfer_function": "absent"}):
        with pytest.raises(InputError, match="absent"):
            render_suite(root, suite(blocks=[{}, {"id": "wrong", **wrong}]))
    assert not (root.path / "views").exists()


def test_groups_that_show_nothing_fail_in_one_line_and_the_others_are_rendered(root) -> None:
    shutil.rmtree(root.path / "views")
    report = render_suite(root, suite(blocks=[{"groups": "skeleton"}, {"id": "whole"}]))
    assert (report.rendered, report.skipped, len(report.failed)) == (5, 0, 5)
    (line,) = report.lines
    assert line == (
        "view folder/tiny/seen.skeleton.tiny-fit 000 and 4 others: scan tiny: groups 'skeleton': "
        "expected at least one visible voxel, found none; "
        "choose other groups, another transfer function, or leave this scan out of the block"
    )
    assert isinstance(report.failed[0].error, InputError)


_RENDER = """
import sys
from pathlib import Path
from renderbench.config import Suite
from renderbench.groundtruth.stage import render_suite
from renderbench.layout import Root

if __name__ == "__main__":
    render_suite(Root(Path(sys.argv[1])), Suite.model_validate_json(sys.argv[2]), threads=1)
"""


def test_a_killed_run_resumes_at_the_view_in_hand(tmp_path, prepared) -> None:
    root = Root(tmp_path / "root")
    shutil.copytree(prepared.path / "scans", root.path / "scans")
    study = suite(renderer={"samples_per_pixel": 1024}, views={"fit": 6, "test": 1})
    images = root.path / "views/folder/tiny/seen.all.tiny-fit/images"
    process = subprocess.Popen(
        [sys.executable, "-c", _RENDER, str(root.path), study.model_dump_json()],
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        deadline = time.monotonic() + 300
        while len(list(images.glob("[0-9]*.png"))) < 2:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    kept = {path: path.stat().st_mtime_ns for path in images.glob("[0-9]*.png")}
    assert 2 <= len(kept) < 6
    with pytest.raises(InputError, match="incomplete"):
        open_views(root, study, study.blocks[0], "tiny", "fit")

    report = render_suite(root, study, threads=1)
    assert (report.rendered, report.skipped) == (7 - len(kept), len(kept))
    assert kept.items() <= {path: path.stat().st_mtime_ns for path in images.glob("[0-9]*.png")}.items()
    assert not list(root.path.rglob(".staging-*"))

    resumed = open_views(root, study, study.blocks[0], "tiny", "fit").images()
    shutil.rmtree(images)
    assert render_suite(root, study).rendered == 6
    undisturbed = open_views(root, study, study.blocks[0], "tiny", "fit").images()
    assert (resumed == undisturbed).all()
