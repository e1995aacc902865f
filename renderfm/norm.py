"""Instance norm of one volume over the voxels that show, exact for volumes of any size.

Mean and variance of a channel are those of its visible voxels; all voxels are normalised by them. A scan is
mostly air and tissue that no label claims, one scan more and another less: statistics of everything would
say how much of it there is rather than what the rest looks like, and what was learnt on narrow phantoms
would mean something else in a wide scan. Where everything shows, this is torch's instance norm.

On the CPU, torch sums a volume that is laid out voxel by voxel in single precision, one voxel after another:
what its batch norm returns is off by a thousandth at one million voxels and by a hundredth at four. Here
every slice is summed by itself, and the slices in double precision.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


def normalised(volume: Tensor, norm: nn.InstanceNorm3d, visible: Tensor) -> Tensor:
    """(1, C, D, H, W): visible voxels of mean 0 and variance 1, times ``norm.weight`` plus ``norm.bias``.

    Args:
        volume: (1, C, D, H, W).
        norm: its weight, bias and epsilon.
        visible: (1, 1, D, H, W), 1 where a voxel counts and 0 elsewhere.
    """
    result: Tensor = _Normalised.apply(volume, norm.weight, norm.bias, norm.eps, visible)
    return result


def statistics(volume: Tensor, visible: Tensor) -> tuple[Tensor, Tensor, int]:
    """Mean and population variance of every channel over visible voxels, (C,) float64, and their number.

    Both are 0 where nothing is visible.
    """
    seen = int(visible.sum(dtype=torch.float64))
    count = max(seen, 1)
    mean = _sums(volume * visible) / count
    deviations = (volume - _spread(mean, volume)).mul_(visible)
    return mean, _sums(deviations.square_()) / count, seen


class _Normalised(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, volume: Tensor, weight: Tensor, bias: Tensor, eps: float, visible: Tensor
    ) -> Tensor:
        mean, variance, ctx.count = statistics(volume, visible)
        ctx.save_for_backward(volume, weight, mean, torch.rsqrt(variance + eps), visible)
        dtype = weight.dtype
        return functional.batch_norm(
            volume, mean.to(dtype), variance.to(dtype), weight, bias, training=False, eps=eps
        )

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        volume, weight, mean, inverse, visible = ctx.saved_tensors
        count = max(ctx.count, 1)
        normal = (volume - _spread(mean, volume)).mul_(_spread(inverse, volume))
        of_bias, of_weight = _sums(gradient), _sums(gradient * normal)
        # What is left of a gradient once mean and variance follow the visible voxels.
        of_volume = normal.mul_(_spread(-of_weight / count, volume)).sub_(_spread(of_bias / count, volume))
        of_volume.mul_(visible).add_(gradient).mul_(_spread(weight * inverse, volume))
        return of_volume.to(volume.dtype), of_weight.to(weight.dtype), of_bias.to(weight.dtype), None, None


def _sums(volume: Tensor) -> Tensor:
    """(C,) float64."""
    return volume.sum((3, 4)).double().sum((0, 2))


def _spread(values: Tensor, volume: Tensor) -> Tensor:
    """One value a channel, to be combined with a volume; in single precision where that is in half."""
    dtype = torch.promote_types(volume.dtype, torch.float32)
    return values.to(dtype)[None, :, None, None, None]
