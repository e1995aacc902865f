"""Adaptive density control of 6DGS: clone, split by the sliced covariance, prune, reset opacities."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from baselines.checkpoint import Snapshot
from baselines.optimiser import GaussianOptimiser
from baselines.settings import FitSettings
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterOutput
from renderbench.splats.slicing import conditional_covariances

_COPIES = 2
_SHRINK = 0.8


class DensityControl:
    """Watches screen-space gradients and changes the set of Gaussians on schedule.

    Gaussians whose mean screen-space gradient exceeds ``densify_gradient`` are under-reconstructed:
    small ones are cloned, large ones are split in two along the principal axes of the covariance that
    slicing leaves, Σ_pp - Σ_pd Σ_dd⁻¹ Σ_dp, which is the same from every direction.

    Args:
        settings: the schedule and thresholds.
        extent_mm: the scene extent.
        generator: of the samples that splitting draws.
    """

    def __init__(self, settings: FitSettings, extent_mm: float, generator: torch.Generator) -> None:
        self._settings = settings
        self._extent_mm = extent_mm
        self._generator = generator
        self._gradient = torch.zeros(0)
        self._seen = torch.zeros(0)

    def watch(self, output: RasterOutput) -> None:
        """Count one view's screen-space gradients; call after ``backward`` and before the step."""
        gradient = output.screen_gradient()
        if len(self._gradient) != len(gradient):
            self._gradient, self._seen = torch.zeros_like(gradient), torch.zeros_like(gradient)
        visible = output.visible
        self._gradient += torch.where(visible, gradient, 0.0)
        self._seen += visible

    def act(self, iteration: int, optimiser: GaussianOptimiser) -> None:
        """Densify, prune or reset, where ``iteration`` (from 1) is one that the schedule names.

        As in 3DGS the schedule ends before ``densify_until``: a last reset of opacities there would
        leave them low for good.
        """
        settings = self._settings
        if not settings.densify or iteration >= settings.densify_until:
            return
        if iteration > settings.densify_from and iteration % settings.densify_every == 0:
            self._densify(optimiser)
            self._prune(iteration, optimiser)
            self._gradient, self._seen = torch.zeros(0), torch.zeros(0)
        if iteration % settings.opacity_reset_every == 0:
            optimiser.cap_opacity(settings.opacity_reset_to)

    def snapshot(self) -> Snapshot:
        """The statistics so far."""
        return Snapshot(tensors={"gradient": self._gradient, "seen": self._seen})

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from ``snapshot``."""
        self._gradient, self._seen = snapshot.tensors["gradient"], snapshot.tensors["seen"]

    def _densify(self, optimiser: GaussianOptimiser) -> None:
        settings = self._settings
        wanting = self._wanting(len(optimiser))
        gaussians = optimiser.gaussians.detach()
        scales, axes = _principal_axes(gaussians)
        large = scales.amax(dim=1) > settings.percent_dense * self._extent_mm
        cloned = gaussians.select(wanting & ~large)
        parents = wanting & large
        split = self._split(gaussians.select(parents), scales[parents], axes[parents])
        optimiser.append(cloned)
        optimiser.append(split)
        optimiser.keep(torch.cat([~parents, torch.ones(len(cloned) + len(split), dtype=torch.bool)]))

    def _wanting(self, count: int) -> Tensor:
        """(N,) bool: what is under-reconstructed, the worst of it where there is not room for all."""
        settings = self._settings
        mean_gradient = self._gradient / self._seen.clamp_min(1.0)
        wanting = mean_gradient >= settings.densify_gradient
        # Each one wanting adds one, cloned or split.
        room = len(wanting) if settings.max_points is None else max(settings.max_points - count, 0)
        if int(wanting.sum()) > room:
            chosen = torch.zeros_like(wanting)
            chosen[mean_gradient.argsort(descending=True, stable=True)[:room]] = True
            wanting &= chosen
        return wanting

    def _split(self, parents: Gaussians6D, scales: Tensor, axes: Tensor) -> Gaussians6D:
        index = torch.arange(len(parents)).repeat(_COPIES)
        children = parents.select(index)
        offsets = torch.randn((len(index), 3), generator=self._generator) * scales[index]
        children.means_mm.add_(torch.einsum("nij,nj->ni", axes[index], offsets))
        children.log_diagonal.add_(math.log(_SHRINK))
        return children

    def _prune(self, iteration: int, optimiser: GaussianOptimiser) -> None:
        settings = self._settings
        gaussians = optimiser.gaussians.detach()
        keep = torch.sigmoid(gaussians.opacity_logit) >= settings.prune_opacity
        if iteration > settings.prune_scale_from:
            scales, _ = _principal_axes(gaussians)
            keep &= scales.amax(dim=1) <= settings.prune_scale * self._extent_mm
        if keep.any():
            optimiser.keep(keep)


def _principal_axes(gaussians: Gaussians6D) -> tuple[Tensor, Tensor]:
    """Standard deviations (N, 3) in mm and axes (N, 3, 3), columns, of the sliced covariance."""
    variances, axes = torch.linalg.eigh(conditional_covariances(gaussians))
    return variances.clamp_min(0.0).sqrt(), axes
