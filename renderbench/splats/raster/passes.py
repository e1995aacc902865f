"""The passes of the rasteriser over arrays: forward, gradient and weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderbench.splats.raster.binning import Bins, bin_gaussians
from renderbench.splats.raster.compositing import composite_tiles, gather_weights, weigh_tiles
from renderbench.splats.raster.compositing_gradient import composite_tiles_gradient
from renderbench.splats.raster.ewa import View
from renderbench.splats.raster.layout import RECORD, SUMS, TILE
from renderbench.splats.raster.projection import project_gaussians
from renderbench.splats.raster.projection_gradient import project_gaussians_gradient
from renderbench.splats.raster.threads import run_workers

Floats = NDArray[np.float32]


class Parameters(NamedTuple):
    """The trainable arrays of N Gaussians, float32 and contiguous, in the order that kernels take them."""

    means_mm: Floats
    directions: Floats
    log_diagonal: Floats
    off_diagonal: Floats
    opacity_logit: Floats
    sh: Floats


@dataclass(frozen=True, kw_only=True)
class Projected:
    """Gaussians on the image, sorted into tiles."""

    view: View
    threads: int
    records: Floats
    radii: Floats
    bins: Bins

    @property
    def _tiles(self) -> tuple[Floats, NDArray[np.int32], int, NDArray[np.int64], NDArray[np.int32]]:
        bins = self.bins
        return self.records, self.records.view(np.int32), bins.columns, bins.starts, bins.entries


def project(parameters: Parameters, shown: NDArray[np.bool_], view: View, threads: int) -> Projected:
    """Slice, project and bin the Gaussians that are ``shown`` (N,)."""
    count = len(parameters.means_mm)
    records = np.empty((count, RECORD), np.float32)
    depths = np.empty(count, np.float32)
    radii = np.empty(count, np.float32)
    tile_boxes = np.empty((count, 4), np.int16)
    tile_counts = np.empty(count, np.int32)
    outputs = (records, records.view(np.int32), depths, radii, tile_boxes, tile_counts)
    run_workers(threads, project_gaussians, view, shown, *parameters, *outputs)
    columns, rows = -(-view.width // TILE), -(-view.height // TILE)
    bins = bin_gaussians(depths, tile_boxes, tile_counts, columns, rows, threads)
    return Projected(view=view, threads=threads, records=records, radii=radii, bins=bins)


class Image(NamedTuple):
    """What compositing leaves."""

    rgb: Floats
    """(H, W, 3)."""
    transmittance: Floats
    """(H, W)."""
    depth: Floats | None
    """(H, W, 2): the expected depth, mm, and the sum of T alpha; None where it was not asked for."""


def composite(projected: Projected, background: tuple[float, float, float], with_depth: bool) -> Image:
    """Composite the tiles front to back."""
    shape = (projected.view.height, projected.view.width)
    image = Image(
        np.empty((*shape, 3), np.float32),
        np.empty(shape, np.float32),
        np.empty((*shape, 2), np.float32) if with_depth else None,
    )
    run_workers(projected.threads, composite_tiles, *projected._tiles, background, *image)
    return image


def composite_gradient(
    projected: Projected, image: Image, g_rgb: Floats, g_alpha: Floats, g_depth: Floats | None
) -> Floats:
    """The sums over pixels, (pairs, SUMS, one more with depth), from :func:`composite` and its gradients."""
    sums = SUMS if g_depth is None else SUMS + 1
    pair_sums = np.empty((len(projected.bins.entries), sums), np.float32)
    run_workers(
        projected.threads,
        composite_tiles_gradient,
        *projected._tiles,
        projected.bins.slots,
        *image,
        g_rgb,
        g_alpha,
        g_depth,
        pair_sums,
    )
    return pair_sums


def project_gradient(
    parameters: Parameters, projected: Projected, pair_sums: Floats
) -> tuple[Parameters, Floats]:
    """Gradients of the parameters, and (N,) the norm of dL/d(projected mean) in device coordinates."""
    gradients = Parameters(*(np.empty_like(array) for array in parameters))
    screen = np.empty(len(parameters.means_mm), np.float32)
    run_workers(
        projected.threads,
        project_gaussians_gradient,
        projected.view,
        *parameters,
        projected.bins.slots,
        pair_sums,
        *gradients,
        screen,
    )
    return gradients, screen


def weigh(projected: Projected) -> Floats:
    """(N,) the sum over pixels of each Gaussian's T alpha."""
    view, slots = projected.view, projected.bins.slots
    pair_weights = np.zeros(len(projected.bins.entries), np.float32)
    run_workers(
        projected.threads, weigh_tiles, *projected._tiles, slots, view.height, view.width, pair_weights
    )
    sums = np.empty(len(projected.records), np.float32)
    gather_weights(slots, pair_weights, sums)
    return sums
