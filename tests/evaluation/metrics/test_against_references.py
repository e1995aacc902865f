"""Each metric against scikit-image, or against a reference written here straight from its paper."""

import numpy as np
import pytest
from scipy.signal import convolve2d
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from renderbench.evaluation.metrics import gmsd, ms_ssim, psnr, ssim
from tests.evaluation.metrics.pictures import ODD, PAIRS, PHOTO

pairs = pytest.mark.parametrize(("truth", "image"), PAIRS.values(), ids=PAIRS.keys())


@pairs
def test_psnr_is_scikit_images(truth, image):
    assert psnr(truth, image) == pytest.approx(
        peak_signal_noise_ratio(truth, image, data_range=255), abs=1e-9
    )


@pairs
def test_ssim_is_scikit_images(truth, image):
    reference = structural_similarity(
        truth,
        image,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert ssim(truth, image) == pytest.approx(reference, abs=1e-9)


def window() -> np.ndarray:
    """Wang's: 11 × 11, sigma 1.5, sum 1."""
    y, x = np.mgrid[-5:6, -5:6]
    weights = np.exp(-(x**2 + y**2) / (2 * 1.5**2))
    return weights / weights.sum()


def terms(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The luminance term, and the contrast and structure term, of Wang et al. 2004, equations 6, 9 and 10."""
    w = window()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_x, mean_y = (convolve2d(each, w, mode="valid") for each in (x, y))
    variance_x = convolve2d(x * x, w, mode="valid") - mean_x**2
    variance_y = convolve2d(y * y, w, mode="valid") - mean_y**2
    covariance = convolve2d(x * y, w, mode="valid") - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return luminance, (2 * covariance + c2) / (variance_x + variance_y + c2)


def coarser(plane: np.ndarray) -> np.ndarray:
    """Wang et al. 2003, figure 1: 2 × 2 means over symmetrically continued edges, every other pixel."""
    continued = np.pad(plane, ((0, 1), (0, 1)), mode="symmetric")
    means = sum(
        continued[row : row + plane.shape[0], column : column + plane.shape[1]]
        for row in (0, 1)
        for column in (0, 1)
    )
    return means[::2, ::2] / 4


def reference_ms_ssim(truth: np.ndarray, image: np.ndarray) -> float:
    """Wang, Simoncelli and Bovik 2003, equation 7 with the exponents of section 3.2."""
    scores = []
    for channel in range(3):
        x, y = (each[..., channel].astype(float) for each in (truth, image))
        score = 1.0
        for exponent in (0.0448, 0.2856, 0.3001, 0.2363):
            score *= max(terms(x, y)[1].mean(), 0) ** exponent
            x, y = coarser(x), coarser(y)
        luminance, contrast = terms(x, y)
        scores.append(score * max((luminance * contrast).mean(), 0) ** 0.1333)
    return float(np.mean(scores))


@pairs
def test_ms_ssim_is_wang_2003(truth, image):
    assert ms_ssim(truth, image) == pytest.approx(reference_ms_ssim(truth, image), abs=1e-9)


def same(plane: np.ndarray, filter_: np.ndarray) -> np.ndarray:
    """MATLAB's ``conv2(plane, filter, 'same')``, which begins one later than SciPy's for even filters."""
    full = convolve2d(plane, filter_, mode="full")
    row, column = (size // 2 for size in filter_.shape)
    return full[row : row + plane.shape[0], column : column + plane.shape[1]]


def reference_gmsd(truth: np.ndarray, image: np.ndarray) -> float:
    """Xue, Zhang, Mou and Bovik 2014, equations 1 to 6, as their code applies them."""
    magnitudes = []
    for each in (truth, image):
        luma = 0.299 * each[..., 0] + 0.587 * each[..., 1] + 0.114 * each[..., 2]
        luma = same(luma, np.full((2, 2), 0.25))[::2, ::2]
        prewitt = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3
        magnitudes.append(np.sqrt(same(luma, prewitt) ** 2 + same(luma, prewitt.T) ** 2))
    one, other = magnitudes
    similarity = (2 * one * other + 170) / (one**2 + other**2 + 170)
    return float(np.sqrt(np.mean((similarity - similarity.mean()) ** 2)))


@pairs
def test_gmsd_is_xue_2014(truth, image):
    assert gmsd(truth, image) == pytest.approx(reference_gmsd(truth, image), abs=1e-9)


@pytest.mark.parametrize("image", [PHOTO, ODD], ids=["even", "odd"])
def test_metrics_over_every_pixel_are_those_over_the_full_frame(image):
    other = np.roll(image, 3, axis=0)
    everywhere = np.ones(image.shape[:2], dtype=bool)
    for metric in (psnr, ssim, ms_ssim, gmsd):
        assert metric(image, other, where=everywhere) == pytest.approx(metric(image, other), abs=1e-12)


def test_metrics_over_a_region_are_means_of_its_own_maps():
    """Against scikit-image's full map and plain arithmetic."""
    truth, image = PAIRS["noisy photo"]
    where = np.zeros(truth.shape[:2], dtype=bool)
    where[40:90, 60:200] = True
    error = (truth.astype(float) - image)[where]
    assert psnr(truth, image, where=where) == pytest.approx(10 * np.log10(255**2 / np.mean(error**2)))
    _, full = structural_similarity(
        truth,
        image,
        data_range=255,
        channel_axis=-1,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )
    assert ssim(truth, image, where=where) == pytest.approx(full[where].mean(), abs=1e-9)


def test_a_region_counts_its_own_errors_only():
    truth = PHOTO
    image = truth.copy()
    image[:, :100] = 255 - image[:, :100]
    clean, spoilt = np.zeros((2, *truth.shape[:2]), dtype=bool)
    clean[:, 130:], spoilt[:, :100] = True, True
    assert psnr(truth, image, where=clean) == np.inf
    assert ssim(truth, image, where=clean) == pytest.approx(1.0, abs=1e-12)
    assert gmsd(truth, image, where=clean) == pytest.approx(0.0, abs=1e-12)
    assert psnr(truth, image, where=spoilt) < psnr(truth, image)
    assert ssim(truth, image, where=spoilt) < ssim(truth, image)
