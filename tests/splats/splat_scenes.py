"""Small random scenes and cameras."""

from __future__ import annotations

import numpy as np
import torch

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D


def random_gaussians(count, seed=0, *, spread_mm=60.0, opacity=0.0, dtype=torch.float32) -> Gaussians6D:
    """Anisotropic, with correlated position and direction."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, dtype=dtype)

    return Gaussians6D(
        means_mm=normal(count, 3) * spread_mm,
        directions=torch.nn.functional.normalize(normal(count, 3), dim=1),
        log_diagonal=torch.cat([1.5 + 0.6 * normal(count, 3), 0.1 + 0.3 * normal(count, 3)], dim=1),
        off_diagonal=normal(count, 15),
        opacity_logit=opacity + 1.5 * normal(count),
        sh=0.4 * normal(count, 4, 3),
        labels=torch.randint(0, 12, (count,), generator=generator).to(torch.uint8),
    )


def camera_at(distance_mm, seed=0, *, width=48, height=40, focal_px=60.0) -> Camera:
    """Looks at the origin from a random side; off-centre, and not square in its focal lengths."""
    axes, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    pose = np.eye(4)
    pose[:3, :3] = axes * np.sign(np.linalg.det(axes))
    pose[2, 3] = distance_mm
    return Camera(
        width=width,
        height=height,
        fx_px=focal_px,
        fy_px=1.1 * focal_px,
        cx_px=width / 2 + 1.3,
        cy_px=height / 2 - 0.7,
        camera_from_world=pose,
    )


def with_gradients(gaussians: Gaussians6D) -> Gaussians6D:
    """Copies of the parameters as leaves."""
    return Gaussians6D(
        **{name: value.clone().requires_grad_() for name, value in gaussians.parameters().items()},
        labels=gaussians.labels,
    )
