"""How a scene is judged, and what a run's record says of the ground truth it was judged on."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from renderbench.cameras import sphere_cameras
from renderbench.errors import InputError
from renderbench.evaluation.protocol import judge
from renderbench.evaluation.record import RECORD_FILE, read_run_record
from renderbench.evaluation.stage import run_suite
from renderbench.groundtruth.colour import eight_bit_srgb, srgb_from_linear
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.groundtruth.viewset import ViewSet, finish_set, write_view
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
    path = tmp_path / RECORD_FILE
    path.write_text(path.read_text().replace('"schema": 3', '"schema": 2'))
    with pytest.raises(InputError, match="expected run schema 3, found 2; delete the run and run it again"):
        read_run_record(tmp_path)


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
