"""What holds for every metric: perfect on itself, worse with noise, blur and shift, strict about input."""

import numpy as np
import pytest

from renderbench.evaluation.metrics import (
    METRICS,
    foreground_of,
    gmsd,
    metric_of,
    ms_ssim,
    psnr,
    quantised,
    ssim,
)
from renderbench.evaluation.metrics.images import halved_mask
from renderbench.evaluation.metrics.ms_ssim import SMALLEST_PX
from tests.conftest import REPOSITORY
from tests.evaluation.metrics.pictures import ODD, PHOTO, WORSEN, on_black, random_pair, worsened

FUNCTIONS = {"psnr": psnr, "ssim": ssim, "ms-ssim": ms_ssim, "gmsd": gmsd}
RENDER = on_black(PHOTO)


@pytest.mark.parametrize("metric_id", FUNCTIONS)
@pytest.mark.parametrize(
    "image", [PHOTO, ODD, RENDER, random_pair(5)[0]], ids=["even", "odd", "disc", "noise"]
)
def test_an_image_against_itself_is_perfect(metric_id, image):
    metric, perfect = FUNCTIONS[metric_id], METRICS[metric_id].perfect
    assert metric(image, image) == pytest.approx(perfect, abs=1e-12)
    assert metric(image, image, where=foreground_of(image)) == pytest.approx(perfect, abs=1e-12)


@pytest.mark.parametrize("how", WORSEN)
@pytest.mark.parametrize("metric_id", FUNCTIONS)
@pytest.mark.parametrize("foreground", [False, True], ids=["frame", "foreground"])
def test_metrics_get_worse_with_noise_blur_and_shift(metric_id, how, foreground):
    where = foreground_of(RENDER) if foreground else None
    scores = [FUNCTIONS[metric_id](RENDER, worsened(RENDER, WORSEN[how], k), where=where) for k in (1, 2, 3)]
    if METRICS[metric_id].better == "lower":
        scores = [-score for score in scores]
    assert scores[0] > scores[1] > scores[2]


def test_black_surroundings_flatter_the_frame_and_not_the_foreground():
    noisy = worsened(RENDER, WORSEN["noise"], 2)
    noisy[~foreground_of(RENDER)] = 0
    inside = foreground_of(RENDER)
    share = inside.mean()
    assert psnr(RENDER, noisy, where=inside) == pytest.approx(
        psnr(RENDER, noisy) + 10 * np.log10(share), abs=1e-9
    )
    assert ssim(RENDER, noisy, where=inside) < ssim(RENDER, noisy)


def test_quantisation_rounds_and_clips():
    image = np.array([-1.0, 0.0, 0.5 / 255, 1.5 / 255, 1.0, 2.0])
    np.testing.assert_array_equal(quantised(image), [0, 0, 0, 2, 255, 255])


def test_foreground_is_whatever_is_not_black():
    image = np.zeros((4, 5, 3), np.uint8)
    image[1, 2, 2] = 1
    assert np.argwhere(foreground_of(image)).tolist() == [[1, 2]]
    assert np.argwhere(halved_mask(foreground_of(image))).tolist() == [[0, 1]]
    assert halved_mask(np.ones((3, 5), bool)).shape == (2, 3)


@pytest.mark.parametrize("metric", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_other_shapes_and_types_are_refused(metric):
    with pytest.raises(ValueError, match="one shape"):
        metric(PHOTO, PHOTO[:10])
    with pytest.raises(ValueError, match="uint8"):
        metric(PHOTO, PHOTO.astype(np.float32))
    with pytest.raises(ValueError, match="one shape"):
        metric(PHOTO[..., 0], PHOTO[..., 0])


def test_the_smallest_image_of_ms_ssim_is_the_smallest_with_a_window_at_every_scale():
    image = random_pair(1, SMALLEST_PX, SMALLEST_PX)[0]
    assert ms_ssim(image, image) == pytest.approx(1.0)
    less = np.ascontiguousarray(image[1:])
    with pytest.raises(ValueError, match="at least 11 pixels a side, found 11 × 10"):
        ms_ssim(less, less)


def test_every_metric_is_described():
    for metric_id, metric in METRICS.items():
        assert metric.id == metric_id
        assert metric_of(metric_id) is metric
        assert metric.convention
    of_liver = metric_of("psnr@group:liver")
    assert (of_liver.id, of_liver.unit, of_liver.better) == ("psnr@group:liver", "dB", "higher")
    for unknown in ("psnr@liver", "ssim@group:liver", "psnr@group:", "mse"):
        with pytest.raises(KeyError):
            metric_of(unknown)


def test_every_metric_is_documented():
    text = (REPOSITORY / "docs" / "metrics.md").read_text()
    assert [metric_id for metric_id in METRICS if f"`{metric_id}`" not in text] == []
    assert "`psnr@group:<group>`" in text
    assert f"at least {SMALLEST_PX} pixels a side" in text
