"""Anatomical landmarks: the outermost points of labelled structures, and where a view shows them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.scans.groups import LABELS_BY_VALUE, UNNAMED
from renderbench.scans.volume import Grid

# Structures below a third of a millilitre are a few voxels, whose outermost one is chance.
_LEAST_VOXELS = 100
# Nearer to the end of the scan, a structure may go on outside, and its outermost point is a cut.
_MARGIN_VOXELS = 2
# By axis (z, y, x): what the first and the last layer of a structure are called; the working grid is LPS.
_SIDES = (("inferior", "superior"), ("anterior", "posterior"), ("right", "left"))
# Seen if the ray has lost half of itself within this of the landmark.
_TOLERANCE_VOXELS = 2.0


@dataclass(frozen=True, kw_only=True)
class Landmark:
    """A point of a labelled structure.

    Args:
        label: the structure's name.
        side: of which it is the outermost point: ``left``, ``right``, ``anterior``, ``posterior``,
            ``superior`` or ``inferior``.
        position_mm: in the world.
    """

    label: str
    side: str
    position_mm: tuple[float, float, float]


def landmarks_of(labels: NDArray[np.uint8], shown: NDArray[np.bool_], grid: Grid) -> list[Landmark]:
    """The landmarks of a scan: six a named structure, as far as they do not lie at the scan's own end.

    A landmark is the voxel nearest to the middle of the structure's outermost layer along an axis of the
    grid. Only voxels that the views show count.

    Args:
        labels: (D, H, W) uint8.
        shown: (D, H, W) whether the views show the voxel.
        grid: of both.
    """
    from scipy.ndimage import find_objects

    visible = np.where(shown, labels, np.uint8(0))
    found = []
    for value, box in enumerate(find_objects(visible), start=1):
        if box is None or value >= UNNAMED or value not in LABELS_BY_VALUE:
            continue
        structure = visible[box] == value
        if np.count_nonzero(structure) < _LEAST_VOXELS:
            continue
        corner = np.array([side.start for side in box])
        for axis, names in enumerate(_SIDES):
            for name, layer in zip(names, (0, structure.shape[axis] - 1), strict=True):
                place = corner + _middle(structure, axis, layer)
                if (place < _MARGIN_VOXELS).any() or (place >= np.array(labels.shape) - _MARGIN_VOXELS).any():
                    continue
                x, y, z = (float(each) for each in grid.world(place[None, ::-1].astype(np.float64))[0])
                label = LABELS_BY_VALUE[value].name
                found.append(Landmark(label=label, side=name, position_mm=(x, y, z)))
    return found


def seen_landmarks(
    camera: Camera, positions_mm: NDArray[np.float64], depth_mm: NDArray[np.float32], spacing_mm: float
) -> list[tuple[int, float, float, float]]:
    """The landmarks that a view shows: index, column, row (pixels, as cameras count) and depth in mm.

    Args:
        camera: of the view.
        positions_mm: (N, 3) of the landmarks.
        depth_mm: (H, W), see :func:`.maps.seen_from`; a landmark is seen where a pixel within one of its
            own, since it lies at an edge by definition, has lost half of its ray within two voxels of it.
        spacing_mm: of a voxel.
    """
    pixels, depths = camera.project(positions_mm)
    seen = []
    for index, ((column, row), depth) in enumerate(zip(pixels, depths, strict=True)):
        left, top = int(np.floor(column)), int(np.floor(row))
        if depth <= 0 or not (0 <= left < camera.width and 0 <= top < camera.height):
            continue
        around = depth_mm[max(top - 1, 0) : top + 2, max(left - 1, 0) : left + 2]
        if (np.abs(around - depth) <= _TOLERANCE_VOXELS * spacing_mm).any():
            seen.append((index, float(column), float(row), float(depth)))
    return seen


def _middle(structure: NDArray[np.bool_], axis: int, layer: int) -> NDArray[np.int64]:
    """The voxel (z, y, x) of a layer that is nearest to the mean of the layer's voxels."""
    places = np.argwhere(np.take(structure, layer, axis=axis))
    nearest = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    return np.insert(nearest, axis, layer)
