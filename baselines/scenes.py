"""The three baselines as methods: how each begins, and whether it fits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.drawing import shown_by
from baselines.fitting import fit_gaussians, seed_of
from baselines.methods import SIX_DGS, SIX_DGS_AGP
from baselines.radiodensity import radiodensity_gaussians
from baselines.reuse import FIT, finished_fit, fit_digest
from baselines.settings import AgpSettings, FitSettings, SixDgsAgpSettings, SixDgsSettings
from baselines.shading import fit_shading_gain, shaded
from baselines.views import Views, fitting_views, groups_in
from baselines.warmup import compile_kernels
from renderbench.cameras import Camera
from renderbench.evaluation.ledger import Ledger
from renderbench.methods import Task
from renderbench.progress import progress
from renderbench.scans.groups import GroupSelection
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.ply import write_ply
from renderbench.splats.prior import PriorSettings, anatomy_guided_prior
from renderbench.splats.raster import RasterSettings, blending_weights
from renderbench.splats.scene import SplatScene

# Initial Gaussians, and notes on how they came about.
_Beginning = tuple[Gaussians6D, dict[str, Any]]


@dataclass(frozen=True)
class AgpMethod:
    """The anatomy-guided prior, and nothing else."""

    settings: AgpSettings

    @property
    def needs_views(self) -> bool:
        """Only a fitted shading gain looks at views."""
        return self.settings.shading_gain == "fit"

    def prepare(self, task: Task, ledger: Ledger) -> GroupScene:
        """Instantiate the prior."""
        compile_kernels()
        with ledger.timed("initialise"):
            if self.needs_views:
                gaussians, gain = prior_of(task, self.settings, groups_in(task), fitting_views(task))
            else:
                gaussians, gain = prior_of(task, self.settings, task.groups, None)
        return _scene(gaussians, task, self.settings.lambda_opacity, {"shading_gain": round(gain, 4)})


@dataclass(frozen=True)
class SixDgsMethod:
    """6DGS from CT radiodensity."""

    settings: SixDgsSettings
    needs_views: bool = True

    def prepare(self, task: Task, ledger: Ledger) -> GroupScene:
        """Initialise from the CT and fit."""
        return _fitted(task, self.settings, SIX_DGS.version, ledger, self._begin)

    def _begin(self, task: Task) -> _Beginning:
        scan, seed = task.scan, seed_of(task, self.settings)
        return radiodensity_gaussians(
            scan.ct(), scan.groups(), scan.grid, groups_in(task), self.settings, seed
        ), {}


@dataclass(frozen=True)
class SixDgsAgpMethod:
    """6DGS from the anatomy-guided prior."""

    settings: SixDgsAgpSettings
    needs_views: bool = True

    def prepare(self, task: Task, ledger: Ledger) -> GroupScene:
        """Initialise from the prior and fit."""
        return _fitted(task, self.settings, SIX_DGS_AGP.version, ledger, self._begin)

    def _begin(self, task: Task) -> _Beginning:
        views = fitting_views(task)
        prior, gain = prior_of(task, self.settings.prior, groups_in(task), views)
        notes = {"prior_points": len(prior), "shading_gain": round(gain, 4)}
        return most_seen(prior, views, self.settings), notes


@dataclass(frozen=True, kw_only=True)
class GroupScene:
    """Gaussians of all groups, of which some are shown; a ``renderbench.methods.Scene``.

    What is saved and counted is all of them: whoever opens the ``.ply`` can show any other groups of the
    same scene by their labels, without fitting again.
    """

    gaussians: Gaussians6D
    groups: GroupSelection
    raster: RasterSettings
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def point_count(self) -> int:
        """How many Gaussians, of all groups."""
        return len(self.gaussians)

    def render(self, camera: Camera) -> NDArray[np.float32]:
        """The image of the groups shown, (H, W, 3) sRGB over black, clipped to [0, 1]."""
        return self._shown.render(camera)

    def save(self, path: Path) -> None:
        """Write all Gaussians as a 6D ``.ply``."""
        write_ply(path, self.gaussians)

    @cached_property
    def _shown(self) -> SplatScene:
        shown = self.gaussians.select(shown_by(self.groups, self.gaussians.labels))
        return SplatScene(gaussians=shown, raster=self.raster)


def _fitted(
    task: Task,
    settings: FitSettings,
    version: int,
    ledger: Ledger,
    begin: Callable[[Task], _Beginning],
) -> GroupScene:
    """The scene of a fit: of another block's where that is the same one, else of one made here."""
    digest = fit_digest(task, settings, version)
    earlier = finished_fit(task, digest)
    if earlier is not None:
        task.announce(f"the fit is that of block {earlier.block}; its seconds are counted")
        for item, seconds in earlier.seconds.items():
            ledger.add(item, seconds)
        return _scene(earlier.gaussians, task, settings.lambda_opacity, dict(earlier.notes))
    compile_kernels()
    with ledger.timed("initialise"):
        initial, notes = begin(task)
    with ledger.timed("optimise"):
        fit = fit_gaussians(initial, task, settings)
    ledger.add("optimise", fit.seconds_before)
    notes = fit.notes | {"initial_points": len(initial), FIT: digest} | notes
    return _scene(fit.gaussians, task, settings.lambda_opacity, notes)


def _scene(gaussians: Gaussians6D, task: Task, lambda_opacity: float, notes: dict[str, Any]) -> GroupScene:
    return GroupScene(
        gaussians=gaussians,
        groups=task.groups,
        raster=RasterSettings(lambda_opacity=lambda_opacity),
        notes=notes,
    )


def prior_of(
    task: Task, settings: AgpSettings, groups: GroupSelection, views: Views | None
) -> tuple[Gaussians6D, float]:
    """The prior of a task's scan with its shading gain applied, and that gain.

    Args:
        task: whose scan and transfer function.
        settings: of the prior.
        groups: what to instantiate.
        views: what a gain is fitted to, where the settings ask for that.
    """
    gaussians = anatomy_guided_prior(
        task.scan.rgba(task.transfer_function),
        task.scan.groups(),
        task.scan.grid,
        groups,
        task.medium,
        PriorSettings(
            stride_voxels=settings.stride_voxels,
            position_sd=settings.position_sd,
            direction_sd=settings.direction_sd,
            opacity=settings.opacity,
        ),
    )
    if settings.shading_gain == "fit":
        if views is None:
            raise ValueError("a shading gain is fitted to views, and there are none")
        gain = fit_shading_gain(gaussians, views, RasterSettings(lambda_opacity=settings.lambda_opacity))
    else:
        gain = settings.shading_gain
    return shaded(gaussians, gain), gain


def most_seen(gaussians: Gaussians6D, views: Views, settings: SixDgsAgpSettings) -> Gaussians6D:
    """The ``initial_points`` Gaussians with the highest blending weight, summed over the fitting views."""
    if settings.initial_points is None or len(gaussians) <= settings.initial_points:
        return gaussians
    raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
    total = np.zeros(len(gaussians), dtype=np.float64)
    with progress("choosing initial points", len(views), "views") as bar:
        for camera, groups in zip(views.cameras, views.groups, strict=True):
            shown = shown_by(groups, gaussians.labels)
            total += np.asarray(blending_weights(gaussians, camera, raster, mask=shown))
            bar.advance()
    # Ascending indices: the order of Gaussians stays that of the voxels.
    kept = np.sort(np.argsort(-total, kind="stable")[: settings.initial_points])
    return gaussians.select(torch.from_numpy(kept))
