"""Where 6DGS begins on a CT: surface points of the radiodensity, and points weighted by it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from baselines.settings import SixDgsSettings
from renderbench.scans.volume import Grid
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.sh import sh_from_rgb

# Surfaces are sought on every other voxel: 15 000 of their points are kept anyway.
_STRIDE = 2
# Metal and reconstruction noise must not decide what "mid-range" is.
_TOP_PERCENTILE = 99.9
_NEIGHBOURS = 3
_GREY = 0.5


def radiodensity_gaussians(
    ct: NDArray[np.int16], groups: NDArray[np.uint8], grid: Grid, settings: SixDgsSettings, seed: int
) -> Gaussians6D:
    """The initial Gaussians of the 6DGS baseline (Render-FM, section 4.1; DDGS-CT for the counts).

    Positions: vertices of the isosurface at mid-range radiodensity, and voxels drawn with a
    probability proportional to radiodensity. Colour is grey, directions are random, and each Gaussian
    takes the label of the nearest labelled voxel (k = 1), as the paper extends 6DGS.

    Args:
        ct: (D, H, W) Hounsfield units.
        groups: (D, H, W) group indices.
        grid: where the voxels lie.
        settings: counts and initial values.
        seed: of everything random here.
    """
    rng = np.random.default_rng(seed)
    coarse = ct[::_STRIDE, ::_STRIDE, ::_STRIDE].astype(np.float32)
    low, high = float(coarse.min()), float(np.percentile(coarse, _TOP_PERCENTILE))
    voxels = np.concatenate(
        [
            _surface_points(coarse, (low + high) / 2, settings.surface_points, rng),
            _density_points(coarse, low, high, settings.density_points, rng),
        ]
    )
    voxels = voxels * _STRIDE
    count = len(voxels)
    means = grid.world(voxels)
    # 3DGS: a Gaussian is as wide as its neighbours are far.
    distances, _ = cKDTree(means).query(means, k=min(_NEIGHBOURS + 1, count))
    spread = np.maximum(distances[:, 1:].mean(axis=1), 0.1 * grid.spacing_mm.min())
    diagonal = np.empty((count, 6), dtype=np.float32)
    diagonal[:, :3] = np.log(spread)[:, None]
    diagonal[:, 3:] = np.log(settings.initial_direction_sd)
    directions = rng.standard_normal((count, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    logit = float(np.log(settings.initial_opacity / (1 - settings.initial_opacity)))
    return Gaussians6D(
        means_mm=torch.from_numpy(means.astype(np.float32)),
        directions=torch.from_numpy(directions.astype(np.float32)),
        log_diagonal=torch.from_numpy(diagonal),
        off_diagonal=torch.zeros(count, 15),
        opacity_logit=torch.full((count,), logit),
        sh=sh_from_rgb(torch.full((count, 3), _GREY)),
        labels=torch.from_numpy(_nearest_groups(groups, voxels)),
    )


def _surface_points(
    coarse: NDArray[np.float32], level: float, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """At most ``count`` marching-cubes vertices, (M, 3) as (i, j, k) of ``coarse``."""
    vertices, *_ = marching_cubes(coarse, level=level)
    chosen = rng.permutation(len(vertices))[:count]
    return np.asarray(vertices[np.sort(chosen), ::-1], dtype=np.float64)


def _density_points(
    coarse: NDArray[np.float32], low: float, high: float, count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """``count`` points drawn by radiodensity, spread within their voxels, (count, 3) as (i, j, k)."""
    weights = np.clip(coarse.ravel(), low, high) - low
    cumulative = np.cumsum(weights, dtype=np.float64)
    flat = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    k, j, i = np.unravel_index(flat, coarse.shape)
    return np.stack([i, j, k], axis=-1) + rng.uniform(-0.5, 0.5, (count, 3))


def _nearest_groups(groups: NDArray[np.uint8], voxels: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The group of the labelled voxel nearest to each point (i, j, k)."""
    if not groups.any():
        return np.zeros(len(voxels), dtype=np.uint8)
    nearest = distance_transform_edt(groups == 0, return_distances=False, return_indices=True)
    limit = np.array(groups.shape[::-1]) - 1
    i, j, k = np.clip(np.rint(voxels), 0, limit).astype(np.intp).T
    z, y, x = nearest[:, k, j, i]
    return np.ascontiguousarray(groups[z, y, x])
