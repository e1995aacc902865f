import numpy as np
import pytest
import torch
from skimage.data import astronaut
from skimage.metrics import structural_similarity
from torch.nn.functional import conv2d, pad

from renderbench.splats.ssim import ssim_by_convolutions, ssim_for_training

IMAGE = torch.from_numpy(astronaut()[::8, ::8].astype(np.float32) / 255.0)[:, :49]


def noisy() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (IMAGE + 0.1 * torch.randn(IMAGE.shape, generator=generator)).clamp(0, 1)


def dense(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """3DGS's SSIM with torch's convolutions, in the precision of its arguments."""
    offsets = torch.arange(11, dtype=x.dtype) - 5
    window = torch.exp(-(offsets**2) / 4.5)
    window = torch.outer(window, window)[None, None] / window.sum() ** 2
    x, y = x.permute(2, 0, 1)[:, None], y.permute(2, 0, 1)[:, None]
    mx, my, xx, yy, xy = (conv2d(planes, window, padding=5) for planes in (x, y, x * x, y * y, x * y))
    top = (2 * mx * my + 0.01**2) * (2 * (xy - mx * my) + 0.03**2)
    bottom = (mx**2 + my**2 + 0.01**2) * (xx - mx**2 + yy - my**2 + 0.03**2)
    return (top / bottom).mean()


def test_value_and_gradient_equal_the_dense_float64_reference():
    reference = noisy().double().requires_grad_(True)
    expected = dense(reference, IMAGE.double())
    expected.backward()
    image = noisy().requires_grad_(True)
    value = ssim_for_training(image, IMAGE)
    value.backward()
    assert float(value.detach()) == pytest.approx(float(expected.detach()), abs=1e-6)
    error = (image.grad.double() - reference.grad).norm() / reference.grad.norm()
    assert float(error) < 1e-4


def test_convolutions_and_kernels_are_one_function():
    """The first is what a CUDA device runs."""
    ours, theirs = noisy().requires_grad_(True), noisy().requires_grad_(True)
    ssim_for_training(ours, IMAGE).backward()
    value = ssim_by_convolutions(theirs, IMAGE)
    value.backward()
    assert float(value.detach()) == pytest.approx(float(ssim_for_training(ours, IMAGE).detach()), abs=1e-6)
    error = (theirs.grad - ours.grad).norm() / ours.grad.norm()
    assert float(error) < 1e-4


def test_agrees_with_scikit_image_on_a_black_frame():
    """Borders differ by convention: 3DGS pads with zeros. On a black frame both agree everywhere."""
    x, y = (pad(image, (0, 0, 12, 12, 12, 12)) for image in (IMAGE, noisy()))
    _, reference = structural_similarity(
        x.double().numpy(),
        y.double().numpy(),
        data_range=1.0,
        channel_axis=-1,
        gaussian_weights=True,
        use_sample_covariance=False,
        full=True,
    )
    assert float(ssim_for_training(x, y)) == pytest.approx(float(reference.mean()), abs=1e-5)


def test_one_for_equal_images_and_the_same_bits_on_any_threads():
    assert float(ssim_for_training(IMAGE, IMAGE)) == pytest.approx(1.0, abs=1e-6)
    found = []
    for threads in (1, 2, 3):
        image = noisy().requires_grad_(True)
        value = ssim_for_training(image, IMAGE, threads=threads)
        value.backward()
        found.append((float(value.detach()), image.grad.clone()))
    for value, gradient in found[1:]:
        assert value == found[0][0]
        assert torch.equal(gradient, found[0][1])
