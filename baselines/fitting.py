"""The fitting loop: from initial Gaussians and fitting views to the selected Gaussians."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from baselines.densify import DensityControl
from baselines.losses import photometric_loss
from baselines.optimiser import GaussianOptimiser
from baselines.settings import FitSettings
from renderbench.cameras import Camera
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.methods import Task
from renderbench.progress import progress
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings, rasterise
from renderbench.splats.scene import SplatScene


@dataclass(frozen=True, kw_only=True)
class Views:
    """Cameras and their images, (N, H, W, 3) uint8."""

    cameras: Sequence[Camera]
    images: NDArray[np.uint8]

    def subset(self, indices: Sequence[int]) -> Views:
        """The views at ``indices``."""
        return Views(cameras=[self.cameras[index] for index in indices], images=self.images[list(indices)])


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A fit's result: the selected Gaussians and the curve of evaluations."""

    gaussians: Gaussians6D
    notes: dict[str, Any]


def fit_gaussians(initial: Gaussians6D, task: Task, settings: FitSettings) -> Fit:
    """Fit to the task's fitting views; keep the evaluation that the task's protocol selects.

    Args:
        initial: where to begin.
        task: views, protocol and seed. Under ``heldout`` one fitting view in ``heldout_every`` is
            kept from the fit and selects; under ``paper`` the test views select, as published.
        settings: see :class:`FitSettings`.
    """
    training, selecting = selection_split(task, settings)
    generator = torch.Generator().manual_seed(task.seed)
    extent_mm = scene_extent_mm(training.cameras)
    optimiser = GaussianOptimiser(initial, settings, extent_mm)
    density = DensityControl(settings, extent_mm, generator)
    raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
    truths = torch.from_numpy(training.images.astype(np.float32) / 255.0)
    chooser = _Chooser(selecting, raster)
    order: list[int] = []
    start = time.perf_counter()
    with one_torch_thread(), progress(f"fitting {task.scan.name}", settings.iterations, "it") as bar:
        for iteration in range(1, settings.iterations + 1):
            if not order:
                order = torch.randperm(len(training.cameras), generator=generator).tolist()
            view = order.pop()
            output = rasterise(optimiser.gaussians, training.cameras[view], raster)
            loss = photometric_loss(output.rgb, truths[view], settings.ssim_weight)
            torch.autograd.backward(loss)
            density.watch(output)
            optimiser.step(iteration)
            density.act(iteration, optimiser)
            detail = ""
            if iteration % settings.evaluate_every == 0 or iteration == settings.iterations:
                chooser.consider(
                    iteration, optimiser.gaussians.detach(), float(loss.detach()), time.perf_counter() - start
                )
            if iteration % 20 == 0:
                rate = iteration / (time.perf_counter() - start)
                detail = f"loss {float(loss.detach()):.4f}, {len(optimiser):,} points, {rate:.1f} it/s"
                detail += chooser.detail
            bar.advance(1, detail)
    return Fit(gaussians=chooser.best, notes=chooser.notes | {"extent_mm": round(extent_mm, 3)})


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


def selection_split(task: Task, settings: FitSettings) -> tuple[Views, Views]:
    """The views to train on and the views that select, by the task's protocol."""
    fitting = Views(cameras=task.fit_views.cameras, images=task.fit_views.images())
    if task.test_views is not None:
        return fitting, Views(cameras=task.test_views.cameras, images=task.test_views.images())
    count = len(fitting.cameras)
    # Evenly through the lattice, from the middle of each stretch; one view alone cannot be spared.
    kept = list(range(settings.heldout_every // 2, count, settings.heldout_every)) if count > 1 else [0]
    kept = kept or [count // 2]
    trained = [index for index in range(count) if index not in kept] or kept
    return fitting.subset(trained), fitting.subset(kept)


def scene_extent_mm(cameras: Sequence[Camera]) -> float:
    """1.1 times the largest distance of a camera from the cameras' mean, as in 3DGS."""
    positions = np.stack([camera.position_mm for camera in cameras])
    return 1.1 * float(np.linalg.norm(positions - positions.mean(axis=0), axis=1).max(initial=1e-3))


class _Chooser:
    """Keeps the best evaluated Gaussians and the curve."""

    def __init__(self, views: Views, raster: RasterSettings) -> None:
        self._views = views
        self._raster = raster
        self._curve: list[dict[str, float | int]] = []
        self._best_db = -np.inf
        self._best_iteration = 0
        self._best: Gaussians6D | None = None
        self.detail = ""

    @property
    def best(self) -> Gaussians6D:
        if self._best is None:
            raise RuntimeError("nothing was evaluated")
        return self._best

    @property
    def notes(self) -> dict[str, Any]:
        return {
            "curve": self._curve,
            "selected_iteration": self._best_iteration,
            "selection_views": len(self._views.cameras),
        }

    def consider(self, iteration: int, gaussians: Gaussians6D, loss: float, seconds: float) -> None:
        scene = SplatScene(gaussians=gaussians, raster=self._raster)
        scores = [
            psnr(truth, quantised(scene.render(camera)))
            for camera, truth in zip(self._views.cameras, self._views.images, strict=True)
        ]
        mean_db = float(np.mean(np.minimum(scores, 100.0)))
        self._curve.append(
            {
                "iteration": iteration,
                "loss": round(loss, 6),
                "selection_psnr_db": round(mean_db, 4),
                "points": len(gaussians),
                "seconds": round(seconds, 2),
            }
        )
        self.detail = f", {mean_db:.2f} dB on {len(self._views.cameras)} selection views"
        if mean_db > self._best_db:
            self._best_db, self._best_iteration, self._best = mean_db, iteration, gaussians.clone()
