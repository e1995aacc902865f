"""Bodies seen in mirrors: training data of the same worth, as long as light is the same from all sides.

Mirroring the scene and the camera alike leaves the image as it is, and under uniform light the ground truth
of a mirrored scan is that of the scan. So the network sees the mirrored scan, and the view stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.scans.volume import Grid
from renderfm.inputs import Inputs


def reflection(grid: Grid, axes: Sequence[int]) -> NDArray[np.float64]:
    """(4, 4), world to world: what mirroring arrays on ``grid`` along ``axes`` (0, 1, 2 for z, y, x) does."""
    centre = grid.world((np.array(grid.shape[::-1], dtype=np.float64)[None] - 1) / 2)[0]
    mirror = np.eye(4)
    for axis in axes:
        normal = grid.direction[:, 2 - axis]
        mirror[:3, :3] -= 2 * np.outer(normal, normal)
    mirror[:3, 3] = centre - mirror[:3, :3] @ centre
    return mirror


def mirrored_inputs(inputs: Inputs, grid: Grid, axes: Sequence[int]) -> Inputs:
    """The inputs of the mirrored scan; its Gaussians come in the order of those that they mirror.

    Args:
        inputs: whose prior has no preferred direction and round covariances, as that of the model has.
        grid: of their voxels, even along every mirrored axis, so that blocks mirror onto blocks.
        axes: of the arrays, 0, 1, 2 for z, y, x.
    """
    if not axes:
        return inputs
    mirror = torch.from_numpy(reflection(grid, axes).astype(np.float32)).to(inputs.channels.device)
    blocks = inputs.blocks.clone()
    for axis in axes:
        blocks[:, axis] = grid.shape[axis] // 2 - 1 - blocks[:, axis]
    means = inputs.prior.means_mm @ mirror[:3, :3].T + mirror[:3, 3]
    return replace(
        inputs,
        channels=inputs.channels.flip([2 + axis for axis in axes]),
        prior=replace(inputs.prior, means_mm=means),
        blocks=blocks,
    )


def mirrored_camera(camera: Camera, mirror: NDArray[np.float64]) -> Camera:
    """The camera that sees of the mirrored scene what ``camera`` sees of the scene: a left-handed one."""
    # A reflection is its own inverse.
    return replace(camera, camera_from_world=camera.camera_from_world @ mirror)
