"""The three baselines as methods: how each begins, and whether it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from baselines.fitting import fit_gaussians
from baselines.radiodensity import radiodensity_gaussians
from baselines.settings import AgpSettings, FitSettings, SixDgsAgpSettings, SixDgsSettings
from baselines.shading import fit_shading_gain, shaded
from baselines.warmup import compile_kernels
from renderbench.evaluation.ledger import Ledger
from renderbench.methods import Task
from renderbench.progress import progress
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.prior import PriorSettings, anatomy_guided_prior
from renderbench.splats.raster import RasterSettings, blending_weights
from renderbench.splats.scene import SplatScene

if TYPE_CHECKING:
    from renderbench.groundtruth.viewset import ViewSet


@dataclass(frozen=True)
class AgpMethod:
    """The anatomy-guided prior, and nothing else."""

    settings: AgpSettings

    @property
    def needs_views(self) -> bool:
        """Only a fitted shading gain looks at views."""
        return self.settings.shading_gain == "fit"

    def prepare(self, task: Task, ledger: Ledger) -> SplatScene:
        """Instantiate the prior."""
        compile_kernels()
        with ledger.timed("initialise"):
            gaussians, gain = prior_of(task, self.settings)
        raster = RasterSettings(lambda_opacity=self.settings.lambda_opacity)
        return SplatScene(gaussians=gaussians, raster=raster, notes={"shading_gain": round(gain, 4)})


@dataclass(frozen=True)
class SixDgsMethod:
    """6DGS from CT radiodensity."""

    settings: SixDgsSettings
    needs_views: bool = True

    def prepare(self, task: Task, ledger: Ledger) -> SplatScene:
        """Initialise from the CT and fit."""
        compile_kernels()
        with ledger.timed("initialise"):
            initial = radiodensity_gaussians(
                task.scan.ct(), task.scan.groups(), task.scan.grid, self.settings, task.seed
            )
        return _fitted(initial, task, self.settings, ledger, {})


@dataclass(frozen=True)
class SixDgsAgpMethod:
    """6DGS from the anatomy-guided prior."""

    settings: SixDgsAgpSettings
    needs_views: bool = True

    def prepare(self, task: Task, ledger: Ledger) -> SplatScene:
        """Initialise from the prior and fit."""
        compile_kernels()
        with ledger.timed("initialise"):
            prior, gain = prior_of(task, self.settings.prior)
            initial = most_seen(prior, task.fit_views, self.settings)
        notes = {"prior_points": len(prior), "shading_gain": round(gain, 4)}
        return _fitted(initial, task, self.settings, ledger, notes)


def _fitted(
    initial: Gaussians6D, task: Task, settings: FitSettings, ledger: Ledger, notes: dict[str, Any]
) -> SplatScene:
    """The scene that a fit makes of ``initial``; ``notes`` say how that came about."""
    with ledger.timed("optimise"):
        fit = fit_gaussians(initial, task, settings)
    return SplatScene(
        gaussians=fit.gaussians,
        raster=RasterSettings(lambda_opacity=settings.lambda_opacity),
        notes=fit.notes | {"initial_points": len(initial)} | notes,
    )


def prior_of(task: Task, settings: AgpSettings) -> tuple[Gaussians6D, float]:
    """The prior of a task's scan with its shading gain applied, and that gain."""
    gaussians = anatomy_guided_prior(
        task.scan.rgba(task.transfer_function),
        task.scan.groups(),
        task.scan.grid,
        task.groups,
        task.medium,
        PriorSettings(
            stride_voxels=settings.stride_voxels,
            position_sd=settings.position_sd,
            direction_sd=settings.direction_sd,
            opacity=settings.opacity,
        ),
    )
    if settings.shading_gain == "fit":
        gain = fit_shading_gain(
            gaussians, task.fit_views, RasterSettings(lambda_opacity=settings.lambda_opacity)
        )
    else:
        gain = settings.shading_gain
    return shaded(gaussians, gain), gain


def most_seen(gaussians: Gaussians6D, views: ViewSet, settings: SixDgsAgpSettings) -> Gaussians6D:
    """The ``initial_points`` Gaussians with the highest blending weight, summed over the fitting views."""
    if len(gaussians) <= settings.initial_points:
        return gaussians
    raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
    total = np.zeros(len(gaussians), dtype=np.float64)
    with progress("choosing initial points", len(views.cameras), "views") as bar:
        for camera in views.cameras:
            total += np.asarray(blending_weights(gaussians, camera, raster))
            bar.advance()
    # Ascending indices: the order of Gaussians stays that of the voxels.
    kept = np.sort(np.argsort(-total, kind="stable")[: settings.initial_points])
    return gaussians.select(torch.from_numpy(kept))
