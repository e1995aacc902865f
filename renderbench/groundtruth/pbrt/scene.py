"""The text of pbrt scenes: templates of ``pbrt_scenes/``, filled."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from string import Template

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.cameras import Camera
from renderbench.groundtruth.medium import Medium
from renderbench.resources import resource

VERSION = "pbrt-v4.3"
"""Part of every digest: its last number rises whenever a change to our scenes changes a pixel.

The build of the binary is not part of it, so that machines of a farm may each have their own.
"""

BUBBLE_MM = 1e-3
"""Radius of the emptiness around a camera in a medium: a thousandth of a mean free path and less."""

_PBRT_FROM_OPENCV = np.diag([1.0, -1.0, 1.0, 1.0])


def view_scene(
    camera: Camera, *, lights: str, medium: str | None, inside: bool, max_depth: int, samples: int
) -> str:
    """A scene: one camera, the lights, and the medium's file.

    Args:
        camera: any pinhole camera.
        lights: the lines of its lights.
        medium: the path of the medium's file from the scene's folder; None for an empty world.
        inside: whether the camera is within the bounds of the medium.
        max_depth: the most scatterings of a path.
        samples: a pixel; ``--spp`` overrides it.
    """
    window = (
        -camera.cx_px / camera.fx_px,
        (camera.width - camera.cx_px) / camera.fx_px,
        -(camera.height - camera.cy_px) / camera.fy_px,
        camera.cy_px / camera.fy_px,
    )
    return template("view.pbrt").substitute(
        width=camera.width,
        height=camera.height,
        samples=samples,
        max_depth=max_depth,
        camera_from_world=numbers(column_major(_PBRT_FROM_OPENCV @ camera.camera_from_world)),
        screen_window=numbers(window),
        lights=lights,
        medium="" if medium is None else f'Include "{medium}"',
        bubble=_bubble(camera) if inside and medium is not None else "",
    )


def _bubble(camera: Camera) -> str:
    # A medium can be named at the camera instead. But pbrt-v4 makes media in threads, and may end with a
    # segmentation fault where its camera waits for one (GetMedium and CreateMedia erase the same job).
    return template("bubble.pbrt").substitute(position=numbers(camera.position_mm), radius=BUBBLE_MM)


def is_inside(camera: Camera, medium: Medium) -> bool:
    """Whether the camera is within the bounds that pbrt knows of the medium."""
    voxel_from_world = np.linalg.inv(medium.world_from_voxel)
    position = voxel_from_world[:3, :3] @ camera.position_mm + voxel_from_world[:3, 3]
    low, high = bounds(medium)
    return bool((position > low).all() and (position < high).all())


def bounds(medium: Medium) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lower and upper corner (x, y, z) of the grid in voxel indices: the faces of its outermost voxels."""
    return np.full(3, -0.5), np.array(medium.density.shape[2::-1]) - 0.5


@cache
def template(name: str) -> Template:
    """A template of ``pbrt_scenes/``; its fields are ``$name``."""
    return Template(resource("pbrt_scenes", name).read_text(encoding="utf-8"))


def column_major(matrix: ArrayLike) -> NDArray[np.float64]:
    """(16,) of a (4, 4) matrix, as pbrt's ``Transform`` wants it."""
    return np.asarray(matrix, dtype=np.float64).T.ravel()


def numbers(values: ArrayLike | Iterable[float]) -> str:
    """Numbers with a blank between them; floats such that they read back as they were."""
    return " ".join(repr(value) for value in np.asarray(values).ravel().tolist())
