"""3 × 3 × 3 convolutions of one volume, as fast on the CPU as its library allows, forward and backward.

torch chooses how it convolves by the volume's size. For one volume of fewer than 20 480 values in all its
channels' first two axes it takes a product of matrices: 27 times the memory, and on the way back ten times as
long as oneDNN (16 channels of 28³ voxels, one core: 133 ms against 17). Slabs of scans, small scans and the
lower stages of all networks are such. Here oneDNN convolves forwards whatever the size; the gradient of a
small volume is a convolution forwards too, with the weights turned around, and that of its weights is taken
over two slabs of it, which torch takes for a batch and hands to oneDNN.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_LARGE = 20_480
"""Of channels × depth × height: more is handed to oneDNN by torch itself."""

Padding = tuple[int, int, int]


def convolve(volume: Tensor, convolution: nn.Conv3d, padding: int | Padding) -> Tensor:
    """A convolution by its weights, stride and, where it has one, bias.

    Args:
        volume: (1, C_in, D, H, W).
        convolution: 3 × 3 × 3, with the same stride along every axis.
        padding: with zeros, along z, y, x.
    """
    weight, stride = convolution.weight, convolution.stride
    single = volume.dtype == weight.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")
    if volume.device.type == "cpu" and single and torch.backends.mkldnn.is_available():
        around = (padding,) * 3 if isinstance(padding, int) else padding
        result: Tensor = _Convolution.apply(volume, weight, convolution.bias, around, stride[0])
        return result
    return functional.conv3d(volume, weight, convolution.bias, stride=stride, padding=padding)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, volume: Tensor, weight: Tensor, bias: Tensor | None, padding: Padding, stride: int
    ) -> Tensor:
        ctx.save_for_backward(volume, weight)
        ctx.padding, ctx.stride = padding, stride
        return _forwards(volume, weight, bias, padding, stride)

    @staticmethod
    def backward(
        ctx: Any, gradient: Tensor
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None]:
        volume, weight = ctx.saved_tensors
        *wanted, with_bias = ctx.needs_input_grad[:3]
        gradient = gradient.contiguous(memory_format=torch.channels_last_3d)
        of_volume = of_weight = of_bias = None
        if volume.shape[1] * volume.shape[2] * volume.shape[3] > _LARGE:
            of_volume, of_weight = _backwards(gradient, volume, weight, ctx.padding, ctx.stride, wanted)
        else:
            if wanted[0]:
                of_volume = _of_volume(gradient, volume, weight, ctx.padding, ctx.stride)
            if wanted[1]:
                of_weight = _of_weight(gradient, volume, weight, ctx.padding, ctx.stride)
        if with_bias:
            # Slice by slice: torch sums a volume in this layout one voxel after another.
            of_bias = gradient.sum((3, 4)).double().sum((0, 2)).to(weight.dtype)
        return of_volume, of_weight, of_bias, None, None


def _of_volume(gradient: Tensor, volume: Tensor, weight: Tensor, padding: Padding, stride: int) -> Tensor:
    if stride > 1:
        # The places between those that the stride kept hold nothing.
        sizes = [size + 2 * pad - 2 for size, pad in zip(volume.shape[2:], padding, strict=True)]
        spread = gradient.new_zeros(1, gradient.shape[1], *sizes)
        spread[:, :, ::stride, ::stride, ::stride] = gradient
        gradient = spread.contiguous(memory_format=torch.channels_last_3d)
    turned = weight.flip(2, 3, 4).transpose(0, 1).contiguous()
    depth, height, width = (2 - pad for pad in padding)
    return _forwards(gradient, turned, None, (depth, height, width), 1)


def _of_weight(gradient: Tensor, volume: Tensor, weight: Tensor, padding: Padding, stride: int) -> Tensor:
    half = -(-gradient.shape[2] // 2)
    last = 2 * half - gradient.shape[2]
    above = (half - 1) * stride + 3
    # As many slices behind as the second slab needs.
    behind = half * stride + above - padding[0] - volume.shape[2]
    continued = functional.pad(volume, (0, 0, 0, 0, padding[0], behind))
    slabs = torch.cat([continued[:, :, :above], continued[:, :, half * stride :]])
    gradients = torch.cat(functional.pad(gradient, (0, 0, 0, 0, 0, last)).split(half, dim=2))
    _, of_weight = _backwards(
        gradients.contiguous(memory_format=torch.channels_last_3d),
        slabs.contiguous(memory_format=torch.channels_last_3d),
        weight,
        (0, *padding[1:]),
        stride,
        (False, True),
    )
    assert of_weight is not None
    return of_weight


def _forwards(volume: Tensor, weight: Tensor, bias: Tensor | None, padding: Padding, stride: int) -> Tensor:
    return torch.mkldnn_convolution(volume, weight, bias, padding, (stride,) * 3, (1, 1, 1), 1)


def _backwards(
    gradient: Tensor,
    volume: Tensor,
    weight: Tensor,
    padding: Padding,
    stride: int,
    wanted: Sequence[bool],
) -> tuple[Tensor | None, Tensor | None]:
    of_volume, of_weight, _ = torch.ops.aten.convolution_backward(
        gradient,
        volume,
        weight,
        None,
        (stride,) * 3,
        padding,
        (1, 1, 1),
        False,
        (0, 0, 0),
        1,
        (*wanted, False),
    )
    return of_volume, of_weight
