"""Instance norm against torch's own and against itself written out, in double precision; large volumes."""

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


def assert_same(
    found: torch.Tensor, expected: torch.Tensor, leaves: list[torch.Tensor], gradient: torch.Tensor
) -> None:
    """In values, and in what ``gradient`` becomes at the leaves."""
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)
    of_expected = torch.autograd.grad(expected, leaves, gradient)
    of_found = torch.autograd.grad(found, leaves, gradient)
    for ours, theirs in zip(of_found, of_expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("shape", [(1, 3, 2, 1, 1), (1, 5, 6, 7, 8)])
@pytest.mark.parametrize("layout", [laid_out, torch.Tensor.contiguous])
def test_values_and_gradients_are_those_of_instance_norm(shape, layout):
    generator = torch.Generator().manual_seed(0)
    volume = layout(3 + torch.randn(shape, generator=generator, dtype=torch.float64)).requires_grad_()
    gradient = torch.randn(shape, generator=generator, dtype=torch.float64)
    made = norm(shape[1])
    expected = functional.instance_norm(volume, None, None, made.weight, made.bias, True, 0.1, made.eps)
    found = normalised(volume, made, torch.ones(1, 1, *shape[2:], dtype=torch.float64))
    assert_same(found, expected, [volume, made.weight, made.bias], gradient)


def test_statistics_are_those_of_visible_voxels():
    generator = torch.Generator().manual_seed(0)
    volume = laid_out(torch.randn(1, 3, 5, 6, 7, generator=generator, dtype=torch.float64)).requires_grad_()
    visible = (torch.rand(1, 1, 5, 6, 7, generator=generator) < 0.3).double()
    gradient = torch.randn(volume.shape, generator=generator, dtype=torch.float64)
    made = norm(3)
    seen = volume[:, :, visible[0, 0] > 0]
    mean, variance = (
        each[..., None, None] for each in (seen.mean(2)[..., None], seen.var(2, False)[..., None])
    )
    scale, shift = (each[None, :, None, None, None] for each in (made.weight, made.bias))
    expected = (volume - mean) / torch.sqrt(variance + made.eps) * scale + shift
    found = normalised(volume, made, visible)
    assert_same(found, expected, [volume, made.weight, made.bias], gradient)


def test_where_nothing_shows_nothing_is_divided_by_zero():
    volume, visible = torch.randn(1, 2, 3, 3, 3), torch.zeros(1, 1, 3, 3, 3)
    mean, variance, count = statistics(volume, visible)
    assert (count, mean.tolist(), variance.tolist()) == (0, [0.0, 0.0], [0.0, 0.0])
    assert normalised(volume, norm(2, torch.float32), visible).isfinite().all()


def test_in_half_precision_statistics_are_in_single():
    volume = laid_out(100 + torch.randn(1, 4, 16, 16, 16)).bfloat16()
    visible = torch.ones(1, 1, 16, 16, 16)
    mean, variance, _ = statistics(volume, visible)
    exact = volume.double()
    torch.testing.assert_close(mean, exact.mean((0, 2, 3, 4)), rtol=1e-5, atol=0)
    torch.testing.assert_close(variance, exact.var((0, 2, 3, 4), correction=0), rtol=1e-3, atol=0)


def test_a_large_volume_far_from_zero_loses_nothing():
    """Four million voxels a channel, where sums in single precision are off by thousandths."""
    generator = torch.Generator().manual_seed(0)
    volume = laid_out(5 + torch.randn(1, 2, 160, 160, 160, generator=generator))
    mean, variance, count = statistics(volume, torch.ones(1, 1, 160, 160, 160))
    assert count == 160**3
    exact = volume.double()
    torch.testing.assert_close(mean, exact.mean((0, 2, 3, 4)), rtol=1e-6, atol=0)
    torch.testing.assert_close(variance, exact.var((0, 2, 3, 4), correction=0), rtol=1e-5, atol=0)
