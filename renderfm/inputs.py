"""What the model sees of a scan under a transfer function (sections 3.1 and 3.2 of the Render-FM paper)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.scans.fingerprint import Fingerprint
from renderbench.scans.groups import GROUPS, GroupSelection, select_groups
from renderbench.scans.store import ScanStore
from renderbench.scans.volume import Grid
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.prior import PriorSettings, prime_voxels
from renderfm.light import light_of
from renderfm.settings import ModelSettings

CHANNELS = ("ct", "segmentation", "red", "green", "blue", "alpha")
"""The six channels of the paper, in this order."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """A scan under a transfer function, as the model takes it.

    Args:
        channels: (1, 6, D, H, W) float32, :data:`CHANNELS`: HU normalised as by nnU-Net, the group index
            over the highest group index, and the transfer function's RGBA in [0, 1].
        prior: N Gaussians, the anatomy-guided prior of all groups: what the model's outputs are added to.
        blocks: (N, 3) int64, (k, j, i) of each on the grid of half resolution, (⌊D/2⌋, ⌊H/2⌋, ⌊W/2⌋).
        light: by the name of a group selection, (N, 6): the light at the blocks when the selected groups
            alone are there, see :func:`lit`.
    """

    channels: Tensor
    prior: Gaussians6D
    blocks: Tensor
    light: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def visible(self) -> Tensor:
        """(1, 1, D, H, W) float32: 1 where the transfer function shows a voxel, 0 elsewhere."""
        return (self.channels[:, CHANNELS.index("alpha"), None] > 0).float()

    def to(self, device: torch.device | str) -> Inputs:
        """The same on another device."""
        return replace(
            self,
            channels=self.channels.to(device),
            prior=self.prior.to(torch.device(device)),
            blocks=self.blocks.to(device),
            light={name: each.to(device) for name, each in self.light.items()},
        )


def lit(inputs: Inputs, selections: Iterable[GroupSelection], medium: MediumSettings, grid: Grid) -> Inputs:
    """The inputs with the light of some selections, for a model that is told it.

    Args:
        inputs: on the CPU.
        selections: of groups.
        medium: how opacity becomes extinction, as in the ground truth.
        grid: of the channels' voxels.
    """
    spacing_mm = float(grid.spacing_mm.mean())
    light = {
        each.name: light_of(inputs.channels, inputs.prior, inputs.blocks, each, medium, spacing_mm)
        for each in selections
    }
    return replace(inputs, light={**inputs.light, **light})


def scan_inputs(
    scan: ScanStore,
    transfer_function: str,
    medium: MediumSettings,
    settings: ModelSettings,
    normalisation: Fingerprint,
) -> Inputs:
    """The inputs of a stored scan.

    Args:
        scan: the scan.
        transfer_function: the name of one of the scan's transfer functions.
        medium: how opacity becomes extinction, as in the ground truth.
        settings: of the model.
        normalisation: of the scans that the model is, or was, trained on.

    Raises:
        InputError: the scan is damaged, has no such transfer function, shows nothing under it, or is
            smaller than the network can take.
    """
    return make_inputs(
        scan.ct(),
        scan.groups(),
        scan.rgba(transfer_function),
        scan.grid,
        medium,
        settings,
        normalisation,
        subject=scan.name,
    )


def make_inputs(
    ct: NDArray[np.number],
    groups: NDArray[np.uint8],
    rgba: NDArray[np.float32],
    grid: Grid,
    medium: MediumSettings,
    settings: ModelSettings,
    normalisation: Fingerprint,
    *,
    subject: str,
) -> Inputs:
    """The inputs of arrays.

    Args:
        ct: (D, H, W), Hounsfield units.
        groups: (D, H, W) group indices.
        rgba: (4, D, H, W) transfer-function colour and opacity, in [0, 1].
        grid: where the voxels lie.
        medium: how opacity becomes extinction, as in the ground truth.
        settings: of the model.
        normalisation: of the scans that the model is, or was, trained on.
        subject: what an error is about: the scan's name.

    Raises:
        InputError: a value is NaN or infinite, nothing is visible, or the volume is smaller than the
            network can take.
    """
    _require_size(grid.shape, settings, subject)
    channels = np.empty((1, len(CHANNELS), *grid.shape), dtype=np.float32)
    channels[0, 0] = normalisation.normalise(ct)
    channels[0, 1] = groups
    channels[0, 1] /= len(GROUPS) - 1
    channels[0, 2:] = rgba
    _require_finite(channels[0], subject)
    # From the channels, so that RGBA is in memory once.
    del rgba
    try:
        primed = prime_voxels(
            channels[0, 2:],
            groups,
            grid,
            select_groups("all"),
            medium,
            PriorSettings(opacity="paper" if settings.opacity == "paper" else "physical"),
        )
    except InputError as error:
        raise InputError(f"{subject}: {error.subject}", error.problem, error.remedy) from None
    return Inputs(channels=torch.from_numpy(channels), prior=primed.gaussians, blocks=primed.blocks)


def _require_size(shape: tuple[int, int, int], settings: ModelSettings, subject: str) -> None:
    # One voxel alone at the lowest stage has no statistics to be normalised by.
    if min(shape) <= settings.stride:
        raise InputError(
            subject,
            f"expected more than {settings.stride} voxels along every axis, which the stride of the "
            f"{settings.size} model asks for, found {' × '.join(map(str, shape))}",
            "take a scan that shows more, or a model of fewer stages",
        )


def _require_finite(channels: NDArray[np.float32], subject: str) -> None:
    for name, channel in zip(CHANNELS, channels, strict=True):
        # A sum is NaN or infinite when a value is, and needs no array of its own.
        if not np.isfinite(channel.sum(dtype=np.float64)):
            bad = np.argwhere(~np.isfinite(channel))
            where = ", ".join(str(index) for index in bad[0])
            raise InputError(
                subject,
                f"expected finite values in channel {name!r}, found {channel[tuple(bad[0])]} in "
                f"{len(bad)} voxels, the first at (z, y, x) = ({where})",
                "repair the scan or leave it out",
            )
