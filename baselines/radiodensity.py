"""Where 6DGS begins on a CT: surface points of the radiodensity, and points weighted by it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes

from baselines.settings import SixDgsSettings
from renderbench.errors import InputError
from renderbench.scans.groups import GroupSelection
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
    ct: NDArray[np.int16],
    groups: NDArray[np.uint8],
    grid: Grid,
    selection: GroupSelection,
    settings: SixDgsSettings,
    seed: int,
) -> Gaussians6D:
    """The initial Gaussians of the 6DGS baseline (Render-FM, section 4.1; DDGS-CT for the counts).

    Positions: vertices of the isosurface at mid-range radiodensity, and voxels drawn with a
    probability proportional to radiodensity. Colour is grey, directions are random, and each Gaussian
    takes the label of the nearest labelled voxel (k = 1), as the paper extends 6DGS. Positions whose
    label no view shows are not drawn at all: they could never be fitted.

    Args:
        ct: (D, H, W) Hounsfield units.
        groups: (D, H, W) group indices.
        grid: where the voxels lie.
        selection: the groups that any view shows.
        settings: counts and initial values.
        seed: of everything random here.

    Raises:
        InputError: the CT has no surface or no density near the selected groups.
    """
    rng = np.random.default_rng(seed)
    coarse = ct[::_STRIDE, ::_STRIDE, ::_STRIDE].astype(np.float32)
    low, high = float(coarse.min()), float(np.percentile(coarse, _TOP_PERCENTILE))
    nearest = _nearest_labelled(groups)

    def shown(voxels: NDArray[np.float64]) -> NDArray[np.bool_]:
        return selection.mask(_groups_at(groups, nearest, voxels))

    near_shown = selection.mask(groups[tuple(nearest[:, ::_STRIDE, ::_STRIDE, ::_STRIDE])])
    density = np.where(near_shown, np.clip(coarse, low, high) - low, 0.0)
    surface = _surface_points(coarse, (low + high) / 2)
    surface = _some(surface[shown(surface)], settings.surface_points, rng)
    inside = _density_points(density, settings.density_points, rng)
    # Spread within a voxel may carry a point to where no view would show it.
    voxels = np.concatenate([surface, inside[shown(inside)]])
    if not len(voxels):
        raise InputError(
            f"groups {selection.name!r}",
            "expected voxels of these groups to begin a fit at, found none in this scan",
            "choose groups that the scan shows",
        )
    count = len(voxels)
    means = grid.world(voxels)
    # 3DGS: a Gaussian is as wide as its neighbours are far.
    neighbours = list(range(2, min(_NEIGHBOURS + 1, max(count, 2)) + 1))
    distances, _ = cKDTree(means).query(means, k=neighbours)
    # A point alone is as wide as a voxel.
    distances = np.where(np.isfinite(distances), distances, grid.spacing_mm.max())
    spread = np.maximum(distances.mean(axis=1), 0.1 * grid.spacing_mm.min())
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
        labels=torch.from_numpy(np.ascontiguousarray(_groups_at(groups, nearest, voxels))),
    )


def _surface_points(coarse: NDArray[np.float32], level: float) -> NDArray[np.float64]:
    """The marching-cubes vertices, (M, 3) as voxels (i, j, k); none where there is no surface."""
    if min(coarse.shape) < 2 or not coarse.min() < level < coarse.max():
        return np.empty((0, 3))
    vertices, *_ = marching_cubes(coarse, level=level)
    return np.asarray(vertices[:, ::-1], dtype=np.float64) * _STRIDE


def _some(points: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """At most ``count`` of the points, in their order."""
    return points[np.sort(rng.permutation(len(points))[:count])]


def _density_points(
    density: NDArray[np.float32], count: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """``count`` points drawn by ``density`` (coarse), spread within their voxels, (count, 3) as voxels."""
    cumulative = np.cumsum(density.ravel(), dtype=np.float64)
    if cumulative[-1] == 0:
        return np.empty((0, 3))
    flat = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    k, j, i = np.unravel_index(flat, density.shape)
    return (np.stack([i, j, k], axis=-1) + rng.uniform(-0.5, 0.5, (count, 3))) * _STRIDE


def _nearest_labelled(groups: NDArray[np.uint8]) -> NDArray[np.int32]:
    """(3, D, H, W): for each voxel the nearest labelled one, (k, j, i); itself where none is labelled."""
    if not groups.any():
        return np.indices(groups.shape, dtype=np.int32)
    nearest: NDArray[np.int32] = distance_transform_edt(
        groups == 0, return_distances=False, return_indices=True
    )
    return nearest


def _groups_at(
    groups: NDArray[np.uint8], nearest: NDArray[np.int32], voxels: NDArray[np.float64]
) -> NDArray[np.uint8]:
    """(N,): the group of the labelled voxel nearest to each point (i, j, k)."""
    limit = np.array(groups.shape[::-1]) - 1
    i, j, k = np.clip(np.rint(voxels), 0, limit).astype(np.intp).T
    z, y, x = nearest[:, k, j, i]
    return groups[z, y, x]
