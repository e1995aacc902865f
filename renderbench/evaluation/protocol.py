"""How a prepared scene is judged: every test view rendered, scored and timed alike for all methods."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics import psnr, quantised, ssim
from renderbench.evaluation.record import ViewScore
from renderbench.progress import progress

if TYPE_CHECKING:
    from renderbench.cameras import Camera
    from renderbench.groundtruth.viewset import ViewSet
    from renderbench.methods import Scene

# Rendering is repeated until this much time is on the clock, so that a fast scene is timed fairly.
_TIMED_AT_LEAST_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the protocol found.

    Args:
        renders: (N, H, W, 3) uint8, the scene at every test camera.
        views: one score a view.
        metrics: by metric id, the mean over the views that have a score; None when none has.
        absent: by metric id, why it could not be computed at all.
        fps: frames per second, mean over the test views, warmed up.
        device: what it renders on: ``cpu``, or the name of the GPU.
    """

    renders: NDArray[np.uint8]
    views: list[ViewScore]
    metrics: dict[str, float | None]
    absent: dict[str, str]
    fps: float
    device: str


def judge(scene: Scene, truth: ViewSet) -> Judgement:
    """Render ``scene`` at every camera of ``truth``, score it against its images and time it.

    Args:
        scene: what a method prepared.
        truth: the test views.

    Raises:
        InputError: an image of the views is damaged.
    """
    cameras, images = truth.cameras, truth.images()
    renders, views = [], []
    with progress("scoring", len(cameras), "views") as bar:
        for index, camera in enumerate(cameras):
            # This pass is also the warm-up of the timed ones.
            renders.append(quantised(scene.render(camera)))
            views.append(
                ViewScore(
                    view=index,
                    metrics={
                        "psnr": _finite(psnr(images[index], renders[index])),
                        "ssim": ssim(images[index], renders[index]),
                    },
                    noise_floor_db=truth.noise_floor_db[index],
                    noise_floor_ssim=truth.noise_floor_ssim[index],
                )
            )
            bar.advance()
    return Judgement(
        renders=np.stack(renders),
        views=views,
        metrics={each: mean([view.metrics[each] for view in views]) for each in ("psnr", "ssim")},
        absent={},
        fps=_frames_per_second(scene, cameras),
        device="cpu",
    )


def mean(values: Sequence[float | None]) -> float | None:
    """The mean of the values that are there; None when none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _frames_per_second(scene: Scene, cameras: Sequence[Camera]) -> float:
    frames = 0
    start = time.perf_counter()
    while (elapsed := time.perf_counter() - start) < _TIMED_AT_LEAST_S:
        for camera in cameras:
            scene.render(camera)
        frames += len(cameras)
    return frames / elapsed
