"""Random scenes that resemble a body, at the sizes that the rasteriser is timed at."""

from __future__ import annotations

import math

import numpy as np
import torch

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D


def body(count: int) -> Gaussians6D:
    """Fills an ellipsoid of 340 x 220 x 500 mm, translucent, with splats that just overlap."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    outward = torch.nn.functional.normalize(normal(count, 3), dim=1)
    means = (
        outward * torch.rand(count, 1, generator=generator) ** (1 / 3) * torch.tensor([170.0, 110.0, 250.0])
    )
    size_mm = 1.8 * (1e5 / count) ** (1 / 3)
    return Gaussians6D(
        means_mm=means,
        directions=torch.nn.functional.normalize(normal(count, 3), dim=1),
        log_diagonal=torch.cat([math.log(size_mm) + 0.3 * normal(count, 3), torch.zeros(count, 3)], dim=1),
        off_diagonal=0.3 * normal(count, 15),
        opacity_logit=-1.5 + normal(count),
        sh=0.3 * normal(count, 4, 3),
        labels=torch.zeros(count, dtype=torch.uint8),
    )


def camera_in_front(side: int) -> Camera:
    """900 mm in front of the body, which fills most of the image."""
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    pose[2, 3] = 900.0
    return Camera(
        width=side,
        height=side,
        fx_px=1.5 * side,
        fy_px=1.5 * side,
        cx_px=side / 2,
        cy_px=side / 2,
        camera_from_world=pose,
    )


def leaves_of(gaussians: Gaussians6D, device: str = "cpu") -> Gaussians6D:
    """Copies of the parameters that gather gradients."""
    moved = gaussians.to(device)
    leaves = {name: value.clone().requires_grad_() for name, value in moved.parameters().items()}
    return Gaussians6D(**leaves, labels=moved.labels)
