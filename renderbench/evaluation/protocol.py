"""How a prepared scene is judged: every test view rendered, timed and scored alike for all methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics import quantised
from renderbench.evaluation.metrics.scoring import Regions, score_views
from renderbench.evaluation.record import ViewScore
from renderbench.evaluation.timing import frame_rate
from renderbench.progress import progress

if TYPE_CHECKING:
    from renderbench.groundtruth.viewset import ViewSet
    from renderbench.methods import Scene


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


def judge(scene: Scene, truth: ViewSet, regions: Regions | None = None) -> Judgement:
    """Render ``scene`` at every camera of ``truth``, time it, and score it against the images.

    Args:
        scene: what a method prepared.
        truth: the test views.
        regions: what is known of them beyond their pixels.

    Raises:
        InputError: an image of the views, or a map of their regions, is damaged.
    """
    renders = []
    with progress("rendering", len(truth.cameras), "views") as bar:
        for camera in truth.cameras:
            # This pass is also the warm-up of the timed ones.
            renders.append(quantised(scene.render(camera)))
            bar.advance()
    rate = frame_rate(scene, truth.cameras)
    scores = score_views(list(truth.images()), renders, regions)
    views = [
        ViewScore(view=index, metrics=metrics, noise_floor_db=floor_db, noise_floor_ssim=floor_ssim)
        for index, (metrics, floor_db, floor_ssim) in enumerate(
            zip(scores.views, truth.noise_floor_db, truth.noise_floor_ssim, strict=True)
        )
    ]
    return Judgement(
        renders=np.stack(renders),
        views=views,
        metrics=scores.metrics,
        absent=scores.absent,
        fps=rate.fps,
        device=rate.device,
    )
