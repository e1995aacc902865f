"""View sets as files: PNG and EXR, records, and what is damaged, missing or of something else."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import OpenEXR
import pytest

from renderbench.cameras import Camera, sphere_cameras
from renderbench.errors import InputError
from renderbench.groundtruth.colour import eight_bit_srgb
from renderbench.groundtruth.conditions import condition_of
from renderbench.groundtruth.images import write_exr
from renderbench.groundtruth.noise import noise_floor, noise_floor_ssim
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.viewset import (
    ViewSet,
    begin_set,
    exr_path,
    finish_set,
    image_path,
    read_set_record,
    read_view_record,
    set_holds,
    write_view,
)
from tests.groundtruth.studies import prepare_study, suite

SIZE = 24


def cameras(count: int = 2) -> list[Camera]:
    return sphere_cameras(
        count,
        center_mm=(5.0, -3.0, 40.0),
        radius_mm=90.0,
        resolution=SIZE,
        fov_deg=40.0,
        layout="fibonacci",
        seed=4,
    )


def rendered(seed: int, size: int = SIZE) -> RenderPass:
    """A lit disc: half of its rim's samples miss, nothing scatters outside."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    alpha = np.clip(size / 3 - np.hypot(row, column), 0, 1).astype(np.float32)
    halves = rng.gamma(20.0, 0.02, (2, size, size, 3)).astype(np.float32) * alpha[..., None]
    depth = np.where(alpha > 0, 500 + row, np.nan).astype(np.float32)
    return RenderPass(halves=halves, alpha=alpha, depth_mm=depth, samples=32, seconds=1.5)


def write_set(folder: Path, count: int = 2, *, exr: bool, digest: str = "set") -> list[RenderPass]:
    views = [rendered(index) for index in range(count)]
    begin_set(folder)
    records = [
        write_view(folder, index, view, digest=f"view {index}", seed=index, exr=exr)
        for index, view in enumerate(views)
    ]
    finish_set(folder, cameras(count), records, digest=digest, made_from={"scan": "tiny"})
    return views


def test_records_and_images_read_back(tmp_path: Path) -> None:
    passes = write_set(tmp_path, exr=False)
    views = ViewSet.open(tmp_path)
    assert (views.images() == np.stack([eight_bit_srgb(each.rgb) for each in passes])).all()
    assert views.noise_floor_db == [noise_floor(each.halves) for each in passes]
    assert views.noise_floor_ssim == [noise_floor_ssim(each.halves) for each in passes]
    assert views.noise_floor_mean_db == pytest.approx(np.mean(views.noise_floor_db))
    assert views.noise_floor_mean_ssim == pytest.approx(np.mean(views.noise_floor_ssim))
    assert 0.5 < views.noise_floor_mean_ssim < 1
    assert (views.seconds, views.samples_mean, views.digest) == (3.0, 32.0, "set")
    assert [read_view_record(tmp_path, index) for index in range(2)] == views.record.views
    for camera, again in zip(cameras(), views.cameras, strict=True):
        assert again.camera_from_world == pytest.approx(camera.camera_from_world, abs=1e-9)
        assert (again.fx_px, again.cy_px) == (camera.fx_px, camera.cy_px)


def test_a_view_without_noise_has_a_perfect_floor(tmp_path: Path) -> None:
    view = dataclasses.replace(rendered(0), halves=np.zeros((2, SIZE, SIZE, 3), np.float32))
    record = write_view(tmp_path, 0, view, digest="v", seed=0)
    assert (record.noise_floor_db, record.noise_floor_ssim) == (None, 1.0)


def test_exr_holds_what_the_renderer_measured(tmp_path: Path) -> None:
    passes = write_set(tmp_path, exr=True)
    views = ViewSet.open(tmp_path)
    for index, view in enumerate(passes):
        image = views.linear(index)
        np.testing.assert_array_equal(image.rgb, view.rgb)
        np.testing.assert_array_equal(image.alpha, view.alpha)
        np.testing.assert_array_equal(image.depth_mm, view.depth_mm)
        assert image.rgb.dtype == image.alpha.dtype == np.float32


def test_exr_is_what_other_readers_expect(tmp_path: Path) -> None:
    (view, *_) = write_set(tmp_path, exr=True)
    with OpenEXR.File(str(exr_path(tmp_path, 0)), separate_channels=True) as file:
        header = dict(file.header())
        channels = {name: channel.pixels for name, channel in file.channels().items()}
    assert set(channels) == {"R", "G", "B", "A", "Z"}
    assert {pixels.dtype for pixels in channels.values()} == {np.dtype(np.float32)}
    assert header["compression"] == OpenEXR.ZIP_COMPRESSION
    assert header["renderbench_view_digest"] == "view 0"
    np.testing.assert_array_equal(channels["G"], view.rgb[..., 1])
    nothing = view.alpha == 0
    assert (channels["Z"][nothing] == np.inf).all()
    assert np.isfinite(channels["Z"][~nothing]).all()


def test_a_renderer_that_knows_no_depth_writes_no_z(tmp_path: Path) -> None:
    view = dataclasses.replace(rendered(0), depth_mm=None)
    record = write_view(tmp_path, 0, view, digest="v", seed=0, exr=True)
    finish_set(tmp_path, cameras(1), [record], digest="set", made_from={})
    image = ViewSet.open(tmp_path).linear(0)
    assert image.depth_mm is None
    np.testing.assert_array_equal(image.alpha, view.alpha)


def test_without_exr_the_error_says_how_to_get_one(tmp_path: Path) -> None:
    write_set(tmp_path, exr=False)
    with pytest.raises(InputError, match=r"000\.exr: expected the view's EXR image, found none; set `exr"):
        ViewSet.open(tmp_path).linear(0)
    write_set(tmp_path, exr=True)
    exr_path(tmp_path, 1).unlink()
    with pytest.raises(InputError, match=r"001\.exr: expected the view's EXR image, found none; set `exr"):
        ViewSet.open(tmp_path).linear(1)


@pytest.mark.parametrize("spoil", ["truncated", "flipped", "another", "size", "format", "empty", "header"])
def test_a_wrong_exr_is_one_clear_line(tmp_path: Path, spoil: str, capfd: pytest.CaptureFixture) -> None:
    write_set(tmp_path, exr=True)
    path = exr_path(tmp_path, 0)
    content = path.read_bytes()
    middle = len(content) // 2
    match spoil:
        case "truncated":
            path.write_bytes(content[:middle])
        case "flipped":
            path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])
        case "another":
            path.write_bytes(exr_path(tmp_path, 1).read_bytes())
        case "size":
            write_exr(path, rendered(0, size=16), digest="view 0")
        case "format":
            path.write_bytes(image_path(tmp_path, 0).read_bytes())
        case "empty":
            path.write_bytes(b"")
        case "header":
            path.write_bytes(content[:60])
    found = {"size": "24 × 24 pixels, found 16 × 16 pixels", "format": "found another format"}
    expected = found.get(spoil, "found another format" if spoil == "empty" else "found a damaged or another")
    with pytest.raises(InputError, match=expected) as raised:
        ViewSet.open(tmp_path).linear(0)
    assert str(raised.value).startswith(f"{path}: expected ")
    assert str(raised.value).endswith("; remove it and run `renderbench groundtruth`")
    assert capfd.readouterr().err == "", "OpenEXR's own words about damaged files"


@pytest.mark.parametrize("size", [(16, 24), (24, 16)])
def test_a_png_of_another_size_is_one_clear_line(tmp_path: Path, size: tuple[int, int]) -> None:
    from PIL import Image

    write_set(tmp_path, exr=False)
    Image.new("RGB", size).save(image_path(tmp_path, 1))
    expected = rf"001\.png: expected 24 × 24 pixels, found {size[0]} × {size[1]} pixels; remove it"
    with pytest.raises(InputError, match=expected):
        ViewSet.open(tmp_path).images()


def test_a_view_holds_with_exr_only_when_its_exr_holds(tmp_path: Path) -> None:
    write_set(tmp_path, exr=False)
    assert read_view_record(tmp_path, 0) is not None
    assert read_view_record(tmp_path, 0, exr=True) is None
    assert set_holds(tmp_path, "set")
    assert not set_holds(tmp_path, "another")
    assert not set_holds(tmp_path, "set", exr=True)

    write_set(tmp_path, exr=True)
    assert read_view_record(tmp_path, 0, exr=True) == read_view_record(tmp_path, 0)
    assert set_holds(tmp_path, "set", exr=True)

    # Another view's EXR: killed between the EXR and the PNG of a view that has changed.
    write_exr(exr_path(tmp_path, 0), rendered(7), digest="view 0 as it is now")
    assert read_view_record(tmp_path, 0, exr=True) is None
    assert read_view_record(tmp_path, 0) is not None
    assert not set_holds(tmp_path, "set", exr=True)

    exr_path(tmp_path, 0).write_bytes(b"no EXR")
    assert read_view_record(tmp_path, 0, exr=True) is None
    begin_set(tmp_path)
    assert not set_holds(tmp_path, "set")


def test_stale_images_go_when_the_set_is_finished(tmp_path: Path) -> None:
    write_set(tmp_path, 3, exr=True)
    write_set(tmp_path, 2, exr=True)
    names = {path.name for path in (tmp_path / "images").iterdir()}
    assert names == {"000.png", "001.png", "000.exr", "001.exr"}
    write_set(tmp_path, 2, exr=False)
    assert {path.name for path in (tmp_path / "images").iterdir()} == {"000.png", "001.png"}


def test_exr_changes_no_digest(tmp_path: Path) -> None:
    root = prepare_study(tmp_path)
    digests = []
    for exr in (False, True):
        study = suite(views={"exr": exr})
        condition = condition_of(root, study, study.blocks[0], "tiny", "all")
        digests.append((condition.digest("fit"), condition.view_digest(cameras(1)[0], 3)))
    assert digests[0] == digests[1]


def test_the_body_is_inside_the_frame_of_every_view(tmp_path: Path) -> None:
    """All that interpolation lets a visible voxel reach along its axes; the paper's numbers of views."""
    root = prepare_study(tmp_path)
    training = {"dataset": "folder", "scans": "test", "views": [{"groups": "all", "views": 60}]}
    study = suite(views={"fit": 20, "test": 40}, training=[training])
    condition = condition_of(root, study, study.blocks[0], "tiny", "all")
    medium = condition.medium()
    visible = np.argwhere(medium.density[..., 0] > 0)[:, ::-1]
    steps = np.concatenate([np.eye(3), -np.eye(3)])
    reached = (visible[:, None] + steps).reshape(-1, 3)
    world = reached @ medium.world_from_voxel[:3, :3].T + medium.world_from_voxel[:3, 3]
    found = condition.cameras(medium)
    assert {role: len(views) for role, views in found.items()} == {"fit": 20, "test": 40, "train": 60}
    for camera in (camera for views in found.values() for camera in views):
        pixels, depths = camera.project(world)
        assert depths.min() > 0
        assert pixels.min() >= 0
        assert pixels.max() <= 32


def test_a_disk_without_room_is_an_os_error_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    target = tmp_path / "images" / ("x" * 300 + ".exr")
    with pytest.raises(OSError, match="File name too long"):
        write_exr(target, rendered(0), digest="v")


def test_an_earlier_schema_is_refused(tmp_path: Path) -> None:
    write_set(tmp_path, exr=False)
    path = tmp_path / "views.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 2}))
    with pytest.raises(InputError, match="expected view set schema 3, found 2; remove it"):
        read_set_record(tmp_path)
