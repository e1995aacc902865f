"""View sets: images of one scan under one condition, their cameras and how noisy they are.

A set is a folder (docs/architecture.md, "The root folder")::

    images/000.png ...   8-bit sRGB over black; each carries its own record in a text chunk
    transforms.json      cameras as nerfstudio and NerfBaselines read them (OpenGL camera-to-world, mm)
    views.json           what made the set; written last, so that a set with it is complete
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from renderbench.artefacts import read_json, remove, staged, write_json
from renderbench.cameras import Camera
from renderbench.config import Strict
from renderbench.errors import InputError
from renderbench.groundtruth.colour import eight_bit_srgb
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.sampling import noise_floor
from renderbench.records import read_record, write_record

SCHEMA = 2
_SET_FILE = "views.json"
_CAMERAS_FILE = "transforms.json"
_PNG_KEY = "renderbench_view"


class ViewRecord(Strict):
    """One view: the digest of all that made it, its random seed, samples a pixel, seconds, noise floor."""

    digest: str
    seed: int
    samples: int
    seconds: float
    noise_floor_db: float | None


class SetRecord(Strict):
    """``views.json``: the digest of all that made the set, that in plain words, and its views."""

    digest: str
    made_from: dict[str, Any]
    seconds: float
    noise_floor_mean_db: float | None
    views: list[ViewRecord]


@dataclass(frozen=True, kw_only=True, eq=False)
class ViewSet:
    """A complete view set; images are read when asked for.

    Args:
        path: its folder.
        cameras: one a view.
        record: ``views.json``.
    """

    path: Path
    cameras: list[Camera]
    record: SetRecord

    @classmethod
    def open(
        cls, path: Path, *, command: str = "renderbench groundtruth --root ROOT --suite SUITE"
    ) -> ViewSet:
        """Open the set in ``path``; reads no image.

        Args:
            path: the set's folder.
            command: what makes the set, for the error.

        Raises:
            InputError: there is none, it is not complete, or it was written under another schema.
        """
        record = read_set_record(path)
        if record is None:
            found = "an incomplete set" if path.is_dir() else "none"
            raise InputError(path, f"expected a complete view set, found {found}", f"run `{command}`")
        cameras = _read_cameras(path / _CAMERAS_FILE, len(record.views), command)
        missing = [index for index in range(len(cameras)) if not image_path(path, index).is_file()]
        if missing:
            raise InputError(
                image_path(path, missing[0]),
                "expected an image of the view set, found none",
                f"run `{command}`",
            )
        return cls(path=path, cameras=cameras, record=record)

    @property
    def digest(self) -> str:
        """Of all that made the set."""
        return self.record.digest

    @property
    def seconds(self) -> float:
        """Render time of all views together, wall clock."""
        return self.record.seconds

    @property
    def samples_mean(self) -> float:
        """Samples a pixel: the mean over the views."""
        return math.fsum(view.samples for view in self.record.views) / len(self.record.views)

    @property
    def noise_floor_db(self) -> list[float | None]:
        """Per view, see :func:`noise_floor`."""
        return [view.noise_floor_db for view in self.record.views]

    @property
    def noise_floor_mean_db(self) -> float | None:
        """The mean over the views that have noise; None when none has."""
        return self.record.noise_floor_mean_db

    def image_path(self, index: int) -> Path:
        """The PNG of a view."""
        return image_path(self.path, index)

    def images(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) 8-bit sRGB over black.

        Raises:
            InputError: a file is damaged or not of the camera's size.
        """
        return np.stack([self._image(index) for index in range(len(self.cameras))])

    def _image(self, index: int) -> NDArray[np.uint8]:
        path, camera = self.image_path(index), self.cameras[index]
        try:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
        except (OSError, SyntaxError) as error:
            raise _damaged(path, f"one that cannot be read ({error})") from None
        if pixels.shape != (camera.height, camera.width, 3):
            raise _damaged(path, f"{pixels.shape[1]} × {pixels.shape[0]} pixels")
        return pixels


def image_path(folder: Path, index: int) -> Path:
    """The PNG of view ``index`` of the set in ``folder``."""
    return folder / "images" / f"{index:03d}.png"


def write_view(folder: Path, index: int, view: RenderPass, *, digest: str, seed: int) -> ViewRecord:
    """Write one view, image and record as one file, and so atomically."""
    record = ViewRecord(
        digest=digest,
        seed=seed,
        samples=view.samples,
        seconds=view.seconds,
        noise_floor_db=noise_floor(view.halves),
    )
    text = PngInfo()
    text.add_text(_PNG_KEY, json.dumps(record.model_dump(), allow_nan=False))
    with staged(image_path(folder, index)) as staging:
        Image.fromarray(eight_bit_srgb(view.rgb)).save(staging, format="PNG", pnginfo=text)
    return record


def read_view_record(folder: Path, index: int) -> ViewRecord | None:
    """The record of a view that was written; None when there is none that can be read."""
    try:
        with Image.open(image_path(folder, index)) as picture:
            text = picture.text.get(_PNG_KEY, "") if isinstance(picture, PngImageFile) else ""
        return ViewRecord.model_validate_json(text)
    except (OSError, SyntaxError, ValueError):
        return None


def begin_set(folder: Path) -> None:
    """Mark the set as incomplete, until :func:`finish_set`."""
    remove(folder / _SET_FILE)


def finish_set(
    folder: Path,
    cameras: Sequence[Camera],
    views: Sequence[ViewRecord],
    *,
    digest: str,
    made_from: dict[str, Any],
) -> None:
    """Write the cameras, remove images beyond the last view, and mark the set as complete."""
    kept = {image_path(folder, index) for index in range(len(views))}
    for stale in set((folder / "images").glob("[0-9]*.png")) - kept:
        remove(stale)
    _write_cameras(folder / _CAMERAS_FILE, cameras)
    floors = [view.noise_floor_db for view in views if view.noise_floor_db is not None]
    record = SetRecord(
        digest=digest,
        made_from=made_from,
        seconds=math.fsum(view.seconds for view in views),
        noise_floor_mean_db=math.fsum(floors) / len(floors) if floors else None,
        views=list(views),
    )
    write_record(folder / _SET_FILE, record, schema=SCHEMA)


def read_set_record(folder: Path) -> SetRecord | None:
    """``views.json`` of the set in ``folder``; None when the set is not complete.

    Raises:
        InputError: it is damaged or of another schema.
    """
    remedy = "remove it and run `renderbench groundtruth` again"
    return read_record(SetRecord, folder / _SET_FILE, what="view set", schema=SCHEMA, remedy=remedy)


def _write_cameras(path: Path, cameras: Sequence[Camera]) -> None:
    first = cameras[0]
    write_json(
        path,
        {
            "camera_model": "OPENCV",
            "w": first.width,
            "h": first.height,
            "fl_x": first.fx_px,
            "fl_y": first.fy_px,
            "cx": first.cx_px,
            "cy": first.cy_px,
            "frames": [
                {
                    "file_path": f"images/{index:03d}.png",
                    "transform_matrix": camera.opengl_camera_to_world().tolist(),
                }
                for index, camera in enumerate(cameras)
            ],
        },
    )


def _read_cameras(path: Path, count: int, command: str) -> list[Camera]:
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
    except (KeyError, TypeError, ValueError, IndexError):
        cameras = []
    if len(cameras) != count:
        raise InputError(
            path,
            f"expected {count} cameras, found {len(cameras)} that can be read",
            f"remove it and its {_SET_FILE}, then run `{command}`",
        )
    return cameras


def _damaged(path: Path, found: str) -> InputError:
    return InputError(
        path,
        f"expected an image of the view set, found {found}",
        "remove it and run `renderbench groundtruth`",
    )
