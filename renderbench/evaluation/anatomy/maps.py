"""Which group each pixel of a view shows, and how far away: primary rays through labels and extinction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.evaluation.anatomy.march import BLOCK, march
from renderbench.scans.groups import GROUPS
from renderbench.scans.volume import Grid

# Two samples a voxel: half a voxel is as far as a label's edge is known.
_STEPS_PER_VOXEL = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Visible:
    """What the views show of a scan, cropped to it.

    Args:
        extinction: (D, H, W) float32, 1/mm, zero where nothing is shown.
        groups: (D, H, W) uint8.
        blocks: (cells z, y, x) whether a block of 8³ voxels holds anything.
        grid: of the arrays.
    """

    extinction: NDArray[np.float32]
    groups: NDArray[np.uint8]
    blocks: NDArray[np.bool_]
    grid: Grid


def visible_of(extinction: NDArray[np.float32], groups: NDArray[np.uint8], grid: Grid) -> Visible:
    """Crop to what is shown, and note what is empty.

    Args:
        extinction: (D, H, W) 1/mm, zero where the views show nothing; somewhere above zero.
        groups: (D, H, W) uint8, group indices.
        grid: of both.
    """
    box = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (shown,) = np.nonzero((extinction > 0).any(axis=others))
        box.append(slice(int(shown[0]), int(shown[-1]) + 1))
    inside = tuple(box)
    inner = np.ascontiguousarray(extinction[inside])
    shape = (inner.shape[0], inner.shape[1], inner.shape[2])
    return Visible(
        extinction=inner,
        groups=np.ascontiguousarray(groups[inside]),
        blocks=_occupied(inner),
        grid=grid.cropped((box[0].start, box[1].start, box[2].start), shape),
    )


def seen_from(camera: Camera, visible: Visible) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """What each pixel of a camera shows.

    A ray's visibility falls by ``exp(-sigma_t length)``; what it loses within a group is that group's share
    of the pixel. The pixel shows the group of the largest share, or none where all shares together are
    below a tenth.

    Args:
        camera: where from.
        visible: what there is to see.

    Returns:
        The group index (H, W) uint8, 0 for none; and the depth (H, W) float32 along the line of sight, in
        mm, at which half of the ray is lost, infinite where that never happens.
    """
    voxel_from_world = np.linalg.inv(visible.grid.world_from_voxel)
    origin = voxel_from_world[:3, :3] @ camera.position_mm + voxel_from_world[:3, 3]
    from_pixel = np.array(
        [
            [1 / camera.fx_px, 0.0, -camera.cx_px / camera.fx_px],
            [0.0, 1 / camera.fy_px, -camera.cy_px / camera.fy_px],
            [0.0, 0.0, 1.0],
        ]
    )
    groups = np.zeros((camera.height, camera.width), dtype=np.uint8)
    depth_mm = np.full(groups.shape, np.inf, dtype=np.float32)
    march(
        visible.extinction,
        visible.groups,
        visible.blocks,
        origin,
        from_pixel,
        np.ascontiguousarray(voxel_from_world[:3, :3] @ camera.world_from_camera[:3, :3]),
        float(visible.grid.spacing_mm.min()) / _STEPS_PER_VOXEL,
        len(GROUPS),
        groups,
        depth_mm,
    )
    return groups, depth_mm


def _occupied(extinction: NDArray[np.float32]) -> NDArray[np.bool_]:
    cells = tuple(-(-size // BLOCK) for size in extinction.shape)
    padded = np.zeros(tuple(cell * BLOCK for cell in cells), dtype=np.bool_)
    depth, height, width = extinction.shape
    padded[:depth, :height, :width] = extinction > 0
    blocks = padded.reshape(cells[0], BLOCK, cells[1], BLOCK, cells[2], BLOCK)
    return np.asarray(blocks.any(axis=(1, 3, 5)))
