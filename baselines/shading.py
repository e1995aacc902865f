"""One shading gain for the prior: a transfer function's colour is an albedo, not a shaded colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from baselines.drawing import draw
from baselines.views import Views
from renderbench.groundtruth.colour import linear_from_srgb, srgb_from_linear
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings
from renderbench.splats.sh import SH_C0, sh_from_rgb

# A gain needs few views; these many, spread through the set, fix it to three digits.
_VIEWS = 5
_LOWEST, _HIGHEST = 0.02, 3.0
_TOLERANCE = 5e-3


def shaded(gaussians: Gaussians6D, gain: float) -> Gaussians6D:
    """The Gaussians with their base colour multiplied by ``gain`` in linear light."""
    if gain == 1.0:
        return gaussians
    srgb = (0.5 + SH_C0 * gaussians.sh[:, 0]).clamp(0.0, 1.0).numpy()
    lit = srgb_from_linear(np.clip(gain * linear_from_srgb(srgb), 0.0, 1.0)).astype(np.float32)
    return replace(gaussians, sh=sh_from_rgb(torch.from_numpy(lit)))


def fit_shading_gain(gaussians: Gaussians6D, views: Views, raster: RasterSettings) -> float:
    """The gain that minimises the mean squared error over some of the views (8-bit sRGB, full frame)."""
    some = views.subset(np.unique(np.linspace(0, len(views) - 1, _VIEWS).round().astype(int)).tolist())
    truths = some.images.astype(np.float32) / 255.0

    def error(log_gain: float) -> float:
        lit = shaded(gaussians, float(np.exp(log_gain)))
        with torch.no_grad():
            renders = [
                draw(lit, groups, camera, raster).rgb.clamp(0.0, 1.0).numpy()
                for camera, groups in zip(some.cameras, some.groups, strict=True)
            ]
        return float(np.mean((np.stack(renders) - truths) ** 2))

    best = minimize_scalar(
        error, bounds=(np.log(_LOWEST), np.log(_HIGHEST)), method="bounded", options={"xatol": _TOLERANCE}
    )
    return float(np.exp(best.x))
