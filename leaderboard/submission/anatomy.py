"""What an anatomy claims, held against the views that it is of, as far as that takes no scan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from leaderboard.submission.form import ANATOMY_FILE
from leaderboard.submission.pictures import faults_of_picture
from renderbench.artefacts import digest_of_file
from renderbench.cameras import Camera
from renderbench.evaluation.anatomy import ANATOMY_FOLDER, Anatomy
from renderbench.scans.groups import GROUP_INDEX, GROUPS, select_groups

_FILE = f"{ANATOMY_FOLDER}/{ANATOMY_FILE}"
# Rounding, nothing else: relative, and in pixels or millimetres.
_SAME = 1e-6


def faults_of_anatomy(anatomy: Anatomy, groups: str, cameras: Sequence[Camera]) -> Iterator[str]:
    """One line for each claim that does not hold; the maps can be read where there is none.

    Which pixels show a group, where in the body a landmark lies and what hides it from a view, only the scan
    can tell. That a landmark appears where its position projects, the cameras do.

    Args:
        anatomy: anyone's.
        groups: the name of the selection that the views show.
        cameras: of the views.

    Raises:
        InputError: there is no such selection.
    """
    # In this order: what comes later takes for granted what came before.
    for check in (
        _outline(anatomy, groups, len(cameras)),
        _maps(anatomy, cameras),
        _places(anatomy, cameras),
    ):
        faults = list(check)
        yield from faults
        if faults:
            return


def _outline(anatomy: Anatomy, groups: str, count: int) -> Iterator[str]:
    record = anatomy.record
    shown = [GROUPS[index].id for index in select_groups(groups).indices]
    if record.groups != shown:
        yield f"{_FILE}: groups: expected those that are shown ({', '.join(shown)}), found others"
    for name, found in (("maps", len(record.maps)), ("views", len(record.views))):
        if found != count:
            yield f"{_FILE}: {name}: expected {count}, one for each view, found {found}"
    names = {f"{view:03d}.png" for view in range(count)}
    there = {path.name for path in anatomy.path.glob("*.png")}
    for name in sorted(names ^ there):
        expected, found_there = ("a map", "none") if name in names else ("none", "a map of no view")
        yield f"{ANATOMY_FOLDER}/{name}: expected {expected}, found {found_there}"
    for index, point in enumerate(record.landmarks):
        if not all(map(math.isfinite, point.position_mm)):
            yield f"{_FILE}: landmark {index}: expected a finite position, found {point.position_mm}"


def _maps(anatomy: Anatomy, cameras: Sequence[Camera]) -> Iterator[str]:
    allowed = [0, *(GROUP_INDEX[group] for group in anatomy.record.groups)]
    for view, (camera, sha256) in enumerate(zip(cameras, anatomy.record.maps, strict=True)):
        path = anatomy.path / f"{view:03d}.png"
        if digest_of_file(path) != sha256:
            yield (
                f"{ANATOMY_FOLDER}/{path.name}: expected the SHA-256 that {ANATOMY_FILE} has, found another: "
                "it was altered"
            )
            continue
        faults = list(faults_of_picture(path, (camera.width, camera.height), "L"))
        yield from faults
        if not faults:
            unknown = sorted(set(np.unique(anatomy.groups(view)).tolist()) - set(allowed))
            if unknown:
                yield (
                    f"{ANATOMY_FOLDER}/{path.name}: expected 0 and the indices of its groups "
                    f"({', '.join(map(str, allowed[1:]))}), found {', '.join(map(str, unknown))}"
                )


def _places(anatomy: Anatomy, cameras: Sequence[Camera]) -> Iterator[str]:
    positions_mm = np.array([point.position_mm for point in anatomy.record.landmarks]).reshape(-1, 3)
    for view, camera in enumerate(cameras):
        # A position may be anything, in the plane of the camera too: what comes of it is compared, not used.
        with np.errstate(all="ignore"):
            pixels, depths_mm = camera.project(positions_mm)
        before = -1
        for seen in anatomy.landmarks(view):
            where = f"{_FILE}: view {view}: landmark {seen.landmark}"
            if not before < seen.landmark < len(positions_mm):
                yield f"{where}: expected each landmark once at most, in order, found otherwise"
                break
            before = seen.landmark
            (column, row), depth_mm = pixels[before], depths_mm[before]
            if not (0 < depth_mm < math.inf and 0 <= column < camera.width and 0 <= row < camera.height):
                yield f"{where}: expected a landmark that projects into the image, found one that does not"
                continue
            for name, expected, found in (
                ("column_px", column, seen.column_px),
                ("row_px", row, seen.row_px),
                ("depth_mm", depth_mm, seen.depth_mm),
                ("mm_per_px", depth_mm / camera.fx_px, seen.mm_per_px),
            ):
                if not math.isclose(expected, found, rel_tol=_SAME, abs_tol=_SAME):
                    yield f"{where}: {name}: expected {expected:.6g}, where it projects, found {found:.6g}"
