"""Which of a fit's evaluations is kept."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from baselines.checkpoint import Snapshot
from baselines.drawing import shown_by
from baselines.views import Views
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings
from renderbench.splats.scene import SplatScene

# Equal images have an infinite PSNR, which no mean survives.
_HIGHEST_DB = 100.0


class Chooser:
    """Evaluates Gaussians on the selecting views; keeps the best and the curve.

    Args:
        views: what selects.
        raster: how Gaussians are drawn.
    """

    def __init__(self, views: Views, raster: RasterSettings) -> None:
        self._views = views
        self._raster = raster
        self._curve: list[dict[str, float | int]] = []
        self._best_db = 0.0
        self._best_iteration = 0
        self._best: Gaussians6D | None = None

    @property
    def best(self) -> Gaussians6D:
        """The Gaussians of the best evaluation.

        Raises:
            RuntimeError: nothing was evaluated.
        """
        if self._best is None:
            raise RuntimeError("nothing was evaluated")
        return self._best

    @property
    def detail(self) -> str:
        """The last evaluation in a few words; empty before the first."""
        if not self._curve:
            return ""
        return f"{self._curve[-1]['selection_psnr_db']:.2f} dB on {len(self._views)} selection views"

    @property
    def since_best(self) -> int:
        """How many evaluations in a row were no better than the best."""
        return sum(point["iteration"] > self._best_iteration for point in self._curve)

    @property
    def notes(self) -> dict[str, Any]:
        """For the record: the curve, one point an evaluation, and which was chosen on how many views."""
        return {
            "curve": self._curve,
            "selected_iteration": self._best_iteration,
            "selection_views": len(self._views),
        }

    def consider(self, iteration: int, gaussians: Gaussians6D, loss: float, seconds: float) -> None:
        """Evaluate ``gaussians``, detached, as they stand after ``iteration`` and ``seconds`` of fitting."""
        scores = self._scores(gaussians)
        mean_db = float(np.mean(np.minimum(scores, _HIGHEST_DB)))
        self._curve.append(
            {
                "iteration": iteration,
                "loss": round(loss, 6),
                "selection_psnr_db": round(mean_db, 4),
                "points": len(gaussians),
                "seconds": round(seconds, 2),
            }
        )
        if self._best is None or mean_db > self._best_db:
            self._best_db, self._best_iteration, self._best = mean_db, iteration, gaussians.clone()

    def snapshot(self) -> Snapshot:
        """All that later evaluations depend on."""
        values = {"curve": self._curve, "best_db": self._best_db, "best_iteration": self._best_iteration}
        if self._best is None:
            return Snapshot(tensors={}, values=values)
        tensors = {field.name: getattr(self._best, field.name) for field in fields(self._best)}
        return Snapshot(tensors=tensors, values=values)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from ``snapshot``."""
        self._curve = list(snapshot.values["curve"])
        self._best_db = float(snapshot.values["best_db"])
        self._best_iteration = int(snapshot.values["best_iteration"])
        self._best = Gaussians6D(**snapshot.tensors) if snapshot.tensors else None

    def _scores(self, gaussians: Gaussians6D) -> list[float]:
        views = self._views
        scenes = {
            groups: SplatScene(
                gaussians=gaussians.select(shown_by(groups, gaussians.labels)), raster=self._raster
            )
            for groups in set(views.groups)
        }
        return [
            psnr(truth, quantised(scenes[groups].render(camera)))
            for camera, truth, groups in zip(views.cameras, views.images, views.groups, strict=True)
        ]
