"""A run as one file: what it takes to recompute its scores, in a zip of the same bytes every time."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from leaderboard.submission.examination import Examination, examine
from leaderboard.submission.form import (
    ANATOMY,
    ANATOMY_FILE,
    MANIFEST,
    RENDERS,
    SCHEMA,
    TRUTH,
    Manifest,
    listed,
)
from leaderboard.submission.own import own_anatomy, own_truth
from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.evaluation.anatomy import ANATOMY_FOLDER, Anatomy
from renderbench.evaluation.record import RECORD_FILE, Record, read_run_record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root

# The first that a zip can hold: what is packed is decided by the run, not by the clock.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = (stat.S_IFREG | 0o644) << 16


def pack_run(run: Path, folder: Path) -> tuple[Path, Examination]:
    """Examine a run and pack it as ``folder/<suite>.<block>.<scan>.<method>.zip``.

    Args:
        run: ``ROOT/runs/<suite>/<block>/<scan>/<method>``.
        folder: where the file goes; made if need be.

    Returns:
        The file, and what was examined; no file is written where that holds refusals.

    Raises:
        InputError: ``run`` is not a run, its ground truth or anatomy is not there or damaged, or ``folder``
            cannot be written to.
    """
    record = read_run_record(run)
    if record is None:
        problem = f"expected a run with a {RECORD_FILE}, found none"
        raise InputError(run, problem, "name a folder ROOT/runs/<suite>/<block>/<scan>/<method>")
    root = _root_of(run)
    truth = own_truth(root, record)
    target = folder / f"{record.suite}.{record.block}.{record.scan}.{record.method}.zip"
    with own_anatomy(root, record, truth) as anatomy:
        if anatomy is None:
            raise InputError(
                run.parent / ANATOMY_FOLDER,
                "expected the groups and landmarks of the test views, found neither them nor the scan",
                f"put {root.scan(record.dataset, record.scan)} back, from which they are made",
            )
        found = examine(run, record, truth, anatomy)
        if not found.refusals:
            _write(target, _files(run, record, truth, anatomy))
    return target, found


def _root_of(run: Path) -> Root:
    try:
        runs = run.resolve().parents[3]
    except IndexError:
        runs = run
    if runs.name != "runs":
        raise InputError(
            run,
            "expected a run inside its root, where its ground truth is, found one outside",
            "name a folder ROOT/runs/<suite>/<block>/<scan>/<method>",
        )
    return Root(runs.parent)


def _files(run: Path, record: Record, truth: ViewSet, anatomy: Anatomy) -> dict[str, Path]:
    names = [f"{view:03d}.png" for view in range(len(truth.cameras))]
    return {
        RECORD_FILE: run / RECORD_FILE,
        **{f"{RENDERS}/{name}": run / RENDERS / name for name in sorted(record.renders)},
        **{f"{TRUTH}/{name}": truth.path / name for name in ("views.json", "transforms.json")},
        **{f"{TRUTH}/images/{name}": truth.path / "images" / name for name in names},
        **{f"{ANATOMY}/{name}": anatomy.path / name for name in (ANATOMY_FILE, *names)},
    }


def _write(target: Path, files: Mapping[str, Path]) -> None:
    manifest = Manifest(renderbench=version("renderbench"), files=listed(files))
    text = json.dumps({"schema": SCHEMA, **manifest.model_dump()}, indent=2) + "\n"
    try:
        with staged(target) as staging, zipfile.ZipFile(staging, "w") as archive:
            archive.writestr(_entry(MANIFEST), text)
            for name, path in files.items():
                archive.writestr(_entry(name), path.read_bytes())
    except OSError as error:
        raise InputError(
            target,
            f"expected a path that can be written to, found that it cannot ({error.strerror})",
            "choose another --to",
        ) from None


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_NO_TIME)
    # PNG is packed already.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
    entry.external_attr = _PLAIN_FILE
    entry.create_system = 3
    return entry
