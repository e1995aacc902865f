import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d

from renderfm.training.losses import ms_ssim, rendering_loss, scale_count

# Wang et al. 2003, section 3.2.
WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def images(side: int = 180, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture with edges, and the same one, blurred, darkened and noisy."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side
    truth = np.stack([0.5 + 0.4 * np.sin(9 * x + 3 * c) * np.cos(7 * y) for c in range(3)], axis=-1)
    truth[side // 3 : side // 2, side // 4 : side // 2] = (0.9, 0.2, 0.4)
    image = 0.85 * truth + 0.05 * rng.standard_normal(truth.shape) + 0.03
    return truth, image


def reference(x: np.ndarray, y: np.ndarray, scales: int) -> float:
    """Equation 7 of Wang et al. 2003 in float64, written from the paper with numpy and scipy alone."""
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blurred(plane: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            plane = convolve1d(plane, window, axis=axis, mode="constant")
        return plane[5:-5, 5:-5]

    scores = []
    weights = WEIGHTS[:scales] / WEIGHTS[:scales].sum()
    for channel in range(3):
        a, b, score = x[..., channel], y[..., channel], 1.0
        for scale in range(scales):
            ma, mb = blurred(a), blurred(b)
            va, vb, vab = blurred(a * a) - ma**2, blurred(b * b) - mb**2, blurred(a * b) - ma * mb
            term = (2 * vab + 0.03**2) / (va + vb + 0.03**2)
            if scale == scales - 1:
                term = term * (2 * ma * mb + 0.01**2) / (ma**2 + mb**2 + 0.01**2)
            score *= term.mean() ** weights[scale]
            rows, columns = a.shape[0] // 2 * 2, a.shape[1] // 2 * 2
            a, b = (
                each[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
                for each in (a, b)
            )
        scores.append(score)
    return float(np.mean(scores))


@pytest.mark.parametrize(("side", "scales"), [(180, 5), (128, 4), (47, 3), (11, 1)])
def test_ms_ssim_is_that_of_the_paper(side, scales):
    truth, image = images(side)
    found = float(ms_ssim(torch.from_numpy(image), torch.from_numpy(truth)))
    assert scale_count(side) == scales
    assert found == pytest.approx(reference(image, truth, scales), abs=1e-9)
    assert found < 0.98


def test_equal_images_score_one_at_any_size():
    for side in (11, 64, 200):
        truth = torch.from_numpy(images(side)[0])
        assert float(ms_ssim(truth, truth)) == pytest.approx(1.0, abs=1e-12)


def test_one_scale_is_ssim_over_whole_windows():
    from skimage.metrics import structural_similarity

    truth, image = images(21)
    _, full = structural_similarity(
        truth, image, data_range=1.0, channel_axis=-1, gaussian_weights=True, sigma=1.5,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    found = float(ms_ssim(torch.from_numpy(image), torch.from_numpy(truth)))
    # A side of 21 pixels has room for one scale, and the window for the inner 11 x 11.
    assert scale_count(21) == 1
    assert found == pytest.approx(full[5:-5, 5:-5].mean(), abs=1e-9)


def test_the_gradient_is_that_of_finite_differences():
    truth, image = (torch.from_numpy(each) for each in images(24))
    image.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: rendering_loss(x, truth, l1_weight=1.0, ssim_weight=0.7), (image,), fast_mode=True
    )


def test_anticorrelated_images_have_a_finite_gradient():
    truth = torch.from_numpy(images(64)[0])
    image = (1.0 - truth).requires_grad_()
    torch.autograd.backward(rendering_loss(image, truth, l1_weight=0.0, ssim_weight=1.0))
    assert torch.isfinite(image.grad).all()


def test_the_weights_weigh():
    truth, image = (torch.from_numpy(each) for each in images(64))
    l1 = float((image - truth).abs().mean())
    dissimilar = 1.0 - float(ms_ssim(image, truth))
    assert float(rendering_loss(image, truth, l1_weight=2.0, ssim_weight=0.0)) == pytest.approx(2.0 * l1)
    both = float(rendering_loss(image, truth, l1_weight=1.0, ssim_weight=3.0))
    assert both == pytest.approx(l1 + 3.0 * dissimilar)


def test_images_smaller_than_the_window_are_refused():
    with pytest.raises(ValueError, match="at least 11 pixels a side, found 10"):
        ms_ssim(torch.zeros(10, 40, 3), torch.zeros(10, 40, 3))
