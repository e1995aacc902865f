"""Every metric of every view, what has no score, and why."""

from types import SimpleNamespace

import numpy as np
import pytest

from renderbench.evaluation.metrics import METRICS, gmsd, lpips, ms_ssim, psnr, ssim
from renderbench.evaluation.metrics.scoring import mean, score_views
from tests.evaluation.metrics.pictures import PHOTO, WORSEN, on_black, worsened

TRUTH = on_black(PHOTO)
NOISY = worsened(TRUTH, WORSEN["noise"], 2)
WORSE = worsened(TRUTH, WORSEN["noise"], 3)
HAVE_NO_WEIGHTS = "no weights here"


@pytest.fixture(autouse=True)
def _no_weights(monkeypatch):
    def load(metric_id):
        raise lpips.Unavailable(HAVE_NO_WEIGHTS)

    monkeypatch.setattr(lpips, "load", load)


class Regions:
    """The first view shows a liver, the second less of it than counts; no view shows a kidney."""

    def __init__(self, landmarks=()):
        self._landmarks = list(landmarks)

    def group_masks(self, view):
        liver, kidney = np.zeros((2, *TRUTH.shape[:2]), dtype=bool)
        if view == 0:
            liver[100:120, 100:120] = True
        else:
            liver[100, 100:150] = True
        return {"liver": liver, "kidney": kidney}

    def landmarks(self, view):
        return self._landmarks if view == 0 else []


def test_scores_are_those_of_the_metrics_one_by_one():
    found = score_views([TRUTH, TRUTH], [NOISY, WORSE])
    inside = TRUTH.any(axis=-1)
    for metric_id, metric in (("psnr", psnr), ("ssim", ssim), ("ms-ssim", ms_ssim), ("gmsd", gmsd)):
        for view, image in zip(found.views, (NOISY, WORSE), strict=True):
            assert view[metric_id] == pytest.approx(metric(TRUTH, image), abs=1e-12)
            over_foreground = metric(TRUTH, image, where=inside)
            assert view[f"{metric_id}@foreground"] == pytest.approx(over_foreground, abs=1e-12)
        one, other = (view[metric_id] for view in found.views)
        assert found.metrics[metric_id] == pytest.approx((one + other) / 2, abs=1e-12)
    assert [each for each in METRICS if each in found.metrics] == list(found.metrics)


def test_without_weights_lpips_is_a_reason_and_never_a_number():
    found = score_views([TRUTH], [NOISY])
    absent = {f"{metric}{ending}" for metric in lpips.VARIANTS for ending in ("", "@foreground")}
    assert {metric for metric, reason in found.absent.items() if reason == HAVE_NO_WEIGHTS} == absent
    assert not absent & (set(found.metrics) | set(found.views[0]))


def test_with_weights_both_variants_are_scored_over_frame_and_foreground(monkeypatch):
    import torch

    flat = torch.full((1, 1, 4, 4), 0.25)
    monkeypatch.setattr(
        lpips, "load", lambda metric_id: SimpleNamespace(maps=lambda truth, image: [flat, flat])
    )
    found = score_views([TRUTH, np.zeros_like(TRUTH)], [NOISY, NOISY])
    for metric in lpips.VARIANTS:
        assert [view[metric] for view in found.views] == [0.5, 0.5]
        assert [view[f"{metric}@foreground"] for view in found.views] == [0.5, None]
    assert not found.absent


def test_equal_images_have_no_psnr_and_leave_no_mark_on_the_mean():
    found = score_views([TRUTH, TRUTH], [TRUTH, NOISY])
    assert (found.views[0]["psnr"], found.views[0]["ssim"]) == (None, pytest.approx(1.0))
    assert found.metrics["psnr"] == found.views[1]["psnr"]
    all_equal = score_views([TRUTH], [TRUTH])
    assert all_equal.metrics["psnr"] is None
    assert "psnr" not in all_equal.absent


def test_an_empty_view_has_no_foreground_and_only_empty_views_give_a_reason():
    black = np.zeros_like(TRUTH)
    found = score_views([TRUTH, black], [NOISY, NOISY])
    assert found.views[1]["psnr@foreground"] is None
    assert found.views[1]["psnr"] is not None
    assert found.metrics["psnr@foreground"] == found.views[0]["psnr@foreground"]
    empty = score_views([black], [NOISY])
    for metric in ("psnr", "ssim", "ms-ssim", "gmsd"):
        assert "black" in empty.absent[f"{metric}@foreground"]


def test_groups_are_scored_where_they_are_seen():
    found = score_views([TRUTH, TRUTH], [NOISY, WORSE], Regions())
    where = Regions().group_masks(0)["liver"]
    assert found.views[0]["psnr@group:liver"] == psnr(TRUTH, NOISY, where=where)
    assert found.views[1]["psnr@group:liver"] is None
    assert found.metrics["psnr@group:liver"] == found.views[0]["psnr@group:liver"]
    assert "no test view shows this group in 0.1%" in found.absent["psnr@group:kidney"]
    assert "psnr@group:kidney" not in found.views[0]


def test_landmarks_are_means_in_pixels_and_in_millimetres():
    points = [
        SimpleNamespace(column_px=column + 0.5, row_px=row + 0.5, mm_per_px=1.5)
        for row in range(100, 160, 12)
        for column in range(100, 160, 12)
    ]
    moved = np.roll(TRUTH, 2, axis=1)
    found = score_views([TRUTH, TRUTH], [moved, moved], Regions(points))
    assert found.metrics["landmarks-px"] == pytest.approx(2.0, abs=0.1)
    assert found.metrics["landmarks-mm"] == pytest.approx(1.5 * found.metrics["landmarks-px"])
    assert found.views[1]["landmarks-px"] is None
    assert "landmark" in score_views([TRUTH], [moved], Regions()).absent["landmarks-mm"]
    assert "landmarks-px" not in score_views([TRUTH], [moved]).metrics


def test_small_images_have_reasons_instead_of_windows():
    small = np.ascontiguousarray(TRUTH[100:110, 100:110])
    found = score_views([small], [np.roll(small, 1, axis=0)])
    assert set(found.metrics) == {"psnr", "gmsd", "psnr@foreground", "gmsd@foreground"}
    assert found.absent["ssim"] == "needs images of at least 11 pixels a side, found 10"
    assert found.absent["ms-ssim@foreground"] == "needs images of at least 161 pixels a side, found 10"
    assert found.absent["lpips-alex"] == "needs images of at least 31 pixels a side, found 10"


def test_the_mean_of_nothing_is_nothing():
    assert mean([None, 2.0, 4.0, None]) == 3.0
    assert mean([None]) is None


def test_threads_change_nothing(monkeypatch):
    monkeypatch.setenv("RENDERBENCH_THREADS", "1")
    one = score_views([TRUTH, TRUTH, TRUTH], [NOISY, WORSE, NOISY], Regions())
    monkeypatch.setenv("RENDERBENCH_THREADS", "3")
    assert score_views([TRUTH, TRUTH, TRUTH], [NOISY, WORSE, NOISY], Regions()) == one
