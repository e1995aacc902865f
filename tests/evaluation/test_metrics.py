import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.data import astronaut

from renderbench.evaluation.metrics import psnr, quantised, ssim

IMAGE = astronaut()[::4, ::4]


def test_psnr_is_its_definition():
    rng = np.random.default_rng(0)
    other = rng.integers(0, 256, IMAGE.shape, dtype=np.uint8)
    error = np.mean((IMAGE.astype(float) - other) ** 2)
    assert psnr(IMAGE, other) == pytest.approx(10 * np.log10(255**2 / error), abs=1e-9)


def test_ssim_is_wang_2004():
    """Independently: 11-tap Gaussian moments, population covariance, mean over the valid interior."""
    rng = np.random.default_rng(1)
    other = np.clip(IMAGE + rng.normal(0, 20, IMAGE.shape), 0, 255).astype(np.uint8)

    def blur(planes):
        return gaussian_filter(planes, sigma=(1.5, 1.5, 0), truncate=3.5)

    x, y = IMAGE.astype(float), other.astype(float)
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx**2, blur(y * y) - my**2, blur(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    full = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert ssim(IMAGE, other) == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-6)


def test_an_image_against_itself_is_perfect():
    assert psnr(IMAGE, IMAGE) == float("inf")
    assert ssim(IMAGE, IMAGE) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize(
    "worsen",
    [
        lambda x, k: x + np.random.default_rng(2).normal(0, 6 * k, x.shape),
        lambda x, k: gaussian_filter(x, sigma=(0.6 * k, 0.6 * k, 0)),
        lambda x, k: np.roll(x, k, axis=1),
    ],
    ids=["noise", "blur", "shift"],
)
@pytest.mark.parametrize("metric", [psnr, ssim])
def test_metrics_get_worse_with_noise_blur_and_shift(metric, worsen):
    levels = [metric(IMAGE, quantised(worsen(IMAGE.astype(float), k) / 255.0)) for k in (1, 2, 3)]
    assert levels[0] > levels[1] > levels[2]


def test_quantisation_rounds_and_clips():
    image = np.array([-1.0, 0.0, 0.5 / 255, 1.5 / 255, 1.0, 2.0])
    np.testing.assert_array_equal(quantised(image), [0, 0, 0, 2, 255, 255])


def test_other_shapes_and_types_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        psnr(IMAGE, IMAGE[:10])
    with pytest.raises(ValueError, match="uint8"):
        ssim(IMAGE, IMAGE.astype(np.float32))
