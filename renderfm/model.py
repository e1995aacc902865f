"""Render-FM: a network and a head."""

from __future__ import annotations

from torch import Tensor, nn

from renderbench.splats.gaussians import Gaussians6D
from renderfm.head import Head
from renderfm.inputs import Inputs
from renderfm.network import UNet
from renderfm.settings import ModelSettings


class RenderFM(nn.Module):
    """The model of section 3 of the Render-FM paper. Untrained, it predicts the anatomy-guided prior.

    Args:
        settings: see :class:`~renderfm.settings.ModelSettings`.
    """

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__()
        self.settings = settings
        self.network = UNet(len(settings.input_channels), settings.channels, settings.norm)
        self.head = Head(settings.channels[1], settings)

    def forward(self, inputs: Inputs) -> Gaussians6D:
        """The Gaussians of all foreground voxels, with their labels; differentiable.

        Args:
            inputs: on the model's device.
        """
        k, j, i = inputs.blocks.unbind(1)
        return self.instantiate(self.features(inputs)[0][:, k, j, i].T, inputs)

    def features(self, inputs: Inputs) -> Tensor:
        """(1, C, ⌊D/2⌋, ⌊H/2⌋, ⌊W/2⌋), the network's."""
        features: Tensor = self.network(self.seen(inputs.channels), inputs.visible)
        return features

    def seen(self, channels: Tensor) -> Tensor:
        """What the network sees of (1, 6, D, H, W)."""
        chosen = self.settings.input_channels
        return channels if len(chosen) == channels.shape[1] else channels[:, list(chosen)]

    def instantiate(self, features: Tensor, inputs: Inputs) -> Gaussians6D:
        """The Gaussians of the network's features at the inputs' N blocks, (N, C)."""
        gaussians: Gaussians6D = self.head(features, inputs.prior)
        return gaussians
