"""What a forger does to a submission, and what comes of it."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as iio

from leaderboard.submission.acceptance import judge_submission
from leaderboard.submission.examination import Examination
from leaderboard.submission.form import MANIFEST, listed
from leaderboard.submission.opening import opened
from renderbench.artefacts import digest_of_file
from renderbench.evaluation.anatomy import Anatomy
from renderbench.evaluation.metrics.scoring import score_views
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root

Change = Callable[[Path], object]


def judged(file: Path, root: Root | None = None) -> Examination:
    """What `verify` finds."""
    with opened(file) as submission:
        return judge_submission(submission, root).found


def repacked(file: Path, target: Path, change: Change, *, relist: bool = False) -> Path:
    """``file`` changed by ``change(folder)``; with ``relist`` by someone who also rewrites its list."""
    folder = target.with_suffix("")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    change(folder)
    there = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != MANIFEST
    }
    if relist:
        manifest = json.loads((folder / MANIFEST).read_text())
        manifest["files"] = {name: each.model_dump() for name, each in listed(there).items()}
        (folder / MANIFEST).write_text(json.dumps(manifest))
    with zipfile.ZipFile(target, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
    shutil.rmtree(folder)
    return target


def edit_json(path: Path, change: Callable[[Any], object]) -> None:
    """Rewrite a JSON file; what Python calls NaN and Infinity included."""
    payload = json.loads(path.read_text())
    change(payload)
    path.write_text(json.dumps(payload))


def edit(**fields: Any) -> Change:
    """A change of a record's fields."""

    def change(record: dict[str, Any]) -> None:
        for name, value in fields.items():
            record[name] = value(record[name]) if callable(value) else value

    return lambda folder: edit_json(folder / "record.json", change)


def rescore(folder: Path) -> None:
    """Give a submission the very scores that follow from what lies in it."""
    truth, anatomy = ViewSet.open(folder / "truth"), Anatomy.open(folder / "truth" / "anatomy")
    renders = [iio.imread(path) for path in sorted((folder / "renders").iterdir())]
    scores = score_views(list(truth.images()), renders, anatomy)

    def change(record: dict[str, Any]) -> None:
        record["metrics"], record["absent"] = scores.metrics, scores.absent
        for view, metrics in zip(record["views"], scores.views, strict=True):
            view["metrics"] = metrics

    edit_json(folder / "record.json", change)


def resign_maps(folder: Path) -> None:
    """List the maps of an anatomy with the SHA-256 that they have now."""
    anatomy = folder / "truth" / "anatomy"
    maps = [digest_of_file(path) for path in sorted(anatomy.glob("*.png"))]
    edit_json(anatomy / "anatomy.json", lambda record: record.update(maps=maps))
