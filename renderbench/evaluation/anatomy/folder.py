"""The anatomy of a view set on disk: one map a view, and the landmarks that the views show.

::

    anatomy/000.png ...     8 bits: the index of the group that a pixel shows, 0 for none
    anatomy/anatomy.json    groups, landmarks, where each view shows them; written last
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renderbench.artefacts import digest_of, digest_of_file, staged
from renderbench.cameras import Camera
from renderbench.config import MediumSettings, Strict
from renderbench.errors import InputError
from renderbench.evaluation.anatomy.landmarks import landmarks_of, seen_landmarks
from renderbench.evaluation.anatomy.maps import seen_from, visible_of
from renderbench.groundtruth.medium import extinction
from renderbench.groundtruth.viewset import ViewSet
from renderbench.progress import progress
from renderbench.records import read_record, write_record
from renderbench.scans.groups import GROUP_INDEX, GROUPS, GroupSelection
from renderbench.scans.store import ScanStore
from renderbench.threads import thread_count

ANATOMY_FOLDER = "anatomy"
_FILE = "anatomy.json"
_SCHEMA = 1


class Seen(Strict):
    """A landmark in a view: its index, pixel position as cameras count, depth and millimetres a pixel."""

    landmark: int
    column_px: float
    row_px: float
    depth_mm: float
    mm_per_px: float


class Point(Strict):
    """See :class:`.landmarks.Landmark`."""

    label: str
    side: str
    position_mm: tuple[float, float, float]


class AnatomyRecord(Strict):
    """``anatomy.json``: the digest of all that made it, the ids of the groups that the views may show, the
    landmarks, the SHA-256 of each view's map, and where each view shows which landmarks.
    """

    digest: str
    groups: list[str]
    landmarks: list[Point]
    maps: list[str]
    views: list[list[Seen]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Anatomy:
    """The anatomy of a view set; maps are read when asked for.

    Args:
        path: its folder.
        record: ``anatomy.json``.
    """

    path: Path
    record: AnatomyRecord

    @classmethod
    def open(cls, path: Path) -> Anatomy | None:
        """The anatomy in ``path``; None where there is none.

        Raises:
            InputError: it is damaged or of another schema.
        """
        remedy = "remove the folder; it is made again where it is needed"
        record = read_record(AnatomyRecord, path / _FILE, what="anatomy", schema=_SCHEMA, remedy=remedy)
        return None if record is None else cls(path=path, record=record)

    def group_masks(self, view: int) -> dict[str, NDArray[np.bool_]]:
        """By group id, of every group that the views may show: (H, W) the pixels of a view that show it.

        Raises:
            InputError: the map is missing or damaged.
        """
        shown = self.groups(view)
        return {group: shown == GROUP_INDEX[group] for group in self.record.groups}

    def landmarks(self, view: int) -> list[Seen]:
        """The landmarks that a view shows."""
        return self.record.views[view]

    def groups(self, view: int) -> NDArray[np.uint8]:
        """(H, W) the index of the group that each pixel of a view shows, 0 for none.

        Raises:
            InputError: the map is missing or damaged.
        """
        path = _map_path(self.path, view)
        if not path.is_file() or digest_of_file(path) != self.record.maps[view]:
            raise InputError(
                path,
                "expected the map of groups as it was written, found another or none",
                "remove its folder; it is made again where it is needed",
            )
        with Image.open(path) as picture:
            return np.asarray(picture)


def prepare_anatomy(
    path: Path,
    scan: ScanStore,
    transfer_function: str,
    groups: GroupSelection,
    medium: MediumSettings,
    views: ViewSet,
) -> Anatomy:
    """Make the anatomy of a view set, or find it made.

    Args:
        path: the folder to write.
        scan: the scan.
        transfer_function: what the views show it under.
        groups: which groups they show.
        medium: how opacity becomes extinction.
        views: whose cameras.

    Raises:
        InputError: the scan, or an anatomy that is there, is damaged.
    """
    digest = digest_of(
        {
            "schema": _SCHEMA,
            "scan": scan.digest,
            "transfer_function": scan.transfer_functions[transfer_function],
            "groups": groups.name,
            "medium": medium.model_dump(mode="json"),
            "views": views.digest,
        }
    )
    there = Anatomy.open(path)
    if there is not None and there.record.digest == digest:
        return there
    alpha = scan.rgba(transfer_function)[3]
    of_voxels = scan.groups()
    density = extinction(alpha, medium) * groups.mask(of_voxels)
    points = landmarks_of(scan.labels(), density > 0, scan.grid)
    visible = visible_of(density, of_voxels, scan.grid)
    positions = np.array([point.position_mm for point in points]).reshape(-1, 3)
    spacing_mm = float(scan.grid.spacing_mm.max())

    def look(camera: Camera) -> tuple[NDArray[np.uint8], list[Seen]]:
        shown, depth_mm = seen_from(camera, visible)
        seen = seen_landmarks(camera, positions, depth_mm, spacing_mm)
        return shown, [_seen(camera, *each) for each in seen]

    with staged(path) as staging:
        staging.mkdir()
        seen, maps = _write_maps(staging, views.cameras, look)
        record = AnatomyRecord(
            digest=digest,
            groups=[GROUPS[index].id for index in groups.indices],
            landmarks=[Point(**asdict(point)) for point in points],
            maps=maps,
            views=seen,
        )
        write_record(staging / _FILE, record, schema=_SCHEMA)
    return Anatomy(path=path, record=record)


def _write_maps(
    folder: Path,
    cameras: Sequence[Camera],
    look: Callable[[Camera], tuple[NDArray[np.uint8], list[Seen]]],
) -> tuple[list[list[Seen]], list[str]]:
    """Write every view's map; returns where landmarks are seen, and the maps' SHA-256."""
    seen, digests = [], []
    with ThreadPoolExecutor(thread_count()) as pool, progress("anatomy", len(cameras), "views") as bar:
        for index, (shown, landmarks) in enumerate(pool.map(look, cameras)):
            Image.fromarray(shown).save(_map_path(folder, index), optimize=True)
            digests.append(digest_of_file(_map_path(folder, index)))
            seen.append(landmarks)
            bar.advance()
    return seen, digests


def _seen(camera: Camera, landmark: int, column: float, row: float, depth_mm: float) -> Seen:
    return Seen(
        landmark=landmark,
        column_px=column,
        row_px=row,
        depth_mm=depth_mm,
        mm_per_px=depth_mm / camera.fx_px,
    )


def _map_path(folder: Path, view: int) -> Path:
    return folder / f"{view:03d}.png"
