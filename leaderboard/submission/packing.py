"""A run as one file: what it takes to recompute its scores, in a zip of the same bytes every time."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from leaderboard.submission.examination import Examination, examine
from leaderboard.submission.form import MANIFEST, RENDERS, SCHEMA, TRUTH, Manifest, listed
from renderbench.artefacts import staged
from renderbench.errors import InputError
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
        InputError: ``run`` is not a run, its ground truth is not there, or ``folder`` cannot be written to.
    """
    record = read_run_record(run)
    if record is None:
        problem = f"expected a run with a {RECORD_FILE}, found none"
        raise InputError(run, problem, "name a folder ROOT/runs/<suite>/<block>/<scan>/<method>")
    truth = ViewSet.open(_truth_of(run, record))
    found = examine(run, record, truth)
    target = folder / f"{record.suite}.{record.block}.{record.scan}.{record.method}.zip"
    if not found.refusals:
        try:
            _write(target, _files(run, record, truth))
        except OSError as error:
            raise InputError(
                target,
                f"expected a path that can be written to, found that it cannot ({error.strerror})",
                "choose another --to",
            ) from None
    return target, found


def _truth_of(run: Path, record: Record) -> Path:
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
    return Root(runs.parent).views(
        record.dataset, record.scan, record.transfer_function, record.groups, f"{record.suite}-test"
    )


def _files(run: Path, record: Record, truth: ViewSet) -> dict[str, Path]:
    images = {f"{TRUTH}/images/{view:03d}.png": truth.image_path(view) for view in range(len(truth.cameras))}
    return {
        RECORD_FILE: run / RECORD_FILE,
        **{f"{RENDERS}/{name}": run / RENDERS / name for name in sorted(record.renders)},
        **{f"{TRUTH}/{name}": truth.path / name for name in ("views.json", "transforms.json")},
        **images,
    }


def _write(target: Path, files: Mapping[str, Path]) -> None:
    manifest = Manifest(renderbench=version("renderbench"), files=listed(files))
    text = json.dumps({"schema": SCHEMA, **manifest.model_dump()}, indent=2) + "\n"
    with staged(target) as staging, zipfile.ZipFile(staging, "w") as archive:
        archive.writestr(_entry(MANIFEST), text)
        for name, path in files.items():
            archive.writestr(_entry(name), path.read_bytes())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, date_time=_NO_TIME)
    # PNG is packed already.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".png") else zipfile.ZIP_DEFLATED
    entry.external_attr = _PLAIN_FILE
    entry.create_system = 3
    return entry
