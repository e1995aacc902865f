"""Media of which the answer is known, cameras for them, and renders of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import OpenEXR
from numpy.typing import ArrayLike, NDArray

from renderbench.cameras import Camera, look_at
from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.sampling import render_view

Rgb = Sequence[float] | float


def medium(
    sigma_t: NDArray, albedo: Rgb | NDArray = 1.0, world_from_voxel: ArrayLike | None = None
) -> Medium:
    """``sigma_t`` (D, H, W) in a ring of empty voxels, with one albedo or one a voxel."""
    density = np.zeros((*(size + 2 for size in sigma_t.shape), 4), dtype=np.float32)
    density[1:-1, 1:-1, 1:-1, 0] = sigma_t
    density[1:-1, 1:-1, 1:-1, 1:] = sigma_t[..., None] * np.broadcast_to(albedo, (*sigma_t.shape, 3))
    placed = np.eye(4) if world_from_voxel is None else np.asarray(world_from_voxel, dtype=np.float64)
    middle = (np.array(density.shape[2::-1]) - 1.0) / 2.0
    corners = np.array(np.meshgrid(*((0, size - 1) for size in density.shape[2::-1]))).reshape(3, -1).T
    center = placed[:3, :3] @ middle + placed[:3, 3]
    reach = (corners - middle) @ placed[:3, :3].T
    return Medium(
        density=density,
        world_from_voxel=placed,
        center_mm=center,
        radius_mm=float(np.linalg.norm(reach, axis=1).max()),
    )


def slab(optical_depth: float, albedo: Rgb = 1.0) -> Medium:
    """A slab across z, 6 mm thick and so wide (kilometres) that its rim is out of reach."""
    # A row of n voxels of sigma and its two ramps to zero make an optical depth of n * sigma * spacing.
    sigma_t = np.full((6, 4, 4), optical_depth / 6.0)
    return medium(sigma_t, albedo, np.diag([1e6, 1e6, 1.0, 1.0]))


def telescope(target: Medium, direction: ArrayLike, *, resolution: int = 32, width_mm: float = 1.0) -> Camera:
    """A camera so far out along ``direction`` that its rays are parallel; the frame is ``width_mm`` wide."""
    unit = np.asarray(direction, dtype=np.float64) / np.linalg.norm(direction)
    distance = 1e4 * max(width_mm, 1.0)
    up = (0.0, 0.0, 1.0) if abs(unit[2]) < 0.9 else (0.0, 1.0, 0.0)
    return Camera(
        width=resolution,
        height=resolution,
        fx_px=resolution * distance / width_mm,
        fy_px=resolution * distance / width_mm,
        cx_px=resolution / 2,
        cy_px=resolution / 2,
        camera_from_world=look_at(target.center_mm + distance * unit, target.center_mm, up),
    )


def settings(**changes: object) -> RendererSettings:
    return RendererSettings.model_validate(
        {"samples_per_pixel": 256, "environment_radiance": 1.0, "max_depth": 6} | changes
    )


def write_map(folder: Path, values: NDArray, channels: str = "RGB") -> str:
    """An environment map in ``folder``; returns its path, as settings want it."""
    path = str(folder / "map.exr")
    kept = values if values.dtype == np.float16 else values.astype(np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    with OpenEXR.File(header, {channels: np.ascontiguousarray(kept)}) as file:
        file.write(path)
    return path


def render(
    target: Medium, camera: Camera, *, seed: int, threads: int | None = None, **changes: object
) -> RenderPass:
    """A view by the native tracer under :func:`settings`."""
    chosen = settings(**changes)
    return render_view(NativeRenderer(target, chosen, threads=threads), camera, chosen, seed=seed)


def mean_and_error(
    target: Medium, camera: Camera, seed: int = 1, **changes: object
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean rgb over pixels that all see the same, and its standard error, from the pixels themselves."""
    halves = render(target, camera, seed=seed, **changes).halves
    pixels = halves.reshape(-1, 3).astype(np.float64)
    return pixels.mean(axis=0), pixels.std(axis=0, ddof=1) / np.sqrt(len(pixels))
