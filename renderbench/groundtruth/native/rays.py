"""The rays of a camera, in float32 from their start.

A camera stands far from the volume, and a position in voxels that is counted from there would lose digits,
or ask for float64, of which a graphics card has little. So the host, in float64, finds where rays cross a
plane through the middle of the volume, across the line of sight: this is linear in the pixel, and there
float32 resolves a thousandth of a voxel and less.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.groundtruth.native.jit import helper

_F = np.float32
_FAR = _F(1e30)


class Rays(NamedTuple):
    """A camera's rays as kernels see them; float32.

    Args:
        start: (3, 3) maps a pixel position (column, row, 1) to where its ray crosses the plane, in voxel
            indices (x, y, z).
        direction: (3, 3) maps it to the ray's direction along the volume's axes, whose component along the
            line of sight is 1.
        plane_mm: from the camera to the plane; 0 where the middle of the volume is behind the camera, and
            rays then start at the camera itself.
    """

    start: NDArray[np.float32]
    direction: NDArray[np.float32]
    plane_mm: np.float32


def camera_rays(camera: Camera, world_from_voxel: NDArray[np.float64], shape: tuple[int, ...]) -> Rays:
    """The rays of a camera through a volume.

    Args:
        camera: where from.
        world_from_voxel: (4, 4) of the volume, with orthogonal axes.
        shape: (D, H, W, ...) of the volume.
    """
    spacing_mm = np.linalg.norm(world_from_voxel[:3, :3], axis=0)
    middle = world_from_voxel[:3, :3] @ ((np.array(shape[2::-1]) - 1.0) / 2.0) + world_from_voxel[:3, 3]
    plane_mm = max(
        0.0, float((camera.camera_from_world[:3, :3] @ middle + camera.camera_from_world[:3, 3])[2])
    )
    direction = (world_from_voxel[:3, :3] / spacing_mm).T @ camera.world_from_camera[:3, :3]
    direction = direction @ _camera_from_pixel(camera)
    origin = np.linalg.solve(world_from_voxel[:3, :3], camera.position_mm - world_from_voxel[:3, 3])
    start = plane_mm * direction / spacing_mm[:, None]
    start[:, 2] += origin
    return Rays(
        start=np.ascontiguousarray(start, dtype=np.float32),
        direction=np.ascontiguousarray(direction, dtype=np.float32),
        plane_mm=_F(plane_mm),
    )


@helper
def ray(column: Any, row: Any, rays: Any) -> tuple[Any, Any, Any, Any, Any, Any, Any]:
    """Where the ray of a pixel position starts (voxels), its unit direction, how far the camera is behind."""
    start, direction = rays.start, rays.direction
    u = direction[0, 0] * column + direction[0, 1] * row + direction[0, 2]
    v = direction[1, 0] * column + direction[1, 1] * row + direction[1, 2]
    w = direction[2, 0] * column + direction[2, 1] * row + direction[2, 2]
    length = math.sqrt(u * u + v * v + w * w)
    return (
        start[0, 0] * column + start[0, 1] * row + start[0, 2],
        start[1, 0] * column + start[1, 1] * row + start[1, 2],
        start[2, 0] * column + start[2, 1] * row + start[2, 2],
        u / length,
        v / length,
        w / length,
        rays.plane_mm * length,
    )


@helper
def box_span(x: Any, y: Any, z: Any, vx: Any, vy: Any, vz: Any, shape: Any) -> tuple[Any, Any]:
    """When (mm) a line enters and leaves the box of voxel centres; enter >= leave if it misses."""
    enter_x, leave_x = _span(x, vx, shape[2])
    enter_y, leave_y = _span(y, vy, shape[1])
    enter_z, leave_z = _span(z, vz, shape[0])
    return max(enter_x, max(enter_y, enter_z)), min(leave_x, min(leave_y, leave_z))


@helper
def _span(position: Any, velocity: Any, size: int) -> tuple[Any, Any]:
    top = _F(np.int32(size - 1))
    if abs(velocity) < _F(1e-12):
        return (-_FAR, _FAR) if _F(0.0) <= position <= top else (_FAR, -_FAR)
    one, other = -position / velocity, (top - position) / velocity
    return min(one, other), max(one, other)


def _camera_from_pixel(camera: Camera) -> NDArray[np.float64]:
    """(3, 3): (column, row, 1) to a direction in OpenCV camera axes."""
    return np.array(
        [
            [1 / camera.fx_px, 0.0, -camera.cx_px / camera.fx_px],
            [0.0, 1 / camera.fy_px, -camera.cy_px / camera.fy_px],
            [0.0, 0.0, 1.0],
        ]
    )
