"""The kernel below the maps: one primary ray a pixel, nearest voxels, empty blocks skipped."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.evaluation.anatomy.jit import kernel

BLOCK = 8
# Below this, what is left of a ray cannot change which group has lost most of it.
_SPENT = 1 / 256
_LEAST_OPACITY = 0.1


@kernel
def march(
    extinction: Any,
    groups: Any,
    blocks: Any,
    origin: Any,
    camera_from_pixel: Any,
    voxel_from_camera: Any,
    step_mm: float,
    group_count: int,
    shown: Any,
    depth_mm: Any,
) -> None:
    """Write :func:`.maps.seen_from` of a whole image.

    Args:
        extinction: (D, H, W) float32, 1/mm.
        groups: (D, H, W) uint8.
        blocks: (cells z, y, x) whether a block holds anything.
        origin: (3,) the camera, in voxels (x, y, z).
        camera_from_pixel: (3, 3) maps (column, row, 1) to a direction of depth 1 in camera axes.
        voxel_from_camera: (3, 3) maps camera axes (mm) to voxels (x, y, z).
        step_mm: between samples.
        group_count: how many groups there are.
        shown: (rows, columns) uint8, written.
        depth_mm: (rows, columns) float32, written where half of a ray is lost.
    """
    depth, height, width = extinction.shape
    sizes = (width, height, depth)
    share = np.empty(group_count)
    direction = np.empty(3)
    place = np.empty(3, dtype=np.int64)
    for row in range(shown.shape[0]):
        for column in range(shown.shape[1]):
            right = camera_from_pixel[0, 0] * (column + 0.5) + camera_from_pixel[0, 2]
            down = camera_from_pixel[1, 1] * (row + 0.5) + camera_from_pixel[1, 2]
            length = math.sqrt(right * right + down * down + 1.0)
            near, far = 0.0, np.inf
            for axis in range(3):
                direction[axis] = (
                    voxel_from_camera[axis, 0] * right
                    + voxel_from_camera[axis, 1] * down
                    + voxel_from_camera[axis, 2]
                ) / length
                # Voxels reach half a voxel beyond their centres.
                one = (-0.5 - origin[axis]) / direction[axis]
                other = (sizes[axis] - 0.5 - origin[axis]) / direction[axis]
                near, far = max(near, min(one, other)), min(far, max(one, other))
            share[:] = 0.0
            left = 1.0
            travelled = near + 0.5 * step_mm
            while travelled < far and left > _SPENT:
                for axis in range(3):
                    voxel = math.floor(origin[axis] + travelled * direction[axis] + 0.5)
                    place[axis] = min(max(voxel, 0), sizes[axis] - 1)
                x, y, z = place[0], place[1], place[2]
                if not blocks[z // BLOCK, y // BLOCK, x // BLOCK]:
                    out = np.inf
                    for axis in range(3):
                        edge = place[axis] // BLOCK * BLOCK - 0.5
                        if direction[axis] > 0:
                            edge += BLOCK
                        out = min(out, (edge - origin[axis]) / direction[axis])
                    travelled = max(travelled + step_mm, out + 1e-6)
                    continue
                density = extinction[z, y, x]
                if density > 0:
                    lost = left * (1.0 - math.exp(-density * step_mm))
                    share[groups[z, y, x]] += lost
                    if left > 0.5 >= left - lost:
                        depth_mm[row, column] = travelled / length
                    left -= lost
                travelled += step_mm
            if 1.0 - left >= _LEAST_OPACITY:
                shown[row, column] = np.argmax(share)
