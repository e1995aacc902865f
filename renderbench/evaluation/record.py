"""The record of one run: everything a table, a plot or a doubter needs. JSON, one per run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field

from renderbench.artefacts import is_staging
from renderbench.config import Strict
from renderbench.records import read_record, write_record

RECORD_SCHEMA = 2
RECORD_FILE = "record.json"


class ViewScore(Strict):
    """The scores of one test view; ``psnr_db`` is None where the images are equal.

    The noise floors are what a perfect method would score against this view of the ground truth; without
    any noise None and 1.
    """

    view: int
    psnr_db: float | None
    ssim: float
    noise_floor_db: float | None
    noise_floor_ssim: float


class GroundTruth(Strict):
    """What rendered the views that a run was judged on.

    ``settings`` are the suite's, ``noise_floor`` among them the preset or the dB that its views were
    sampled to, unless ``samples_per_pixel`` fixes their number. ``samples_per_pixel_mean`` is what was
    taken, over the test views.
    """

    renderer: str
    version: str
    noise_floor: str | float | None
    samples_per_pixel_mean: float
    settings: dict[str, Any]


class Record(Strict):
    """One method on one scan under one condition.

    ``seconds`` is the preparation ledger, itemised. ``psnr_db`` and ``ssim`` are means over the test
    views. ``fps`` is the mean over the test views after a warm-up. ``noise_floor_db`` and
    ``noise_floor_ssim`` are what a perfect method would score against this ground truth, in the mean.
    """

    digest: str
    suite: str
    block: str
    block_title: str
    dataset: str
    scan: str
    transfer_function: str
    groups: str
    protocol: str
    method: str
    method_title: str
    base_method: str
    settings: dict[str, Any]
    seed: int
    resolution: int
    fit_views: int
    test_views: int
    ground_truth: GroundTruth
    psnr_db: float | None
    ssim: float
    points: int
    fps: float
    seconds: dict[str, float]
    seconds_without_views: float
    seconds_full: float
    noise_floor_db: float | None
    noise_floor_ssim: float
    views: list[ViewScore]
    notes: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, str]
    hardware: dict[str, str | int | float]
    versions: dict[str, str]
    started: str
    finished: str

    def write(self, folder: Path) -> None:
        """Write ``record.json`` into a run's folder."""
        write_record(folder / RECORD_FILE, self, schema=RECORD_SCHEMA)


def read_run_record(folder: Path) -> Record | None:
    """The record of a run's folder; None when there is none.

    Raises:
        InputError: it is not a record, or of another schema.
    """
    remedy = "delete the run and run it again"
    return read_record(Record, folder / RECORD_FILE, what="run", schema=RECORD_SCHEMA, remedy=remedy)


def run_folders(runs: Path, suite: str | None = None) -> list[Path]:
    """Every finished run's folder below a root's ``runs``, of one suite or of all, in path order."""
    folders = [path.parent for path in sorted(runs.glob(f"{suite or '*'}/*/*/*/{RECORD_FILE}"))]
    return [folder for folder in folders if not is_staging(folder)]


def find_records(runs: Path, suite: str | None = None) -> list[Record]:
    """The records of :func:`run_folders`.

    Raises:
        InputError: one of them is damaged.
    """
    records = [read_run_record(folder) for folder in run_folders(runs, suite)]
    return [record for record in records if record is not None]
