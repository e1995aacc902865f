"""``transforms.json`` as nerfstudio and NerfBaselines read it."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from renderbench.cameras import sphere_cameras
from renderbench.errors import InputError
from renderbench.groundtruth.transforms import read_transforms
from renderbench.groundtruth.viewset import ViewSet, finish_set, image_path, write_split, write_view
from tests.groundtruth.test_viewset import rendered

SIZE = 24
# So many that nine tenths of them leave one to evaluate on.
FIT, TEST = 11, 2


def written(folder: Path, count: int, seed: int) -> ViewSet:
    cameras = sphere_cameras(
        count,
        center_mm=(5.0, -3.0, 40.0),
        radius_mm=90.0,
        resolution=SIZE,
        fov_deg=40.0,
        layout="fibonacci",
        seed=seed,
    )
    records = [write_view(folder, i, rendered(seed + i), digest=f"{i}", seed=i) for i in range(count)]
    finish_set(folder, cameras, records, digest="set", made_from={})
    return ViewSet.open(folder)


@pytest.fixture
def sets(tmp_path: Path) -> tuple[ViewSet, ViewSet]:
    """A fitting and a test set, and beside them ``both.json``."""
    fit, test = written(tmp_path / "a-fit", FIT, 10), written(tmp_path / "a-test", TEST, 30)
    write_split(tmp_path / "both.json", fit=fit, test=test)
    return fit, test


def payload(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def test_a_set_has_the_keys_that_readers_ask_for(sets: tuple[ViewSet, ViewSet]) -> None:
    fit, _ = sets
    found = payload(fit.path / "transforms.json")
    assert set(found) == {"camera_model", "w", "h", "fl_x", "fl_y", "cx", "cy", "frames"}
    assert found["camera_model"] == "PINHOLE", "methods without lens distortion take no other, or resample"
    assert (found["w"], found["h"], found["cx"], found["cy"]) == (SIZE, SIZE, SIZE / 2, SIZE / 2)
    assert found["fl_x"] == found["fl_y"] == pytest.approx(SIZE / 2 / np.tan(np.radians(20)))
    assert [set(frame) for frame in found["frames"]] == [{"file_path", "transform_matrix"}] * FIT
    paths = [frame["file_path"] for frame in found["frames"]]
    # nerfstudio sorts frames by path and both readers look below the file's own folder.
    assert paths == sorted(paths) == [f"images/{index:03d}.png" for index in range(FIT)]
    assert all((fit.path / path).is_file() for path in paths)


def test_images_are_rgb_over_black_without_alpha(sets: tuple[ViewSet, ViewSet]) -> None:
    with Image.open(image_path(sets[0].path, 0)) as picture:
        assert (picture.mode, picture.size) == ("RGB", (SIZE, SIZE))
        assert picture.getpixel((0, 0)) == (0, 0, 0)


def test_matrices_are_opengl_camera_to_world(sets: tuple[ViewSet, ViewSet]) -> None:
    fit, _ = sets
    for frame, camera in zip(payload(fit.path / "transforms.json")["frames"], fit.cameras, strict=True):
        matrix = np.array(frame["transform_matrix"])
        assert matrix.shape == (4, 4)
        assert (matrix[3] == (0, 0, 0, 1)).all()
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)
        assert matrix[:3, 3] == pytest.approx(camera.position_mm)
        # A point ahead of the camera is on its -z axis; a row further down in the image has less y.
        ahead = matrix @ (0, 0, -300, 1)
        below = matrix @ (0, -20, -300, 1)
        pixels, depths = camera.project(np.array([ahead[:3], below[:3]]))
        assert depths == pytest.approx([300, 300])
        assert pixels[0] == pytest.approx((SIZE / 2, SIZE / 2))
        assert pixels[1] == pytest.approx((SIZE / 2, SIZE / 2 + 20 / 300 * camera.fy_px))


def test_a_split_names_every_image_once(sets: tuple[ViewSet, ViewSet], tmp_path: Path) -> None:
    found = payload(tmp_path / "both.json")
    paths = [frame["file_path"] for frame in found["frames"]]
    images = [f"a-fit/images/{index:03d}.png" for index in range(FIT)]
    assert paths == [*images, "a-test/images/000.png", "a-test/images/001.png"]
    assert found["train_filenames"] == paths[:FIT]
    # nerfstudio wants all three lists as soon as there is one.
    assert found["val_filenames"] == found["test_filenames"] == paths[FIT:]
    assert all((tmp_path / path).is_file() for path in paths)


@pytest.mark.parametrize("spoil", ["count", "matrix", "number", "key", "kind"])
def test_cameras_that_cannot_be_read_are_one_clear_line(sets: tuple[ViewSet, ViewSet], spoil: str) -> None:
    path = sets[0].path / "transforms.json"
    found = payload(path)
    match spoil:
        case "count":
            found["frames"].pop()
        case "matrix":
            found["frames"][1]["transform_matrix"] = [[1, 0], [0, 1]]
        case "number":
            found["frames"][1]["transform_matrix"][0][3] = 10**400
        case "key":
            del found["fl_x"]
        case "kind":
            found = [found]
    path.write_text(json.dumps(found))
    readable = FIT - 1 if spoil == "count" else 0
    expected = f"{path}: expected {FIT} cameras, found {readable} that can be read; remove it"
    with pytest.raises(InputError, match=expected):
        read_transforms(path, FIT, remedy="remove it")


_LOAD = """
import json, sys
from nerfbaselines.datasets import load_dataset

found = {}
for path in sys.argv[1:]:
    for split in ("train", "test"):
        data = load_dataset(path, split=split, supported_camera_models=frozenset(["pinhole"]))
        found[path + " " + split] = {
            "poses": data["cameras"].poses.tolist(),
            "intrinsics": data["cameras"].intrinsics.tolist(),
            "models": data["cameras"].camera_models.tolist(),
            "paths": list(data["image_paths"]),
            "images": [image.tolist() for image in data["images"]],
        }
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def nerfbaselines() -> str:
    """A Python that has NerfBaselines; it wants an older numpy than we do, so mostly another one."""
    if importlib.util.find_spec("nerfbaselines") is not None:
        return sys.executable
    if (python := os.environ.get("NERFBASELINES_PYTHON")) is None:
        pytest.skip("nerfbaselines is not installed here; NERFBASELINES_PYTHON may name a Python that has it")
    return python


def test_nerfbaselines_reads_sets_and_split_unchanged(
    sets: tuple[ViewSet, ViewSet], tmp_path: Path, nerfbaselines: str
) -> None:
    fit, test = sets
    paths = [str(fit.path), str(tmp_path / "both.json")]
    # Its numpy is not ours: nothing of this process's module path may reach it.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    process = subprocess.run(
        [nerfbaselines, "-c", _LOAD, *paths], capture_output=True, text=True, check=False, env=environment
    )
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    # A single set is split by the reader: nine tenths to train on.
    assert [len(found[f"{paths[0]} {split}"]["paths"]) for split in ("train", "test")] == [FIT - 1, 1]
    for split, views in (("train", fit), ("test", test)):
        data = found[f"{paths[1]} {split}"]
        assert [Path(path).resolve() for path in data["paths"]] == [
            views.image_path(index).resolve() for index in range(len(views.cameras))
        ]
        assert set(data["models"]) == {0}, "pinhole"
        assert (np.array(data["images"]) == views.images()).all(), "neither resampled nor cropped"
        for pose, intrinsics, camera in zip(data["poses"], data["intrinsics"], views.cameras, strict=True):
            assert np.array(pose) == pytest.approx(camera.world_from_camera[:3], abs=1e-4)
            assert intrinsics == pytest.approx([camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px])
