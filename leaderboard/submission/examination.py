"""What a record claims, held against its images: recomputed where it can be, and named where it cannot."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from leaderboard.submission.anatomy import faults_of_anatomy
from leaderboard.submission.pictures import faults_of_picture
from leaderboard.submission.scores import compare_scores
from renderbench.artefacts import digest_of, digest_of_file
from renderbench.cameras import Camera
from renderbench.evaluation.anatomy import Anatomy
from renderbench.evaluation.ledger import ITEMS
from renderbench.evaluation.record import Record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.scans.groups import select_groups

_SAME_SECONDS = 1e-3


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found.

    Args:
        refusals: one line each; empty for a run that holds.
        recomputed: the metrics that were, for every view.
        stated: metrics that the record states and this machine cannot compute, with the reason.
    """

    refusals: Sequence[str]
    recomputed: Sequence[str] = ()
    stated: dict[str, str]


def examine(run: Path, record: Record, truth: ViewSet, anatomy: Anatomy) -> Examination:
    """Hold a run's record against its renders, the ground truth and what the scan's labels say of it.

    Args:
        run: the folder with ``renders/``.
        record: its record.
        truth: the test views to judge it on.
        anatomy: their groups and landmarks.

    Raises:
        InputError: an image of the ground truth is damaged, or its groups are none that there are.
    """
    # In this order: what comes later takes for granted what came before.
    for check in (
        _configuration(record),
        _counts(record, truth),
        _ground_truth(record, truth),
        _images(run, record, truth),
        faults_of_anatomy(anatomy, record.groups, truth.cameras),
    ):
        refusals = list(check)
        if refusals:
            return Examination(refusals=refusals, stated={})
    scores = compare_scores(run, record, truth, anatomy)
    return Examination(
        refusals=[*scores.refusals, *_costs(record)], recomputed=scores.recomputed, stated=scores.stated
    )


def _configuration(record: Record) -> Iterator[str]:
    made_from = record.made_from
    if not _is_digest(record.digest, made_from):
        yield "digest: expected that of what made the run, found another: altered"
    block = _part(made_from, "block")
    for name, stated, known in (
        ("settings", record.settings, made_from.get("settings")),
        ("seed", record.seed, made_from.get("seed")),
        ("inputs", record.inputs, made_from.get("inputs")),
        ("base_method", record.base_method, made_from.get("method")),
        ("block", record.block, block.get("id")),
        ("dataset", record.dataset, block.get("dataset")),
        ("transfer_function", record.transfer_function, block.get("transfer_function")),
        ("protocol", record.protocol, block.get("protocol")),
    ):
        if stated != known:
            yield f"{name}: expected {known!r}, as the run was made, found {stated!r}"


def _counts(record: Record, truth: ViewSet) -> Iterator[str]:
    count = len(truth.cameras)
    if record.test_views != count:
        yield f"test_views: expected {count}, as many as the ground truth has, found {record.test_views}"
    if [view.view for view in record.views] != list(range(count)):
        yield f"views: expected a score for each of {count} views in order, found others"
    if sorted(record.renders) != [f"{view:03d}.png" for view in range(count)]:
        yield f"renders: expected one image for each of {count} views, found {len(record.renders)} names"


def _ground_truth(record: Record, truth: ViewSet) -> Iterator[str]:
    made_from = truth.record.made_from
    if not _is_digest(truth.digest, made_from):
        yield "ground truth: expected the digest of what made it in views.json, found another: altered"
    if record.inputs.get("test_views") != truth.digest:
        yield "inputs.test_views: expected the digest of the ground truth, found another: other views"
    scan, renderer = _part(made_from, "scan"), _part(made_from, "renderer")
    settings = {key: value for key, value in renderer.items() if key not in ("name", "version")}
    for name, stated, known in (
        ("dataset", record.dataset, scan.get("dataset")),
        ("scan", record.scan, scan.get("name")),
        ("transfer_function", record.transfer_function, made_from.get("transfer_function")),
        ("groups", list(select_groups(record.groups).indices), made_from.get("selection")),
        ("seed", record.seed, made_from.get("seed")),
        ("ground_truth.renderer", record.ground_truth.renderer, renderer.get("name")),
        ("ground_truth.version", record.ground_truth.version, renderer.get("version")),
        ("ground_truth.settings", record.ground_truth.settings, settings),
    ):
        if stated != known:
            yield f"{name}: expected {known!r}, as the ground truth was made, found {stated!r}"
    sizes = {(camera.width, camera.height) for camera in truth.cameras}
    if sizes != {(record.resolution, record.resolution)}:
        yield f"resolution: expected that of the ground truth, found {record.resolution}"
    if not all(map(_is_pinhole, truth.cameras)):
        yield "cameras: expected finite numbers, focal lengths above 0, found others"
    floors = [(view.noise_floor_db, view.noise_floor_ssim) for view in record.views]
    if floors != list(zip(truth.noise_floor_db, truth.noise_floor_ssim, strict=True)):
        yield "noise floors: expected those of the ground truth, found others"
    means = (truth.noise_floor_mean_db, truth.noise_floor_mean_ssim)
    if (record.noise_floor_db, record.noise_floor_ssim) != means:
        yield "noise floor: expected the mean of the ground truth's, found another"


def _images(run: Path, record: Record, truth: ViewSet) -> Iterator[str]:
    size = (record.resolution, record.resolution)
    for name, sha256 in sorted(record.renders.items()):
        path = run / "renders" / name
        if not path.is_file():
            yield f"renders/{name}: expected an image, found none"
        elif digest_of_file(path) != sha256:
            yield f"renders/{name}: expected the SHA-256 that the record has, found another: it was altered"
        else:
            yield from faults_of_picture(path, size, "RGB")
    for view in range(len(truth.cameras)):
        yield from faults_of_picture(truth.image_path(view), size, "RGB")


def _costs(record: Record) -> Iterator[str]:
    unknown = sorted(record.seconds.keys() - set(ITEMS))
    if unknown or any(value < 0 for value in record.seconds.values()):
        yield f"seconds: expected times of {', '.join(ITEMS)}, none below 0, found others"
    full = math.fsum(record.seconds.values())
    for name, expected, stated in (
        ("seconds_full", full, record.seconds_full),
        ("seconds_without_views", full - record.seconds.get("views", 0.0), record.seconds_without_views),
    ):
        if abs(expected - stated) > _SAME_SECONDS:
            yield f"{name}: expected {expected:.4f}, the sum of its items, found {stated:.4f}"
    for name, value in (("fps", record.fps), ("points", record.points), ("scene_bytes", record.scene_bytes)):
        if value < 0 or (name == "fps" and value == 0):
            yield f"{name}: expected a positive number, found {value}"

    missing = [name for name in ("cpu", "cores", "gpu") if name not in record.hardware]
    if missing or "renderbench" not in record.versions:
        yield "hardware, versions: expected cpu, cores, gpu and renderbench, found one missing"


def _part(made_from: dict[str, Any], name: str) -> dict[str, Any]:
    part = made_from.get(name)
    return part if isinstance(part, dict) else {}


def _is_pinhole(camera: Camera) -> bool:
    """Whether a camera that anyone may have written is one, and not text or NaN."""
    numbers = (camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px)
    return (
        all(isinstance(each, int | float) and abs(each) <= sys.float_info.max for each in numbers)
        and min(camera.fx_px, camera.fy_px) > 0
        and bool(np.isfinite(camera.camera_from_world).all())
    )


def _is_digest(digest: str, made_from: dict[str, Any]) -> bool:
    try:
        return digest_of(made_from) == digest
    except (ValueError, RecursionError):
        # NaN, which JSON's readers let through, or depth: nothing that was ever digested.
        return False
