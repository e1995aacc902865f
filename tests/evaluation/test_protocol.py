"""How a scene is judged, and what a run's record says of the ground truth it was judged on."""

from pathlib import Path
from types import SimpleNamespace

import imageio.v3 as iio
import numpy as np
import pytest
from pydantic import ValidationError

from renderbench.artefacts import digest_of_file
from renderbench.cameras import sphere_cameras
from renderbench.errors import InputError
from renderbench.evaluation.anatomy import Anatomy, prepare_anatomy
from renderbench.evaluation.metrics import METRICS, foreground_of, psnr
from renderbench.evaluation.metrics.registry import group_metric
from renderbench.evaluation.protocol import judge
from renderbench.evaluation.record import RECORD_FILE, read_run_record
from renderbench.evaluation.stage import run_suite
from renderbench.groundtruth.colour import eight_bit_srgb, srgb_from_linear
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.groundtruth.viewset import ViewSet, finish_set, write_view
from renderbench.scans.groups import GROUP_INDEX, GROUPS, select_groups
from renderbench.scans.store import ScanStore
from tests.groundtruth.studies import prepare_study, suite
from tests.groundtruth.test_noise import exact_image, halves_of
from tests.records import record

SIZE = 128


@pytest.fixture
def truth(tmp_path: Path) -> ViewSet:
    """Two views of one picture: one noisy, one exact."""
    exact = exact_image(SIZE)
    cameras = sphere_cameras(
        2,
        center_mm=(0, 0, 0),
        radius_mm=100.0,
        resolution=SIZE,
        fov_deg=40.0,
        layout="fibonacci",
        seed=0,
    )
    passes = [
        RenderPass(
            halves=halves, alpha=np.ones((SIZE, SIZE), np.float32), depth_mm=None, samples=8, seconds=1
        )
        for halves in (halves_of(exact, 36.0, 3), np.stack([exact, exact]).astype(np.float32))
    ]
    records = [write_view(tmp_path, i, each, digest=str(i), seed=i) for i, each in enumerate(passes)]
    finish_set(tmp_path, cameras, records, digest="set", made_from={})
    return ViewSet.open(tmp_path)


def test_the_exact_image_scores_the_noise_floor(truth: ViewSet) -> None:
    exact = srgb_from_linear(exact_image(SIZE)).astype(np.float32)
    judged = judge(SimpleNamespace(render=lambda camera: exact), truth)
    noisy, clean = judged.views
    assert noisy.metrics["psnr"] == pytest.approx(36.0, abs=0.3)
    assert noisy.noise_floor_db == pytest.approx(noisy.metrics["psnr"], abs=0.3)
    assert noisy.noise_floor_ssim == pytest.approx(noisy.metrics["ssim"], abs=0.01)
    assert noisy.metrics["ssim"] < 0.95
    assert (clean.metrics["psnr"], clean.noise_floor_db) == (None, None)
    assert (clean.metrics["ssim"], clean.noise_floor_ssim) == pytest.approx((1.0, 1.0))
    # The mean leaves out what is infinite; SSIM is finite throughout.
    assert judged.metrics["psnr"] == noisy.metrics["psnr"]
    assert judged.metrics["ssim"] == pytest.approx((noisy.metrics["ssim"] + clean.metrics["ssim"]) / 2)
    assert (judged.renders == eight_bit_srgb(exact_image(SIZE))).mean() > 0.999
    assert judged.fps > 0


def test_a_record_reads_back(tmp_path: Path) -> None:
    made = record()
    made.write(tmp_path)
    assert read_run_record(tmp_path) == made


def test_a_record_of_another_schema_is_refused(tmp_path: Path) -> None:
    record().write(tmp_path)
    path = tmp_path / RECORD_FILE
    path.write_text(path.read_text().replace('"schema": 3', '"schema": 2'))
    with pytest.raises(InputError, match="expected run schema 3, found 2; delete the run and run it again"):
        read_run_record(tmp_path)


@pytest.mark.parametrize(
    ("number", "where"),
    [('"psnr": 20.0', "metrics.psnr"), ('"psnr": 19.0', r"views\[0\].metrics.psnr"), ('"fps": 10.0', "fps")],
)
@pytest.mark.parametrize("spoilt", ["NaN", "Infinity"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, number: str, where: str, spoilt: str) -> None:
    record().write(tmp_path)
    path = tmp_path / RECORD_FILE
    key, _, value = number.partition(": ")
    assert number in path.read_text()
    path.write_text(path.read_text().replace(number, f"{key}: {spoilt}"))
    with pytest.raises(InputError, match=f"{where}: input should be a finite number"):
        read_run_record(tmp_path)
    path.write_text(path.read_text().replace(spoilt, value))
    assert read_run_record(tmp_path) == record()


def test_a_score_and_the_reason_for_its_absence_exclude_one_another() -> None:
    with pytest.raises(ValidationError, match="a score or a reason for its absence, found both of psnr"):
        record(absent={"psnr": "no images"})


def test_a_run_leaves_every_metric_and_what_verifies_it(tmp_path: Path) -> None:
    root = prepare_study(tmp_path)
    study = suite(views={"resolution": 48})
    render_suite(root, study, threads=1)
    (made,) = run_suite(root, study, "agp").done
    folder = root.run("tiny", "tiny-seen", "tiny", "agp")

    shown = {f"psnr@group:{group}" for group in ("liver", "spleen")}
    scored = {"psnr", "ssim", "gmsd", "psnr@foreground", "ssim@foreground", "gmsd@foreground"}
    assert scored | shown <= set(made.metrics)
    assert {"ms-ssim", "ms-ssim@foreground", "psnr@group:kidney"} <= set(made.absent)
    assert "at least 161 pixels a side, found 48" in made.absent["ms-ssim"]
    assert "shows this group" in made.absent["psnr@group:kidney"]
    every = {group_metric(group.id) for group in GROUPS[1:]} | set(METRICS)
    assert set(made.metrics) | set(made.absent) == every
    assert all(set(view.metrics) == set(made.metrics) for view in made.views)

    # The surroundings are black in both, and flatter the frame.
    assert made.metrics["psnr@foreground"] < made.metrics["psnr"]
    truth = open_views(root, study, study.blocks[0], "tiny", "test").images()
    renders = [iio.imread(folder / "renders" / name) for name in sorted(made.renders)]
    assert made.views[0].metrics["psnr"] == psnr(truth[0], renders[0])
    anatomy = Anatomy.open(folder.parent / "anatomy")
    assert anatomy is not None
    where = anatomy.group_masks(0)["liver"]
    assert made.views[0].metrics["psnr@group:liver"] == psnr(truth[0], renders[0], where=where)

    assert list(made.renders) == ["000.png", "001.png"]
    assert all(digest_of_file(folder / "renders" / name) == made.renders[name] for name in made.renders)
    assert made.scene_bytes == (folder / "scene.ply").stat().st_size > 0
    assert made.device == "cpu"
    assert made.peak_gpu_memory_bytes is None


def test_anatomy_is_made_once_for_all_methods_and_anew_for_another_scene(tmp_path: Path) -> None:
    root = prepare_study(tmp_path)
    study = suite()
    render_suite(root, study, threads=1)
    scan = ScanStore.open(root.scan("folder", "tiny"))
    views = open_views(root, study, study.blocks[0], "tiny", "test")

    def prepare(groups: str) -> Anatomy:
        return prepare_anatomy(tmp_path / "a", scan, "seen", select_groups(groups), study.medium, views)

    first = prepare("all")
    stamps = {path: path.stat().st_mtime_ns for path in first.path.iterdir()}
    assert prepare("all").record == first.record
    assert {path: path.stat().st_mtime_ns for path in first.path.iterdir()} == stamps
    assert set(np.unique(first.groups(0))) == {0, GROUP_INDEX["liver"], GROUP_INDEX["spleen"]}

    liver = prepare("liver")
    assert liver.record.digest != first.record.digest
    assert list(liver.group_masks(0)) == ["liver"]
    assert set(np.unique(liver.groups(0))) == {0, GROUP_INDEX["liver"]}

    (tmp_path / "a" / "001.png").write_bytes((tmp_path / "a" / "000.png").read_bytes())
    with pytest.raises(InputError, match=r"001\.png: expected the map of groups as it was written"):
        liver.groups(1)


def test_the_map_shows_what_the_ground_truth_shows(tmp_path: Path) -> None:
    root = prepare_study(tmp_path)
    study = suite(views={"resolution": 64})
    render_suite(root, study, threads=1)
    scan = ScanStore.open(root.scan("folder", "tiny"))
    views = open_views(root, study, study.blocks[0], "tiny", "test")
    anatomy = prepare_anatomy(tmp_path / "a", scan, "seen", select_groups("all"), study.medium, views)
    for view, image in enumerate(views.images()):
        seen = anatomy.groups(view) > 0
        # The map takes the nearest voxel, where light interpolates, and leaves out what is all but clear.
        assert (seen & ~foreground_of(image)).sum() <= 0.01 * seen.sum()
        assert seen.sum() > 0.6 * foreground_of(image).sum()


def test_a_run_records_its_ground_truth_and_both_floors(tmp_path: Path) -> None:
    root = prepare_study(tmp_path)
    # A floor and no fixed number of samples.
    renderer = {"samples_per_pixel": None, "noise_floor": "draft", "max_samples_per_pixel": 64}
    study = suite(renderer=renderer)
    render_suite(root, study, threads=1)
    (made,) = run_suite(root, study, "agp").done
    truth = made.ground_truth
    views = open_views(root, study, study.blocks[0], "tiny", "test")
    assert (truth.renderer, truth.noise_floor) == ("native", "draft")
    assert truth.version == views.record.made_from["renderer"]["version"]
    assert truth.settings == study.renderer.model_dump(exclude={"name"})
    assert truth.samples_per_pixel_mean == views.samples_mean <= 64
    assert made.noise_floor_db == views.noise_floor_mean_db
    assert made.noise_floor_ssim == views.noise_floor_mean_ssim
    assert [view.noise_floor_ssim for view in made.views] == views.noise_floor_ssim
    assert 0 < made.noise_floor_ssim < 1

    fixed = suite(name="fixed")
    render_suite(root, fixed, threads=1)
    (made,) = run_suite(root, fixed, "agp").done
    assert made.ground_truth.noise_floor is None
    assert made.ground_truth.samples_per_pixel_mean == made.ground_truth.settings["samples_per_pixel"] == 16
