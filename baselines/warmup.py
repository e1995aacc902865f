"""Compiles the kernels before the clock runs: a ledger counts a method's work, not the compiler's."""

from __future__ import annotations

import torch

from baselines.losses import photometric_loss
from renderbench.cameras import sphere_cameras
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import blending_weights, rasterise


def compile_kernels() -> None:
    """Compile, or load from the cache, every kernel that a fit runs."""
    (camera,) = sphere_cameras(
        1, center_mm=(0, 0, 0), radius_mm=10, resolution=16, fov_deg=40, layout="fibonacci", seed=0
    )
    gaussian = Gaussians6D(
        means_mm=torch.zeros(1, 3, requires_grad=True),
        directions=torch.zeros(1, 3),
        log_diagonal=torch.ones(1, 6),
        off_diagonal=torch.zeros(1, 15),
        opacity_logit=torch.zeros(1),
        sh=torch.zeros(1, 4, 3),
        labels=torch.zeros(1, dtype=torch.uint8),
    )
    image = rasterise(gaussian, camera).rgb
    torch.autograd.backward(photometric_loss(image, torch.zeros_like(image), 0.2))
    blending_weights(gaussian.detach(), camera)
