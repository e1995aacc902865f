import numpy as np
import pytest
import torch

from baselines.fitting import fit_gaussians
from baselines.settings import FitSettings
from baselines.views import scene_extent_mm, selection_split
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.splats.raster import RasterSettings, rasterise
from tests.baselines.scenes import ball, task

SETTINGS = FitSettings(iterations=60, evaluate_every=20, densify=False, sh_degree_from=20)


def disturbed(seed: int = 3):
    gaussians = ball()
    generator = torch.Generator().manual_seed(seed)
    gaussians.sh.add_(0.8 * torch.randn(gaussians.sh.shape, generator=generator))
    return gaussians


def mean_psnr(gaussians, views):
    with torch.no_grad():
        renders = [
            quantised(rasterise(gaussians, camera, RasterSettings()).rgb.numpy()) for camera in views.cameras
        ]
    return np.mean([psnr(truth, render) for truth, render in zip(views.images(), renders, strict=True)])


def test_a_fit_comes_closer_to_its_views_and_keeps_the_curve():
    work = task(ball())
    fit = fit_gaussians(disturbed(), work, SETTINGS)
    views = work.fit_views[0].views
    assert mean_psnr(fit.gaussians, views) > mean_psnr(disturbed(), views) + 3
    assert [point["iteration"] for point in fit.notes["curve"]] == [20, 40, 60]
    best = max(fit.notes["curve"], key=lambda point: point["selection_psnr_db"])
    assert fit.notes["selected_iteration"] == best["iteration"]


def test_the_same_seed_gives_the_same_gaussians_bit_for_bit():
    first, second = (fit_gaussians(disturbed(), task(ball()), SETTINGS).gaussians for _ in range(2))
    for name, tensor in first.parameters().items():
        assert torch.equal(tensor, second.parameters()[name]), name
    other = fit_gaussians(disturbed(), task(ball(), seed=1), SETTINGS).gaussians
    assert not torch.equal(first.means_mm, other.means_mm)


def test_heldout_never_trains_on_what_selects_and_paper_selects_on_the_test_views():
    work = task(ball(), fit=20)
    training, selecting = selection_split(work, 10)
    assert len(training.cameras) == 18
    assert len(selecting.cameras) == 2
    assert not set(map(id, training.cameras)) & set(map(id, selecting.cameras))
    published = task(ball(), protocol="paper")
    training, selecting = selection_split(published, 10)
    assert training.cameras == published.fit_views[0].views.cameras
    assert selecting.cameras == published.test_views.cameras


def test_the_scene_extent_is_that_of_the_cameras():
    cameras = task(ball(), fit=20).fit_views[0].views.cameras
    distance = np.linalg.norm(cameras[0].position_mm)
    assert scene_extent_mm(cameras) == pytest.approx(1.1 * distance, rel=0.1)


def test_a_fit_with_densification_changes_the_number_of_points():
    settings = SETTINGS.model_copy(
        update={
            "densify": True,
            "densify_from": 10,
            "densify_every": 10,
            "densify_gradient": 1e-6,
            "max_points": 90,
        }
    )
    fit = fit_gaussians(disturbed(), task(ball()), settings)
    assert 60 < fit.notes["curve"][-1]["points"] <= 90


def test_a_fit_ends_early_only_when_told():
    work = task(ball())
    # The truth itself, which fitting can only spoil: no evaluation is better than the first for long.
    rough = SETTINGS.model_copy(
        update={"iterations": 200, "evaluate_every": 10}
        | {"position_rate": 0.05, "position_rate_final": 0.05}
    )
    full = fit_gaussians(ball(), work, rough).notes
    assert full["iterations_done"] == 200
    said: list[str] = []
    patient = rough.model_copy(update={"patience": 3})
    ended = fit_gaussians(ball(), task(ball(), announce=said.append), patient).notes
    last = ended["curve"][-1]["iteration"]
    assert last == ended["iterations_done"] < 200
    assert last == ended["selected_iteration"] + 3 * 10
    assert "3 evaluations in a row were no better" in said[0]
    # Until there it is the same fit.
    strip = [{**point, "seconds": 0} for point in full["curve"][: len(ended["curve"])]]
    assert strip == [{**point, "seconds": 0} for point in ended["curve"]]


def test_progress_shows_loss_psnr_points_and_rate(capfd, monkeypatch):
    monkeypatch.setattr("renderbench.progress._Log._EVERY_S", 0.0)
    fit_gaussians(disturbed(), task(ball()), SETTINGS)
    lines = capfd.readouterr().err.splitlines()
    assert any(
        all(
            word in line
            for word in ("loss 0.", "dB on its view", "dB on 1 selection views", "60 points", "it/s")
        )
        for line in lines
    )
