"""Reprojection error of landmarks: how far a render moves what the ground truth shows at a point."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from renderbench.evaluation.metrics.images import Image8, require_pair

_LUMA = np.array([0.299, 0.587, 0.114])
# Larger images are averaged down to this edge: displacements are found to a fraction of a pixel anyway.
_LARGEST_PX = 512
# Of the shorter edge: half a patch, and how far around it is searched.
_PATCH, _SEARCH = 0.03, 0.02
_LEAST_PATCH_PX, _LEAST_SEARCH_PX = 5, 4
# A truth that resembles itself this much elsewhere does not locate the point: an edge along itself.
_UNMISTAKABLE = 0.9
# The ground truth's noise must not locate anything: at 35 dB this blur leaves a standard deviation of 1.3.
_SMOOTHING_PX = 1.0
_LEAST_CONTRAST = 4.0
# A render that nowhere resembles the patch more than this does not show the landmark.
_RECOGNISABLE = 0.3


def displacements(
    truth: Image8, image: Image8, points_px: Sequence[tuple[float, float]]
) -> NDArray[np.float64]:
    """How far, in pixels, a render shows each point from where the ground truth does.

    A point is located in the ground truth by the patch around it, and found again in the render where that
    patch's normalised cross-correlation of the luma, slightly smoothed, is highest, to a fraction of a pixel
    by a parabola. The same is done in the ground truth itself, and the difference counts, so that equal
    images score exactly zero. Points whose patch the ground truth itself does not locate are left out: too
    near to the edge of the image, flat, or alike along an edge.

    Args:
        truth: (H, W, 3) uint8.
        image: the same.
        points_px: (column, row) of each point, as cameras count.

    Raises:
        ValueError: other shapes or types.

    Returns:
        (N,) float64; NaN for points that are left out. At most the radius of the search, a fiftieth of the
        shorter edge, which is also what a point scores that the render does not show.
    """
    require_pair(truth, image)
    factor = -(-max(truth.shape[:2]) // _LARGEST_PX)
    one, other = _luma(truth, factor), _luma(image, factor)
    shorter = min(one.shape)
    patch = max(_LEAST_PATCH_PX, round(_PATCH * shorter))
    search = max(_LEAST_SEARCH_PX, round(_SEARCH * shorter))
    moved = [
        _displacement(one, other, int(column / factor), int(row / factor), patch, search)
        for column, row in points_px
    ]
    return np.array(moved, dtype=np.float64) * factor


def _displacement(
    truth: NDArray[np.float64], image: NDArray[np.float64], column: int, row: int, patch: int, search: int
) -> float:
    from skimage.feature import match_template

    reach = patch + search
    height, width = truth.shape
    if not (reach <= row < height - reach and reach <= column < width - reach):
        return float("nan")
    window = (slice(row - reach, row + reach + 1), slice(column - reach, column + reach + 1))
    pattern = truth[row - patch : row + patch + 1, column - patch : column + patch + 1]
    if pattern.std() < _LEAST_CONTRAST:
        return float("nan")
    own = match_template(truth[window], pattern)
    if own[_far(search)].max() > _UNMISTAKABLE:
        return float("nan")
    found = match_template(image[window], pattern)
    if found.max() < _RECOGNISABLE:
        return float(search)
    return float(min(np.hypot(*(_peak(found) - _peak(own))), search))


def _far(search: int) -> NDArray[np.bool_]:
    """Offsets further than half the search radius."""
    offsets = np.arange(-search, search + 1)
    return np.hypot(offsets[:, None], offsets) > search / 2


def _peak(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the highest value lies, (row, column), by a parabola through it and its neighbours."""
    top = np.unravel_index(np.argmax(correlation), correlation.shape)
    place = np.array(top, dtype=np.float64)
    for axis, index in enumerate(top):
        if 0 < index < correlation.shape[axis] - 1:
            line = np.moveaxis(correlation, axis, 0)[:, top[1 - axis]]
            before, here, after = line[index - 1 : index + 2]
            bend = before - 2 * here + after
            place[axis] += 0.5 * (before - after) / bend if bend < 0 else 0.0
    return place


def _luma(image: Image8, factor: int) -> NDArray[np.float64]:
    """The luma (H, W) in [0, 255], averaged over squares of so many pixels (what is left over is cut off)."""
    from scipy.ndimage import gaussian_filter

    luma: NDArray[np.float64] = image @ _LUMA
    height, width = (size // factor for size in luma.shape)
    cut = luma[: height * factor, : width * factor]
    averaged = cut.reshape(height, factor, width, factor).mean(axis=(1, 3))
    smooth: NDArray[np.float64] = gaussian_filter(averaged, _SMOOTHING_PX)
    return smooth
