"""The bounds of a medium: the box that pbrt meets it in."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.groundtruth.medium import Medium

# Corner 4 z + 2 y + x of a box, each 0 or 1; seen from outside, these go counterclockwise.
_FACES = ((0, 4, 6, 2), (1, 3, 7, 5), (0, 1, 5, 4), (2, 6, 7, 3), (0, 2, 3, 1), (4, 5, 7, 6))


def bounds(medium: Medium) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper corner (x, y, z) of the grid in voxel indices: the faces of its outermost voxels."""
    return np.full(3, -0.5), np.array(medium.density.shape[2::-1]) - 0.5


def hull(medium: Medium) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Corners (8, 3) of the bounds in mm and their triangles (12, 3), counterclockwise from outside."""
    low, high = bounds(medium)
    corners = np.array([np.where(bits[::-1], high, low) for bits in product((0, 1), repeat=3)])
    rotation, shift = medium.world_from_voxel[:3, :3], medium.world_from_voxel[:3, 3]
    triangles = np.array([(face[0], face[i], face[i + 1]) for face in _FACES for i in (1, 2)])
    if np.linalg.det(rotation) < 0:
        triangles = triangles[:, ::-1]
    return corners @ rotation.T + shift, triangles


def is_inside(camera: Camera, medium: Medium) -> bool:
    """Whether the camera is within the bounds."""
    voxel_from_world = np.linalg.inv(medium.world_from_voxel)
    position = voxel_from_world[:3, :3] @ camera.position_mm + voxel_from_world[:3, 3]
    low, high = bounds(medium)
    return bool((position > low).all() and (position < high).all())
