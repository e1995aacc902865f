"""The network in slabs: layer by layer, a few slices at a time, and yet the network of the whole volume.

Instance norm divides by statistics of the whole volume, so windows that run through the network one after
another each see other statistics, and their Gaussians differ at the seams whatever the overlap. Here a layer
is worked out in slabs of slices with exact halos, its statistics are gathered over all of them, and only
then does the next layer begin. What comes out is the same convolutions of the same numbers, in another
order of summation.

At full resolution, where a volume weighs most, nothing is kept: a layer's slabs are computed again for each
layer that reads them. From half resolution on, each layer's result is kept, before its normalisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from renderfm.convolution import convolve
from renderfm.network import SLOPE, Layer, UNet, laid_out, visible_at
from renderfm.norm import statistics


class Slices(Protocol):
    """A volume whose slices can be had on demand; (1, C, depth, H, W) as a whole."""

    depth: int

    def read(self, start: int, stop: int) -> Tensor:
        """Slices ``start`` to ``stop`` (exclusive): (1, C, stop - start, H, W)."""


def in_slabs(network: UNet, channels: Tensor, visible: Tensor, window: int) -> Slices:
    """The network's features at half resolution, before they are cut to size.

    Args:
        network: its device is where slabs are computed and layers kept.
        channels: (1, C_in, D, H, W), on any device.
        visible: (1, 1, D, H, W), on the network's: 1 where a voxel shows.
        window: slices to a slab at full resolution; at half of it twice as many, and so on, which then
            hold half as much.
    """
    device = next(network.parameters()).device
    features: Slices = _Volume(channels, network.stride, device)
    shown = visible_at(visible, network.stride)
    skips: list[Slices] = []
    for level, stage in enumerate(cast(Iterable[Iterable[Layer]], network.encoder)):
        for layer in stage:
            features = _Convolved(features, layer, shown[level], window << level, kept=level > 0)
        if level > 0:
            skips.append(features)
    skips.pop()
    ups = cast(Iterable[nn.ConvTranspose3d], network.ups)
    for up, stage in zip(ups, cast(Iterable[Iterable[Layer]], network.decoder), strict=True):
        level = len(skips)
        features = _Joined(skips.pop(), _Upsampled(features, up))
        for layer in stage:
            features = _Convolved(features, layer, shown[level], window << level, kept=True)
    return features


def slabs_of(depth: int, window: int) -> Iterator[tuple[int, int]]:
    """(start, stop) of each slab of ``window`` slices; the last may have fewer."""
    for start in range(0, depth, window):
        yield start, min(start + window, depth)


class _Volume:
    """The network's input, continued by its last voxels up to multiples of the stride."""

    def __init__(self, channels: Tensor, stride: int, device: torch.device) -> None:
        self._channels = channels
        self._device = device
        depth, height, width = channels.shape[2:]
        self.depth = depth + -depth % stride
        self._missing = (0, -width % stride, 0, -height % stride)

    def read(self, start: int, stop: int) -> Tensor:
        last = self._channels.shape[2] - 1
        there = self._channels[:, :, min(start, last) : stop]
        missing = stop - start - there.shape[2]
        return laid_out(
            functional.pad(there.to(self._device), (*self._missing, 0, missing), mode="replicate")
        )


class _Convolved:
    """A layer's result: convolved when it is made, normalised by its own statistics, if at all, when read."""

    def __init__(self, source: Slices, layer: Layer, visible: Tensor, window: int, *, kept: bool) -> None:
        self._layer = layer
        self._visible = visible
        self._source: Slices | None = source
        self._kept: Tensor | None = None
        self._device = layer.convolution.weight.device
        self._stride = layer.convolution.stride[0]
        self.depth = source.depth // self._stride
        self._mean, self._variance = torch.empty(0), torch.empty(0)
        if kept or layer.norm is not None:
            self._settle(window, kept)

    def read(self, start: int, stop: int) -> Tensor:
        raw = self._convolved(start, stop) if self._kept is None else self._kept[:, :, start:stop]
        norm = self._layer.norm
        if norm is None:
            return functional.leaky_relu(raw, SLOPE)
        normal = functional.batch_norm(
            raw, self._mean, self._variance, norm.weight, norm.bias, training=False, eps=norm.eps
        )
        return functional.leaky_relu_(normal, SLOPE)

    def _settle(self, window: int, kept: bool) -> None:
        """Keep all slabs or let them go; mean and variance of every channel over them, for a norm."""
        count, mean, scatter = 0, torch.zeros((), device=self._device), torch.zeros((), device=self._device)
        for start, stop in slabs_of(self.depth, window):
            slab = self._convolved(start, stop)
            if kept:
                if self._kept is None:
                    whole = (*slab.shape[:2], self.depth, *slab.shape[3:])
                    self._kept = laid_out(slab.new_empty(whole))
                self._kept[:, :, start:stop] = slab
            if self._layer.norm is None:
                continue
            # Chan et al. (1979): statistics of parts, put together without cancellation.
            own, variance, size = statistics(slab, self._visible[:, :, start:stop])
            share = size / max(count + size, 1)
            off = own - mean
            scatter = scatter + variance * size + off**2 * (count * share)
            mean = mean + off * share
            count += size
        if kept:
            self._source = None
        dtype = self._layer.convolution.weight.dtype
        self._mean, self._variance = mean.to(dtype), (scatter / max(count, 1)).to(dtype)

    def _convolved(self, start: int, stop: int) -> Tensor:
        assert self._source is not None
        first, last = start * self._stride - 1, (stop - 1) * self._stride + 2
        there = self._source.read(max(first, 0), min(last, self._source.depth))
        if first < 0 or last > self._source.depth:
            beyond = max(last - self._source.depth, 0)
            there = functional.pad(there, (0, 0, 0, 0, max(-first, 0), beyond))
        return convolve(there, self._layer.convolution, padding=(0, 1, 1))


class _Upsampled:
    """A volume at twice its resolution; a kernel of 2 with a stride of 2 needs no halo."""

    def __init__(self, source: Slices, up: nn.ConvTranspose3d) -> None:
        self._source = source
        self._up = up
        self.depth = 2 * source.depth

    def read(self, start: int, stop: int) -> Tensor:
        first = start // 2
        above: Tensor = self._up(self._source.read(first, (stop + 1) // 2))
        return above[:, :, start - 2 * first : stop - 2 * first]


class _Joined:
    """Two volumes' channels."""

    def __init__(self, skip: Slices, above: Slices) -> None:
        self._skip = skip
        self._above = above
        self.depth = skip.depth

    def read(self, start: int, stop: int) -> Tensor:
        return torch.cat([self._skip.read(start, stop), self._above.read(start, stop)], dim=1)
