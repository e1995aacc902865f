"""Other CPU rasterisers of 3D Gaussians, drawing what ours draws after slicing."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.slicing import SlicedGaussians, slice_gaussians

Step = Callable[[], torch.Tensor]
"""Draws once and returns the image (H, W, 3)."""

# What OpenSplat's own autograd function does around its kernels, which are in C++ alone.
_BINDING = """
#include <torch/extension.h>
#include "%s/rasterizer/gsplat-cpu/bindings.h"
using Lists = std::vector<int32_t>;
auto forward(int width, int height, torch::Tensor xys, torch::Tensor conics, torch::Tensor colors,
             torch::Tensor opacities, torch::Tensor background, torch::Tensor cov2d, torch::Tensor depths) {
    auto [image, t, lists] = rasterize_forward_tensor_cpu(
        width, height, xys, conics, colors, opacities, background, cov2d, depths);
    return std::make_tuple(image, t, reinterpret_cast<int64_t>(lists));
}
auto backward(int height, int width, torch::Tensor xys, torch::Tensor conics, torch::Tensor colors,
              torch::Tensor opacities, torch::Tensor background, torch::Tensor cov2d, torch::Tensor depths,
              torch::Tensor t, int64_t lists, torch::Tensor g_image, torch::Tensor g_alpha) {
    return rasterize_backward_tensor_cpu(height, width, xys, conics, colors, opacities, background, cov2d,
                                         depths, t, reinterpret_cast<Lists *>(lists), g_image, g_alpha);
}
void release(int64_t lists) { delete[] reinterpret_cast<Lists *>(lists); }
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
    m.def("project", &project_gaussians_forward_tensor_cpu);
    m.def("forward", &forward);
    m.def("backward", &backward);
    m.def("release", &release);
}
"""


def opensplat(checkout: Path, gaussians: Gaussians6D, camera: Camera) -> tuple[Step, Step]:
    """OpenSplat's CPU rasteriser, forward alone and forward with backward.

    Args:
        checkout: its sources; the rasteriser is built from them on first use (a C++ compiler and ninja).
        gaussians: sliced before the clock starts, colours included: the peer is spared that.
        camera: a centred one, since OpenSplat has no principal point on the CPU.
    """
    kernels = _build_opensplat(checkout)
    sliced = _sliced(gaussians, camera)
    variances, axes = np.linalg.eigh(sliced.covariances_mm2.double().numpy())
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    quaternions = Rotation.from_matrix(axes).as_quat(scalar_first=True)
    means = sliced.means_mm
    scales = torch.from_numpy(np.sqrt(variances)).float()
    quats = torch.from_numpy(quaternions).float()
    view = torch.as_tensor(camera.camera_from_world, dtype=torch.float32)
    projection = _opengl_projection(camera) @ view
    background = torch.zeros(3)
    fixed = (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px, camera.height, camera.width, 0.01)

    class Rasterise(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, *tensors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            xys, conics, colours, opacities, cov2d, depths = (each.detach() for each in tensors)
            drawn = (xys, conics, colours, opacities, background, cov2d, depths)
            image, transmittance, ctx.lists = kernels.forward(camera.width, camera.height, *drawn)
            ctx.drawn, ctx.transmittance = drawn, transmittance
            return image, 1 - transmittance

        @staticmethod
        def backward(ctx: Any, g_image: torch.Tensor, g_alpha: torch.Tensor) -> tuple[Any, ...]:
            gradients = kernels.backward(
                *(camera.height, camera.width, *ctx.drawn, ctx.transmittance, ctx.lists),
                *(g_image.contiguous(), g_alpha.contiguous()),
            )
            kernels.release(ctx.lists)
            return *gradients, None, None

    def draw(leaves: tuple[torch.Tensor, ...]) -> torch.Tensor:
        means, scales, quats, colours, opacities = leaves
        projected = kernels.project(len(means), means, scales, 1.0, quats, view, projection, *fixed)
        xys, _, conics, cov2d, depths = projected
        tensors = (xys, conics, colours, opacities, cov2d, depths.contiguous())
        if torch.is_grad_enabled():
            image: torch.Tensor = Rasterise.apply(*tensors)[0]
            return image
        image, _, lists = kernels.forward(
            camera.width, camera.height, *tensors[:4], background, cov2d, tensors[5]
        )
        kernels.release(lists)
        return image

    return _steps((means, scales, quats, sliced.colours, sliced.opacities[:, None]), draw)


def gsplat_reference(gaussians: Gaussians6D, camera: Camera) -> tuple[Step, Step]:
    """gsplat's projection in torch, and its compositing with the ops replaced that exist on CUDA alone.

    Without tiles every Gaussian meets every pixel: for small scenes.
    """
    from gsplat.cuda._torch_impl import _fully_fused_projection

    sliced = _sliced(gaussians, camera)
    view = torch.as_tensor(camera.camera_from_world, dtype=torch.float32)[None]
    intrinsics = [[camera.fx_px, 0, camera.cx_px], [0, camera.fy_px, camera.cy_px], [0, 0, 1]]
    rows = torch.arange(camera.height) + 0.5
    columns = torch.arange(camera.width) + 0.5
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[:, :, None]

    def draw(leaves: tuple[torch.Tensor, ...]) -> torch.Tensor:
        means, covariances, colours, opacities = leaves
        _, means2d, depths, conics, _ = _fully_fused_projection(
            means, covariances, view, torch.tensor(intrinsics)[None], camera.width, camera.height
        )
        order = torch.argsort(depths[0], stable=True)
        dx, dy = (pixels - means2d[0, order]).unbind(-1)
        a, b, c = conics[0, order].unbind(-1)
        alpha = opacities[order] * torch.exp(-0.5 * (a * dx**2 + c * dy**2) - b * dx * dy)
        alpha = torch.where(alpha >= 1 / 255, alpha.clamp(max=0.999), 0.0)
        alpha = torch.where(torch.cumprod(1 - alpha, dim=2) > 1e-4, alpha, 0.0)
        after = torch.cumprod(1 - alpha, dim=2)
        before = torch.cat([torch.ones_like(after[:, :, :1]), after[:, :, :-1]], dim=2)
        return (before * alpha) @ colours[order]

    return _steps((sliced.means_mm, sliced.covariances_mm2, sliced.colours, sliced.opacities), draw)


def _steps(
    tensors: tuple[torch.Tensor, ...], draw: Callable[[tuple[torch.Tensor, ...]], torch.Tensor]
) -> tuple[Step, Step]:
    def forward() -> torch.Tensor:
        with torch.no_grad():
            return draw(tensors)

    def both() -> torch.Tensor:
        leaves = tuple(tensor.clone().requires_grad_() for tensor in tensors)
        image = draw(leaves)
        torch.autograd.backward([image], [torch.ones_like(image)])
        return image.detach()

    return forward, both


def _sliced(gaussians: Gaussians6D, camera: Camera) -> SlicedGaussians:
    return slice_gaussians(gaussians.detach(), torch.as_tensor(camera.position_mm))


def _opengl_projection(camera: Camera) -> torch.Tensor:
    """To normalised device coordinates with the image's axes, and w the depth."""
    near, far = 1.0, 1e5
    return torch.tensor(
        [
            [2 * camera.fx_px / camera.width, 0, 0, 0],
            [0, 2 * camera.fy_px / camera.height, 0, 0],
            [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, 1, 0],
        ]
    )


def _build_opensplat(checkout: Path) -> Any:
    from torch.utils import cpp_extension

    source = checkout.resolve() / "rasterizer/gsplat-cpu/gsplat_cpu.cpp"
    if not source.is_file():
        sys.exit(f"{checkout}: expected a checkout of OpenSplat, found no {source.name}; clone it there")
    binding = Path(tempfile.mkdtemp(prefix="opensplat-")) / "binding.cpp"
    binding.write_text(_BINDING % checkout.resolve())
    flags = ["-O3", "-march=native", "-std=c++20"]
    return cpp_extension.load("opensplat_cpu", [str(source), str(binding)], extra_cflags=flags)
