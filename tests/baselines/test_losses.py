import pytest
import torch

from baselines.losses import photometric_loss
from renderbench.splats.ssim import ssim_for_training


def test_the_loss_is_the_weighted_sum_and_zero_only_at_the_truth():
    generator = torch.Generator().manual_seed(0)
    image, truth = (torch.rand(24, 20, 3, generator=generator) for _ in range(2))
    loss = photometric_loss(image, truth, 0.2)
    expected = 0.8 * (image - truth).abs().mean() + 0.2 * (1 - ssim_for_training(image, truth))
    assert float(loss) == pytest.approx(float(expected))
    assert float(photometric_loss(truth, truth, 0.2)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss) > 0.1
