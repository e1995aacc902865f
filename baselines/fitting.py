"""The fitting loop: from initial Gaussians and fitting views to the selected Gaussians."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baselines.checkpoint import Checkpoints, Snapshot
from baselines.choosing import Chooser
from baselines.densify import DensityControl
from baselines.drawing import draw
from baselines.losses import photometric_loss
from baselines.optimiser import GaussianOptimiser
from baselines.settings import FitSettings
from baselines.views import Views, scene_extent_mm, selection_split
from renderbench.methods import Task
from renderbench.progress import Progress, progress
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings

# A live figure every so many iterations: taking it costs a pass over the image.
_DETAIL_EVERY = 20


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit's result.

    Args:
        gaussians: the selected ones, of all groups.
        notes: for the record, with the curve of evaluations.
        seconds_before: what the fit had cost when it was resumed; 0 where it was not.
    """

    gaussians: Gaussians6D
    notes: dict[str, Any]
    seconds_before: float


def fit_gaussians(initial: Gaussians6D, task: Task, settings: FitSettings) -> Fit:
    """Fit to the task's fitting views; keep the evaluation that the task's protocol selects.

    Each view is drawn with the Gaussians of the groups that it shows, by label; labels never change, and
    what is cloned or split inherits its parent's. Where the task has a checkpoint of this fit, it goes on
    from there and ends with the same bits as if it had never stopped.

    Args:
        initial: where to begin.
        task: views, protocol, seed and where checkpoints go; see
            :func:`baselines.views.selection_split` for what trains and what selects.
        settings: see :class:`FitSettings`.

    Raises:
        InputError: a view is missing, damaged, or of another size than the others.
    """
    training, selecting = selection_split(task, settings.heldout_every)
    raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
    checkpoints = Checkpoints(
        task.checkpoint,
        every=settings.checkpoint_every,
        share=settings.checkpoint_share,
        announce=task.announce,
    )

    def begin() -> _State:
        return _State(initial, training, Chooser(selecting, raster), settings, seed_of(task, settings))

    state = checkpoints.resumed(begin) or begin()
    if state.iteration:
        state.resumed_at.append(state.iteration)
        task.announce(f"resuming at iteration {state.iteration} of {settings.iterations}")
    seconds_before = state.seconds
    with one_torch_thread(), progress(f"fitting {task.scan.name}", settings.iterations, "it") as bar:
        _run(state, training, raster, settings, checkpoints, bar)
    if state.iteration < settings.iterations:
        task.announce(
            f"ended at iteration {state.iteration} of {settings.iterations}: "
            f"{settings.patience} evaluations in a row were no better"
        )
    return Fit(gaussians=state.chooser.best, notes=state.notes, seconds_before=seconds_before)


def seed_of(task: Task, settings: FitSettings) -> int:
    """Of everything random in a fit: the settings' own, else the task's."""
    return task.seed if settings.seed is None else settings.seed


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """Torch on one thread while the body runs.

    Its own steps here are short, and OpenMP's threads spin between them: the kernels that do the work
    lose a third of their speed to that.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class _State:
    """All that changes in the course of a fit."""

    def __init__(
        self, initial: Gaussians6D, training: Views, chooser: Chooser, settings: FitSettings, seed: int
    ) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.extent_mm = scene_extent_mm(training.cameras)
        self.optimiser = GaussianOptimiser(initial, settings, self.extent_mm)
        self.density = DensityControl(settings, self.extent_mm, self.generator)
        self.chooser = chooser
        self.order: list[int] = []
        self.iteration = 0
        self.seconds = 0.0
        self.resumed_at: list[int] = []

    def next_view(self, count: int) -> int:
        """One of ``count`` views; each comes once before any comes again."""
        if not self.order:
            self.order = torch.randperm(count, generator=self.generator).tolist()
        return self.order.pop()

    @property
    def notes(self) -> dict[str, Any]:
        return self.chooser.notes | {
            "extent_mm": round(self.extent_mm, 3),
            "iterations_done": self.iteration,
            "resumed_at": self.resumed_at,
        }

    def snapshot(self) -> Snapshot:
        values = {
            "iteration": self.iteration,
            "seconds": self.seconds,
            "order": self.order,
            "resumed_at": self.resumed_at,
        }
        return Snapshot.nested(
            {
                "loop": Snapshot(tensors={"generator": self.generator.get_state()}, values=values),
                "optimiser": self.optimiser.snapshot(),
                "density": self.density.snapshot(),
                "chooser": self.chooser.snapshot(),
            }
        )

    def restore(self, snapshot: Snapshot) -> None:
        loop = snapshot.part("loop")
        self.generator.set_state(loop.tensors["generator"])
        self.iteration = int(loop.values["iteration"])
        self.seconds = float(loop.values["seconds"])
        self.order = [int(view) for view in loop.values["order"]]
        self.resumed_at = [int(iteration) for iteration in loop.values["resumed_at"]]
        self.optimiser.restore(snapshot.part("optimiser"))
        self.density.restore(snapshot.part("density"))
        self.chooser.restore(snapshot.part("chooser"))


def _run(
    state: _State,
    training: Views,
    raster: RasterSettings,
    settings: FitSettings,
    checkpoints: Checkpoints,
    bar: Progress,
) -> None:
    """Run the loop from where ``state`` is to its end."""
    first, seconds_before, start = state.iteration, state.seconds, time.perf_counter()
    bar.advance(first)
    while state.iteration < settings.iterations and not _patience_is_over(state, settings):
        state.iteration += 1
        view = state.next_view(len(training))
        truth = torch.from_numpy(training.images[view].astype(np.float32) / 255.0)
        output = draw(state.optimiser.gaussians, training.groups[view], training.cameras[view], raster)
        loss = photometric_loss(output.rgb, truth, settings.ssim_weight)
        torch.autograd.backward(loss)
        state.density.watch(output)
        state.optimiser.step(state.iteration)
        state.density.act(state.iteration, state.optimiser)
        state.seconds = seconds_before + time.perf_counter() - start
        if state.iteration % settings.evaluate_every == 0 or state.iteration == settings.iterations:
            state.chooser.consider(
                state.iteration, state.optimiser.gaussians.detach(), float(loss.detach()), state.seconds
            )
        state.seconds = seconds_before + time.perf_counter() - start
        checkpoints.keep(state.iteration, state.snapshot)
        detail = ""
        if state.iteration % _DETAIL_EVERY == 0:
            rate = (state.iteration - first) / (time.perf_counter() - start)
            fitted = f"loss {float(loss.detach()):.4f}, {_psnr(output.rgb, truth):.2f} dB on its view"
            figures = (state.chooser.detail, f"{len(state.optimiser):,} points", f"{rate:.1f} it/s")
            detail = ", ".join(filter(None, (fitted, *figures)))
        bar.advance(1, detail)
    state.seconds = seconds_before + time.perf_counter() - start


def _patience_is_over(state: _State, settings: FitSettings) -> bool:
    return settings.patience is not None and state.chooser.since_best >= settings.patience


def _psnr(image: Tensor, truth: Tensor) -> float:
    """Of a rendering while it trains, in dB: a live figure, no score."""
    error = float((image.detach().clamp(0.0, 1.0) - truth).square().mean())
    return -10.0 * float(np.log10(max(error, 1e-10)))
