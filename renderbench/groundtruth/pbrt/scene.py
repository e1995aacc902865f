"""The text of pbrt scenes: templates of ``pbrt_scenes/``, filled."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from string import Template

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.cameras import Camera
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt.hull import hull, is_inside
from renderbench.resources import resource

VERSION = "pbrt-v4.3"
"""Part of every digest: its last number rises whenever a change to our scenes changes a pixel.

The build of the binary is not part of it, so that machines of a farm may each have their own.
"""

_PBRT_FROM_OPENCV = np.diag([1.0, -1.0, 1.0, 1.0])


def view_scene(
    camera: Camera,
    *,
    lights: str,
    medium: Medium | None,
    medium_path: str,
    max_depth: int,
    samples: int,
) -> str:
    """A scene: one camera, the lights, and a medium.

    Args:
        camera: any pinhole camera, outside or inside of the medium.
        lights: the lines of its lights.
        medium: None for an empty world.
        medium_path: of the medium's file, from the scene's folder.
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
        around_camera="ct" if medium is not None and is_inside(camera, medium) else "",
        screen_window=numbers(window),
        lights=lights,
        medium="" if medium is None else f'Include "{medium_path}"',
        hull="" if medium is None else _hull_lines(medium),
    )


def _hull_lines(medium: Medium) -> str:
    corners, triangles = hull(medium)
    return template("hull.pbrt").substitute(indices=numbers(triangles), corners=numbers(corners))


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
