"""``transforms.json``: cameras and images as nerfstudio, NerfBaselines and most methods' code read them.

OpenGL camera-to-world in patient LPS millimetres, intrinsics in pixels, one pinhole for all frames
("PINHOLE": methods that know no lens distortion take such a set as it is, and refuse or resample an
"OPENCV" one even where all its coefficients are zero).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from renderbench.artefacts import read_json, write_json
from renderbench.cameras import Camera
from renderbench.errors import InputError


def write_transforms(path: Path, cameras: Sequence[Camera], images: Sequence[str]) -> None:
    """Write the cameras of one set.

    It names no split: both readers then train on nine tenths of its images and evaluate on the rest.

    Args:
        path: of the file.
        cameras: one an image, all with the first one's intrinsics.
        images: their paths relative to the file's folder.
    """
    write_json(path, _payload(cameras, images))


def write_split_transforms(
    path: Path, *, fit: tuple[Sequence[Camera], Sequence[str]], test: tuple[Sequence[Camera], Sequence[str]]
) -> None:
    """Write the cameras of a fitting and a test set as one data set with that split.

    Args:
        path: of the file; both readers take a path that ends in .json in place of a folder.
        fit: cameras and images (relative to the file's folder) to train on.
        test: to evaluate on; named as the validation split too, since nerfstudio requires one.
    """
    cameras, images = [*fit[0], *test[0]], [*fit[1], *test[1]]
    split = {"train_filenames": fit[1], "val_filenames": test[1], "test_filenames": test[1]}
    write_json(path, {**_payload(cameras, images), **split})


def read_transforms(path: Path, count: int, *, remedy: str) -> list[Camera]:
    """The cameras of a set, in the order of its frames.

    Raises:
        InputError: there are not ``count`` that can be read.
    """
    payload = read_json(path)
    try:
        cameras = [
            Camera.from_opengl(
                frame["transform_matrix"],
                width=payload["w"],
                height=payload["h"],
                fx_px=payload["fl_x"],
                fy_px=payload["fl_y"],
                cx_px=payload["cx"],
                cy_px=payload["cy"],
            )
            for frame in payload["frames"]
        ]
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        cameras = []
    if len(cameras) != count:
        problem = f"expected {count} cameras, found {len(cameras)} that can be read"
        raise InputError(path, problem, remedy)
    return cameras


def _payload(cameras: Sequence[Camera], images: Sequence[str]) -> dict[str, Any]:
    first = cameras[0]
    return {
        "camera_model": "PINHOLE",
        "w": first.width,
        "h": first.height,
        "fl_x": first.fx_px,
        "fl_y": first.fy_px,
        "cx": first.cx_px,
        "cy": first.cy_px,
        "frames": [
            {"file_path": image, "transform_matrix": camera.opengl_camera_to_world().tolist()}
            for camera, image in zip(cameras, images, strict=True)
        ],
    }
