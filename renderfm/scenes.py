"""Render-FM as methods: prediction alone, and prediction with a short fit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from baselines.drawing import shown_by
from baselines.fitting import fit_gaussians
from baselines.reuse import FIT, finished_fit, fit_digest
from baselines.scenes import GroupScene
from baselines.views import Views, fitting_views
from baselines.warmup import compile_kernels
from renderbench.artefacts import digest_of
from renderbench.errors import InputError
from renderbench.evaluation.ledger import Ledger
from renderbench.layout import Root
from renderbench.methods import Task
from renderbench.progress import progress
from renderbench.scans.groups import GROUPS, GroupSelection, select_groups
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings, blending_weights
from renderfm.checkpoint import Loaded, load_checkpoint
from renderfm.inputs import lit, make_inputs
from renderfm.light import compile_light
from renderfm.methods import RENDERFM_FT
from renderfm.settings import PredictionSettings, RenderFMFtSettings, RenderFMSettings
from renderfm.windows import foreground_features, planned_window

_SECONDS = "infer_seconds"


@dataclass(frozen=True)
class RenderFMMethod:
    """Prediction. It looks at no view, and one pass through the network serves any selection of groups."""

    settings: RenderFMSettings
    needs_views: bool = False

    def prepare(self, task: Task, ledger: Ledger) -> GroupScene:
        """Predict the Gaussians of all groups."""
        device = _device(self.settings)
        _warm_up(device)
        loaded, loading = _loaded(task, self.settings)
        gaussians, notes = predicted(task, self.settings, loaded, device, task.groups)
        notes[_SECONDS] |= loading
        ledger.add("infer", sum(notes[_SECONDS].values()))
        start = time.perf_counter()
        gaussians.select(shown_by(task.groups, gaussians.labels))
        # All that another selection of groups costs once the network has spoken.
        again = time.perf_counter() - start
        if loaded.model.settings.light:
            again += notes[_SECONDS]["light"] + notes[_SECONDS]["instantiate"]
        notes["selection_seconds"] = round(again, 4)
        raster = RasterSettings(lambda_opacity=self.settings.lambda_opacity)
        return GroupScene(gaussians=gaussians, groups=task.groups, raster=raster, notes=notes)


@dataclass(frozen=True)
class RenderFMFtMethod:
    """Prediction, then a fit of what the fitting views see."""

    settings: RenderFMFtSettings
    needs_views: bool = True

    def prepare(self, task: Task, ledger: Ledger) -> GroupScene:
        """Predict and fit; a fit that another block of the suite has made is taken from there."""
        settings = self.settings
        device = _device(settings)
        loaded, loading = _loaded(task, settings)
        digest = digest_of([fit_digest(task, settings, RENDERFM_FT.version), loaded.sha256])
        raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
        earlier = finished_fit(task, digest)
        if earlier is not None:
            task.announce(f"the fit is that of block {earlier.block}; its seconds are counted")
            for item, seconds in earlier.seconds.items():
                ledger.add(item, seconds)
            ledger.add("infer", sum(earlier.notes[_SECONDS].values()))
            return GroupScene(
                gaussians=earlier.gaussians, groups=task.groups, raster=raster, notes=dict(earlier.notes)
            )
        _warm_up(device)
        views = fitting_views(task)
        # One fit serves all blocks: what its views show is what stands in the light's way.
        shown = select_groups(sorted({GROUPS[index].id for each in views.groups for index in each.indices}))
        gaussians, notes = predicted(task, settings, loaded, device, shown)
        notes[_SECONDS] |= loading
        ledger.add("infer", sum(notes[_SECONDS].values()))
        with ledger.timed("initialise"):
            initial = seen(gaussians, views, raster, settings.prune_weight)
        with ledger.timed("optimise"):
            fit = fit_gaussians(initial, task, settings)
        ledger.add("optimise", fit.seconds_before)
        notes |= {"predicted_points": len(gaussians), "initial_points": len(initial), FIT: digest}
        return GroupScene(gaussians=fit.gaussians, groups=task.groups, raster=raster, notes=fit.notes | notes)


def predicted(
    task: Task,
    settings: PredictionSettings,
    loaded: Loaded,
    device: torch.device,
    selection: GroupSelection,
) -> tuple[Gaussians6D, dict[str, Any]]:
    """The Gaussians of all groups of a task's scan, on the CPU, and notes with itemised seconds.

    Args:
        task: whose scan and transfer function.
        settings: where and in which windows.
        loaded: the model.
        device: that the network runs on.
        selection: the groups that are to be shown.

    Raises:
        InputError: see :func:`renderfm.inputs.make_inputs` and :func:`renderfm.windows.planned_window`.
    """
    scan, model = task.scan, loaded.model
    window = planned_window(model.settings, scan.grid.shape, settings, device, subject=scan.name)
    clock = _Clock(device)
    ct, groups, rgba = scan.ct(), scan.groups(), scan.rgba(task.transfer_function)
    clock.lap("store")
    inputs = make_inputs(
        ct, groups, rgba, scan.grid, task.medium, model.settings, loaded.normalisation, subject=scan.name
    )
    del ct, groups, rgba
    clock.lap("inputs")
    if model.settings.light:
        inputs = lit(inputs, [selection], task.medium, scan.grid)
        clock.lap("light")
    model, inputs = model.to(device), inputs.to(device)
    clock.lap("move")
    features = foreground_features(model, inputs, window)
    clock.lap("network")
    with torch.no_grad():
        gaussians = model.instantiate(features, inputs, selection).to(torch.device("cpu"))
    clock.lap("instantiate")
    notes = {
        "checkpoint": loaded.path.stem,
        "checkpoint_sha256": loaded.sha256,
        "model": model.settings.model_dump(mode="json"),
        "device": device.type,
        "window": window,
        _SECONDS: clock.seconds,
    }
    return gaussians, notes


def seen(gaussians: Gaussians6D, views: Views, raster: RasterSettings, weight: float) -> Gaussians6D:
    """The Gaussians whose blending weight, summed over all pixels of all views, is at least ``weight``."""
    total: Tensor = torch.zeros(len(gaussians))
    with progress("finding what the views see", len(views), "views") as bar:
        for camera, groups in zip(views.cameras, views.groups, strict=True):
            shown = shown_by(groups, gaussians.labels)
            total += blending_weights(gaussians, camera, raster, mask=shown)
            bar.advance()
    kept = total >= weight
    if not kept.any():
        raise InputError(
            "prune_weight", f"expected Gaussians of at least {weight}, found none", "lower prune_weight"
        )
    return gaussians.select(kept)


class _Clock:
    """Seconds by item; what a device still works on is waited for."""

    def __init__(self, device: torch.device) -> None:
        self.seconds: dict[str, float] = {}
        self._device = device
        self._last = time.perf_counter()

    def lap(self, item: str) -> None:
        """Count what has passed since the last lap as ``item``."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        now = time.perf_counter()
        self.seconds[item] = round(now - self._last, 4)
        self._last = now


def _loaded(task: Task, settings: PredictionSettings) -> tuple[Loaded, dict[str, float]]:
    """The model, and what loading it took."""
    start = time.perf_counter()
    # A study's own checkpoints lie in its root: ROOT/scans/<dataset>/<scan>.zarr.
    loaded = load_checkpoint(settings.checkpoint, Root(task.scan.path.parents[2]))
    return loaded, {"load": round(time.perf_counter() - start, 4)}


def _device(settings: PredictionSettings) -> torch.device:
    there = torch.cuda.is_available()
    if settings.device == "cuda" and not there:
        raise InputError(
            "device 'cuda'", "expected a CUDA device, found none that torch can use", "use 'auto' or 'cpu'"
        )
    return torch.device("cuda" if there and settings.device != "cpu" else "cpu")


def _warm_up(device: torch.device) -> None:
    """Before the clock runs: compile the rasteriser's kernels, begin a CUDA context."""
    compile_kernels()
    compile_light()
    if device.type == "cuda":
        torch.zeros(1, device=device)
