"""Instance norm against torch's own in double precision, for small volumes and for large ones."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from renderfm.network import laid_out
from renderfm.norm import normalised, statistics


def norm(channels: int, dtype: torch.dtype = torch.float64) -> nn.InstanceNorm3d:
    made = nn.InstanceNorm3d(channels, affine=True).to(dtype)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        made.weight.copy_(1 + 0.3 * torch.randn(channels, generator=generator))
        made.bias.copy_(torch.randn(channels, generator=generator))
    return made


@pytest.mark.parametrize("shape", [(1, 3, 2, 1, 1), (1, 5, 6, 7, 8)])
@pytest.mark.parametrize("layout", [laid_out, torch.Tensor.contiguous])
def test_values_and_gradients_are_those_of_instance_norm(shape, layout):
    generator = torch.Generator().manual_seed(0)
    volume = layout(3 + torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
    gradient = torch.randn(shape, generator=generator, dtype=torch.float64)
    made = norm(shape[1])
    expected = functional.instance_norm(volume, None, None, made.weight, made.bias, True, 0.1, made.eps)
    found = normalised(volume, made)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    leaves = [volume, made.weight, made.bias]
    of_expected = torch.autograd.grad(expected, leaves, gradient)
    of_found = torch.autograd.grad(found, leaves, gradient)
    for ours, theirs in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8)


def test_a_large_volume_far_from_zero_loses_nothing():
    """Four million voxels a channel, where sums in single precision are off by thousandths."""
    generator = torch.Generator().manual_seed(0)
    volume = laid_out(5 + torch.randn(1, 2, 160, 160, 160, generator=generator))
    mean, variance = statistics(volume)
    exact = volume.double()
    torch.testing.assert_close(mean, exact.mean((0, 2, 3, 4)), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance, exact.var((0, 2, 3, 4), correction=0), rtol=1e-5, atol=0)
