"""Render-FM: a network and a head."""

from __future__ import annotations

from torch import Tensor, nn

from renderbench.scans.groups import GroupSelection, select_groups
from renderbench.splats.gaussians import Gaussians6D
from renderfm.head import Head
from renderfm.inputs import Inputs
from renderfm.network import UNet
from renderfm.settings import ModelSettings

ALL = select_groups("all")


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

    def forward(self, inputs: Inputs, selection: GroupSelection = ALL) -> Gaussians6D:
        """The Gaussians of all foreground voxels, with their labels; differentiable.

        Args:
            inputs: on the model's device.
            selection: the groups that are to be shown, see :meth:`instantiate`.
        """
        return self.instantiate(self.at_blocks(inputs), inputs, selection)

    def at_blocks(self, inputs: Inputs) -> Tensor:
        """(N, C): the network's features at the inputs' blocks."""
        k, j, i = inputs.blocks.unbind(1)
        return self.features(inputs)[0][:, k, j, i].T

    def features(self, inputs: Inputs) -> Tensor:
        """(1, C, ⌊D/2⌋, ⌊H/2⌋, ⌊W/2⌋), the network's."""
        features: Tensor = self.network(self.seen(inputs.channels), inputs.visible)
        return features

    def seen(self, channels: Tensor) -> Tensor:
        """What the network sees of (1, 6, D, H, W)."""
        chosen = self.settings.input_channels
        return channels if len(chosen) == channels.shape[1] else channels[:, list(chosen)]

    def instantiate(self, features: Tensor, inputs: Inputs, selection: GroupSelection = ALL) -> Gaussians6D:
        """The Gaussians of all groups as they look when the selected ones alone are there.

        Args:
            features: (N, C), the network's at the inputs' blocks; they are the same for any selection.
            inputs: whose light is known for ``selection``, if the model is to be told it.
            selection: the groups that stand in the light's way.
        """
        light = inputs.light[selection.name] if self.settings.light else None
        gaussians: Gaussians6D = self.head(features, inputs.prior, light)
        return gaussians
