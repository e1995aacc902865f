"""View sets: images of one scan under one condition, their cameras and how noisy they are.

A set is a folder (docs/architecture.md, "The root folder")::

    images/000.png ...   8-bit sRGB over black; each carries its own record in a text chunk
    images/000.exr ...   on request: linear light, alpha and depth; each carries its view's digest
    transforms.json      cameras as nerfstudio and NerfBaselines read them (OpenGL camera-to-world, mm)
    views.json           what made the set; written last, so that a set with it is complete
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import remove
from renderbench.cameras import Camera
from renderbench.config import Strict
from renderbench.errors import InputError
from renderbench.groundtruth.images import (
    LinearImage,
    exr_digest,
    png_text,
    read_exr,
    read_png,
    write_exr,
    write_png,
)
from renderbench.groundtruth.noise import noise_floor, noise_floor_ssim
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.transforms import read_transforms, write_split_transforms, write_transforms
from renderbench.records import read_record, write_record

SCHEMA = 3
_SET_FILE = "views.json"
_CAMERAS_FILE = "transforms.json"


class ViewRecord(Strict):
    """One view: the digest of all that made it, its random seed, samples a pixel, seconds, device, floors.

    ``noise_floor_db`` and ``noise_floor_ssim`` are what the exact image would score against it; without
    any noise None and 1. ``exr_sha256`` is of its EXR; None where none was written.
    """

    digest: str
    seed: int
    samples: int
    seconds: float
    device: str
    noise_floor_db: float | None
    noise_floor_ssim: float
    exr_sha256: str | None


class SetRecord(Strict):
    """``views.json``: the digest of all that made the set, that in plain words, and its views."""

    digest: str
    made_from: dict[str, Any]
    seconds: float
    noise_floor_mean_db: float | None
    noise_floor_mean_ssim: float
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
        remedy = f"remove it and its {_SET_FILE}, then run `{command}`"
        cameras = read_transforms(path / _CAMERAS_FILE, len(record.views), remedy=remedy)
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
        """Per view, see :func:`~renderbench.groundtruth.noise.noise_floor`."""
        return [view.noise_floor_db for view in self.record.views]

    @property
    def noise_floor_ssim(self) -> list[float]:
        """Per view, see :func:`~renderbench.groundtruth.noise.noise_floor_ssim`."""
        return [view.noise_floor_ssim for view in self.record.views]

    @property
    def noise_floor_mean_db(self) -> float | None:
        """The mean over the views that have noise; None when none has."""
        return self.record.noise_floor_mean_db

    @property
    def noise_floor_mean_ssim(self) -> float:
        """The mean over the views."""
        return self.record.noise_floor_mean_ssim

    def image_path(self, index: int) -> Path:
        """The PNG of a view."""
        return image_path(self.path, index)

    def images(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) 8-bit sRGB over black.

        Raises:
            InputError: a file is damaged or not of the camera's size.
        """
        return np.stack([read_png(self.image_path(index), each) for index, each in enumerate(self.cameras)])

    def linear(self, index: int) -> LinearImage:
        """Linear light, alpha and depth of one view, from its EXR.

        Raises:
            InputError: there is none, since the suite did not ask for it (``exr`` under ``[views]``), or
                it is damaged, not of the camera's size, or of another view.
        """
        sha256 = self.record.views[index].exr_sha256
        return read_exr(exr_path(self.path, index), self.cameras[index], sha256=sha256)


def image_path(folder: Path, index: int) -> Path:
    """The PNG of view ``index`` of the set in ``folder``."""
    return folder / "images" / f"{index:03d}.png"


def exr_path(folder: Path, index: int) -> Path:
    """The EXR of view ``index`` of the set in ``folder``, where one was asked for."""
    return image_path(folder, index).with_suffix(".exr")


def write_view(
    folder: Path, index: int, view: RenderPass, *, digest: str, seed: int, exr: bool = False
) -> ViewRecord:
    """Write one view: image and record as one file, and so atomically; with ``exr``, an EXR before it."""
    record = ViewRecord(
        digest=digest,
        seed=seed,
        samples=view.samples,
        seconds=view.seconds,
        device=view.device,
        noise_floor_db=noise_floor(view.halves),
        noise_floor_ssim=noise_floor_ssim(view.halves),
        exr_sha256=write_exr(exr_path(folder, index), view, digest=digest) if exr else None,
    )
    write_png(image_path(folder, index), view, text=json.dumps(record.model_dump(), allow_nan=False))
    return record


def read_view_record(folder: Path, index: int, *, exr: bool = False) -> ViewRecord | None:
    """The record of a view that was written; None when there is none that can be read.

    Args:
        folder: of the set.
        index: of the view.
        exr: whether its EXR must be there too, by its header's digest; else None.
    """
    text = png_text(image_path(folder, index))
    try:
        record = ViewRecord.model_validate_json(text or "")
    except ValueError:
        return None
    return record if _exr_holds(folder, index, record) or not exr else None


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
    """Write the cameras, remove images that no view has, and mark the set as complete."""
    kept = {image_path(folder, index) for index in range(len(views))}
    kept |= {exr_path(folder, index) for index, view in enumerate(views) if view.exr_sha256 is not None}
    for ending in ("png", "exr"):
        for stale in set((folder / "images").glob(f"[0-9]*.{ending}")) - kept:
            remove(stale)
    write_transforms(
        folder / _CAMERAS_FILE, cameras, [_relative(folder, image_path(folder, i)) for i in range(len(views))]
    )
    floors = [view.noise_floor_db for view in views if view.noise_floor_db is not None]
    record = SetRecord(
        digest=digest,
        made_from=made_from,
        seconds=math.fsum(view.seconds for view in views),
        noise_floor_mean_db=math.fsum(floors) / len(floors) if floors else None,
        noise_floor_mean_ssim=math.fsum(view.noise_floor_ssim for view in views) / len(views),
        views=list(views),
    )
    write_record(folder / _SET_FILE, record, schema=SCHEMA)


def set_holds(folder: Path, digest: str, *, exr: bool = False) -> bool:
    """Whether the set in ``folder`` is complete and as ``digest`` says; reads no pixels.

    Args:
        folder: of the set.
        digest: of all that makes the set.
        exr: whether every view must have its EXR too.

    Raises:
        InputError: ``views.json`` is damaged or of another schema.
    """
    record = read_set_record(folder)
    return (
        record is not None
        and record.digest == digest
        and all(image_path(folder, index).is_file() for index in range(len(record.views)))
        and (not exr or all(_exr_holds(folder, index, view) for index, view in enumerate(record.views)))
    )


def read_set_record(folder: Path) -> SetRecord | None:
    """``views.json`` of the set in ``folder``; None when the set is not complete.

    Raises:
        InputError: it is damaged or of another schema.
    """
    remedy = "remove it and run `renderbench groundtruth` again"
    return read_record(SetRecord, folder / _SET_FILE, what="view set", schema=SCHEMA, remedy=remedy)


def write_split(path: Path, *, fit: ViewSet, test: ViewSet) -> None:
    """Write the cameras of two sets as one data set for nerfstudio and NerfBaselines, with their split.

    Args:
        path: of the file, ending in .json; it refers to the sets' images by relative paths.
        fit: to train on.
        test: to evaluate on.
    """
    both = [
        (views.cameras, [_relative(path.parent, views.image_path(i)) for i in range(len(views.cameras))])
        for views in (fit, test)
    ]
    write_split_transforms(path, fit=both[0], test=both[1])


def _exr_holds(folder: Path, index: int, record: ViewRecord) -> bool:
    return record.exr_sha256 is not None and exr_digest(exr_path(folder, index)) == record.digest


def _relative(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()
