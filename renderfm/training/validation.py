"""Scores on held-out scans while a model trains."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch

from baselines.drawing import draw
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.splats.raster import RasterSettings
from renderfm.model import RenderFM
from renderfm.training.data import Body, Preparation
from renderfm.training.settings import TrainSettings
from renderfm.training.step import predicted


@dataclass(frozen=True, kw_only=True)
class Scores:
    """PSNR in dB by block, each the mean over its views, and the mean over blocks."""

    blocks: Mapping[str, float]
    mean: float


def validate(
    model: RenderFM,
    bodies: Sequence[Body],
    preparation: Preparation,
    settings: TrainSettings,
    device: torch.device,
) -> Scores:
    """Score a model as the protocol does: full frame, 8-bit sRGB.

    Args:
        model: on ``device``.
        bodies: at least one, each with its block.
        preparation: makes their inputs.
        settings: of the training.
        device: where to predict and draw.
    """
    raster = RasterSettings(lambda_opacity=settings.lambda_opacity)
    scores: dict[str, list[float]] = {}
    # Blocks that differ in their groups alone share a pass through the network.
    for _, same in groupby(sorted(bodies, key=_passed_through), key=_passed_through):
        shown = list(same)
        views = [(body.block, view) for body in shown for view in body.views]
        whole = replace(shown[0], views=[view for _, view in views])
        gaussians = predicted(model, whole, preparation, settings, device)
        for block, view in views:
            with torch.no_grad():
                image = draw(gaussians[view.groups.name], view.groups, view.camera, raster).rgb.cpu().numpy()
            scores.setdefault(block, []).append(psnr(view.image, quantised(image)))
    blocks = {block: math.fsum(found) / len(found) for block, found in scores.items()}
    return Scores(blocks=blocks, mean=math.fsum(blocks.values()) / len(blocks))


def _passed_through(body: Body) -> tuple[str, str, str]:
    """What the network's features depend on."""
    return body.scan.dataset, body.scan.name, body.transfer_function
