"""The dense rasteriser: every Gaussian at every pixel, any dtype, by autograd."""

from __future__ import annotations

from typing import NamedTuple

import torch

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.slicing import slice_gaussians


class Reference(NamedTuple):
    """(H, W, 3), (H, W), (H, W), the Gaussians' T alpha (H, W, N), and projected means (N, 2)."""

    rgb: torch.Tensor
    alpha: torch.Tensor
    depth_mm: torch.Tensor
    weights: torch.Tensor
    means_px: torch.Tensor


def rasterise_densely(
    gaussians: Gaussians6D,
    camera: Camera,
    *,
    background=(0.0, 0.0, 0.0),
    lambda_opacity=0.35,
    near_mm=1.0,
    eps2d_px2=0.3,
    mask=None,
) -> Reference:
    dtype = gaussians.means_mm.dtype
    sliced = slice_gaussians(gaussians, torch.as_tensor(camera.position_mm), lambda_opacity)
    pose = torch.as_tensor(camera.camera_from_world, dtype=dtype)
    points = sliced.means_mm @ pose[:3, :3].T + pose[:3, 3]
    depth = points[:, 2]
    in_front = (depth > near_mm) & (depth < 1e10)
    if mask is not None:
        in_front = in_front & mask
    x, y, z = points[:, 0], points[:, 1], torch.where(in_front, depth, torch.ones_like(depth))
    means = torch.stack([camera.fx_px * x / z + camera.cx_px, camera.fy_px * y / z + camera.cy_px], dim=1)

    guard_x, guard_y = 0.15 * camera.width, 0.15 * camera.height
    slope_x = (x / z).clamp(
        -(camera.cx_px + guard_x) / camera.fx_px, (camera.width - camera.cx_px + guard_x) / camera.fx_px
    )
    slope_y = (y / z).clamp(
        -(camera.cy_px + guard_y) / camera.fy_px, (camera.height - camera.cy_px + guard_y) / camera.fy_px
    )
    zero = torch.zeros_like(z)
    jacobian = torch.stack(
        [
            torch.stack([camera.fx_px / z, zero, -camera.fx_px * slope_x / z], dim=1),
            torch.stack([zero, camera.fy_px / z, -camera.fy_px * slope_y / z], dim=1),
        ],
        dim=1,
    )
    linear = jacobian @ pose[:3, :3]
    covariance = linear @ sliced.covariances_mm2 @ linear.mT + eps2d_px2 * torch.eye(2, dtype=dtype)
    conic = torch.linalg.inv(covariance)

    rows = torch.arange(camera.height, dtype=dtype) + 0.5
    columns = torch.arange(camera.width, dtype=dtype) + 0.5
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)
    delta = pixels[:, :, None] - means
    power = -0.5 * torch.einsum("hwni,nij,hwnj->hwn", delta, conic, delta)
    alpha = sliced.opacities * torch.exp(power)
    alpha = torch.where((alpha >= 1 / 255) & in_front, alpha.clamp(max=0.999), 0.0)

    order = torch.argsort(depth, stable=True)
    sorted_alpha = alpha[:, :, order]
    # Transmittance only falls: a Gaussian is drawn while what it leaves is above 1e-4.
    drawn = torch.cumprod(1 - sorted_alpha, dim=2) > 1e-4
    sorted_alpha = torch.where(drawn, sorted_alpha, 0.0)
    after = torch.cumprod(1 - sorted_alpha, dim=2)
    before = torch.cat([torch.ones_like(after[:, :, :1]), after], dim=2)
    weights = (before[:, :, :-1] * sorted_alpha)[:, :, torch.argsort(order)]
    transmittance = (1 - sorted_alpha).prod(dim=2)
    rgb = weights @ sliced.colours + transmittance[:, :, None] * torch.tensor(background, dtype=dtype)
    mass = weights.sum(dim=2)
    return Reference(
        rgb=rgb,
        alpha=1 - transmittance,
        depth_mm=torch.where(mass > 0, weights @ depth / torch.where(mass > 0, mass, 1.0), 0.0),
        weights=weights,
        means_px=means,
    )
