"""What a record claims, held against its images: recomputed where it can be, and named where it cannot."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from renderbench.artefacts import digest_of, digest_of_file
from renderbench.evaluation.ledger import ITEMS
from renderbench.evaluation.metrics.scoring import mean, score_views
from renderbench.evaluation.record import Record
from renderbench.groundtruth.viewset import ViewSet

SAME = 1e-6
"""How far a recomputed score may lie from the recorded one, relative to it: rounding, nothing else."""

SAME_LEARNED = 1e-3
"""The same for LPIPS: convolutions round differently on every device."""

_SAME_SECONDS = 1e-3


@dataclass(frozen=True, kw_only=True)
class Examination:
    """What was found.

    Args:
        refusals: one line each; empty for a run that holds.
        recomputed: the metrics that were, for every view.
        stated: metrics that the record states and the images cannot show, with the reason.
    """

    refusals: Sequence[str]
    recomputed: Sequence[str] = ()
    stated: dict[str, str]


def examine(run: Path, record: Record, truth: ViewSet) -> Examination:
    """Hold a run's record against its renders and the ground truth.

    Args:
        run: the folder with ``renders/``.
        record: its record.
        truth: the test views to judge it on.

    Raises:
        InputError: an image of the ground truth is damaged.
    """
    # In this order: what comes later takes for granted what came before.
    for check in (
        _configuration(record),
        _counts(record, truth),
        _ground_truth(record, truth),
        _images(run, record, truth),
    ):
        refusals = list(check)
        if refusals:
            return Examination(refusals=refusals, stated={})
    recomputed, stated, refusals = _scores(run, record, truth)
    refusals += [*_means(record), *_costs(record)]
    return Examination(refusals=refusals, recomputed=recomputed, stated=stated)


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
    floors = [(view.noise_floor_db, view.noise_floor_ssim) for view in record.views]
    if floors != list(zip(truth.noise_floor_db, truth.noise_floor_ssim, strict=True)):
        yield "noise floors: expected those of the ground truth, found others"
    means = (truth.noise_floor_mean_db, truth.noise_floor_mean_ssim)
    if (record.noise_floor_db, record.noise_floor_ssim) != means:
        yield "noise floor: expected the mean of the ground truth's, found another"


def _images(run: Path, record: Record, truth: ViewSet) -> Iterator[str]:
    for name, sha256 in sorted(record.renders.items()):
        path = run / "renders" / name
        if not path.is_file():
            yield f"renders/{name}: expected an image, found none"
        elif digest_of_file(path) != sha256:
            yield f"renders/{name}: expected the SHA-256 that the record has, found another: it was altered"
        else:
            yield from _unlike_a_view(path, record.resolution)
    for view in range(len(truth.cameras)):
        yield from _unlike_a_view(truth.image_path(view), record.resolution)


def _unlike_a_view(path: Path, resolution: int) -> Iterator[str]:
    try:
        # First the header alone: a picture that claims a billion pixels is never decoded.
        with Image.open(path, formats=["PNG"]) as picture:
            width, height = picture.size
            if (width, height, picture.mode) == (resolution, resolution, "RGB"):
                picture.load()
                return
            found = f"{width} × {height} in {picture.mode}"
        problem = f"expected {resolution} × {resolution} pixels in RGB, found {found}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        problem = f"expected a PNG image, found one that cannot be read ({error})"
    yield f"{path.parent.name}/{path.name}: {problem}"


def _scores(run: Path, record: Record, truth: ViewSet) -> tuple[list[str], dict[str, str], list[str]]:
    """The metrics recomputed, those taken as stated with the reason, and what does not agree."""
    found = score_views(list(truth.images()), [_render(run, view.view) for view in record.views])
    recomputed = [name for name in record.metrics if name in found.metrics]
    stated = {
        name: found.absent.get(name, "needs the scan's labels")
        for name in record.metrics
        if name not in found.metrics
    }
    refusals = [
        f"view {view.view}: {name}: expected {_said(scores[name])}, recomputed from its image, "
        f"found {_said(view.metrics.get(name))}"
        for view, scores in zip(record.views, found.views, strict=True)
        for name in recomputed
        if not _same(scores[name], view.metrics.get(name), _tolerance(name))
    ]
    refusals += [
        f"{name}: expected a score, since its images give one, found it stated as absent"
        for name in record.absent
        if name in found.metrics
    ]
    return recomputed, stated, refusals


def _tolerance(name: str) -> float:
    return SAME_LEARNED if name.startswith("lpips") else SAME


def _render(run: Path, view: int) -> NDArray[np.uint8]:
    with Image.open(run / "renders" / f"{view:03d}.png", formats=["PNG"]) as picture:
        return np.asarray(picture)


def _means(record: Record) -> Iterator[str]:
    for name, stated in record.metrics.items():
        expected = mean([view.metrics.get(name) for view in record.views])
        if not _same(expected, stated, SAME):
            yield f"{name}: expected {_said(expected)}, the mean over its views, found {_said(stated)}"


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


def _is_digest(digest: str, made_from: dict[str, Any]) -> bool:
    try:
        return digest_of(made_from) == digest
    except (ValueError, RecursionError):
        # NaN, which JSON's readers let through, or depth: nothing that was ever digested.
        return False


def _same(expected: float | None, stated: float | None, relative: float) -> bool:
    if expected is None or stated is None:
        return expected is stated
    return math.isclose(expected, stated, rel_tol=relative, abs_tol=relative)


def _said(score: float | None) -> str:
    return "none" if score is None else f"{score:.6g}"
