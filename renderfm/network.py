"""The backbone: a 3-D U-Net after nnU-Net (Isensee et al. 2021), without the decoder's last stage.

Section 3.1 of the Render-FM paper, "Encoder-Decoder Backbone". Where it leaves open what a stage is made
of, nnU-Net's plain convolutional U-Net decides: a stage's first convolution carries the stride, weights are
drawn after He et al. (2015).
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderfm.convolution import convolve
from renderfm.norm import normalised
from renderfm.settings import Norm

SLOPE = 0.01
"""Of the leaky ReLU below zero, nnU-Net's."""


class Layer(nn.Module):
    """A 3 × 3 × 3 convolution, instance norm if any, leaky ReLU; of one volume at a time."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, norm: Norm) -> None:
        super().__init__()
        # Instance norm takes any bias away again, and has its own.
        self.convolution = nn.Conv3d(
            channels_in, channels_out, 3, stride=stride, padding=1, bias=norm == "none"
        )
        self.norm = nn.InstanceNorm3d(channels_out, affine=True) if norm == "instance" else None

    def forward(self, volume: Tensor, visible: Tensor) -> Tensor:
        """(1, C_in, D, H, W) to (1, C_out, ⌈D/stride⌉, ⌈H/stride⌉, ⌈W/stride⌉), the size of ``visible``."""
        result = convolve(volume, self.convolution, padding=1)
        if self.norm is not None:
            result = normalised(result, self.norm, visible)
        return functional.leaky_relu(result, SLOPE, inplace=True)


class Stage(nn.ModuleList):
    """Two layers; the first carries the stride."""

    def __init__(self, channels_in: int, channels_out: int, stride: int, norm: Norm) -> None:
        super().__init__(
            [Layer(channels_in, channels_out, stride, norm), Layer(channels_out, channels_out, 1, norm)]
        )

    def forward(self, volume: Tensor, visible: Tensor) -> Tensor:
        """As :class:`Layer`."""
        for layer in self:
            volume = layer(volume, visible)
        return volume


class UNet(nn.Module):
    """The U-Net.

    Args:
        channels_in: of the input.
        channels: of each stage of the encoder, at least two; the decoder has those of the same resolution.
        norm: after each convolution.
    """

    def __init__(self, channels_in: int, channels: tuple[int, ...], norm: Norm = "none") -> None:
        super().__init__()
        self.encoder = nn.ModuleList(
            [
                Stage(before, after, stride=1 if index == 0 else 2, norm=norm)
                for index, (before, after) in enumerate(pairwise((channels_in, *channels)))
            ]
        )
        upwards = list(pairwise(reversed(channels[1:])))
        self.ups = nn.ModuleList([nn.ConvTranspose3d(below, here, 2, stride=2) for below, here in upwards])
        self.decoder = nn.ModuleList([Stage(2 * here, here, stride=1, norm=norm) for _, here in upwards])
        self.stride = 2 ** (len(channels) - 1)
        self.normed = norm != "none"
        self.apply(_initialise)

    def forward(self, volume: Tensor, visible: Tensor) -> Tensor:
        """Features at half resolution.

        Args:
            volume: (1, C_in, D, H, W). Where a size is no multiple of the stride, the volume is continued
                by its last voxels; the features of that part are dropped.
            visible: (1, 1, D, H, W), 1 where a voxel shows and 0 elsewhere: what the norms look at.

        Returns:
            (1, channels[1], ⌊D/2⌋, ⌊H/2⌋, ⌊W/2⌋).

        Raises:
            ValueError: more than one volume at a time.
        """
        if len(volume) != 1:
            raise ValueError(f"expected one volume, found a batch of {len(volume)}")
        depth, height, width = (size // 2 for size in volume.shape[2:])
        # Only norms look at it.
        stages = len(self.encoder)
        shown = visible_at(visible, self.stride) if self.normed else [visible] * stages
        skips = []
        features = self.encoder[0](laid_out(padded(volume, self.stride)), shown[0])
        for stage, there in zip(self.encoder[1:], shown[1:], strict=True):
            features = stage(features, there)
            skips.append(features)
        skips.pop()
        for up, stage in zip(self.ups, self.decoder, strict=True):
            there = shown[len(skips)]
            features = stage(torch.cat([skips.pop(), up(features)], dim=1), there)
        return features[:, :, :depth, :height, :width]


def padded(volume: Tensor, stride: int) -> Tensor:
    """(1, C, D, H, W) continued by its last voxels up to multiples of ``stride``."""
    missing = [-size % stride for size in volume.shape[2:]]
    if not any(missing):
        return volume
    return functional.pad(volume, (0, missing[2], 0, missing[1], 0, missing[0]), mode="replicate")


def visible_at(visible: Tensor, stride: int) -> list[Tensor]:
    """What shows at every stage: (1, 1, D, H, W), grown by nothing to multiples of ``stride``, then halved.

    A voxel of a lower stage shows if any of the 2 × 2 × 2 that it stands for does.
    """
    missing = [-size % stride for size in visible.shape[2:]]
    levels = [functional.pad(visible, (0, missing[2], 0, missing[1], 0, missing[0]))]
    while stride > 1:
        levels.append(functional.max_pool3d(levels[-1], 2))
        stride //= 2
    return levels


def laid_out(volume: Tensor) -> Tensor:
    """The volume as its device convolves it fastest; whatever follows keeps that layout."""
    # With as few channels as here, three times as fast on the CPU as channel after channel.
    return volume.contiguous(memory_format=torch.channels_last_3d) if volume.device.type == "cpu" else volume


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d | nn.ConvTranspose3d):
        nn.init.kaiming_normal_(module.weight, a=SLOPE)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
