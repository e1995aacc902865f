"""Convolutions against torch's own, in double precision."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from renderfm.convolution import convolve

SIZES = [(1, 1, 1), (2, 3, 4), (5, 4, 7), (12, 9, 8), (40, 41, 9)]
"""The last, of 16 channels, is one of those that torch hands to oneDNN by itself."""


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("padding", [1, (0, 1, 1)])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("bias", [False, True])
def test_result_and_gradients_are_those_of_a_convolution(
    size: tuple[int, int, int], padding: int | tuple[int, int, int], stride: int, bias: bool
) -> None:
    if padding != 1:
        size = (size[0] + 2, *size[1:])
    generator = torch.Generator().manual_seed(sum(size))
    layer = nn.Conv3d(16, 8, 3, stride=stride, bias=bias)
    volume = torch.randn(1, 16, *size, generator=generator, requires_grad=True)
    found = convolve(volume, layer, padding)
    upstream = torch.randn(found.shape, generator=generator)
    found.backward(upstream)

    exact, *parameters = (each.detach().double().requires_grad_() for each in (volume, *layer.parameters()))
    expected = functional.conv3d(exact, *parameters, stride=stride, padding=padding)
    expected.backward(upstream.double())

    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(volume.grad.double(), exact.grad, rtol=1e-5, atol=1e-4)
    for ours, theirs in zip(layer.parameters(), parameters, strict=True):
        torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-5, atol=2e-3)


def test_a_volume_that_wants_no_gradient_gets_none() -> None:
    layer = nn.Conv3d(6, 8, 3, bias=False)
    volume = torch.randn(1, 6, 8, 8, 8)
    convolve(volume, layer, 1).sum().backward()
    assert volume.grad is None
    assert layer.weight.grad is not None
