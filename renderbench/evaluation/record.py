"""The record of one run: everything a table, a plot or a doubter needs. JSON, one per run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from renderbench.artefacts import is_staging
from renderbench.config import Strict
from renderbench.records import read_record, write_record

RECORD_SCHEMA = 3
RECORD_FILE = "record.json"


class Finite(Strict):
    """A model in which NaN and infinity are errors: neither can be averaged, ranked or written as JSON."""

    model_config = ConfigDict(allow_inf_nan=False)


class ViewScore(Finite):
    """The scores of one test view.

    ``metrics`` maps a metric's id (docs/metrics.md) to this view's score; None where the view has none: the
    PSNR of equal images, the score of a group that the view does not show. The noise floors are what a
    perfect method would score against this view of the ground truth; without any noise None and 1.
    """

    view: int
    metrics: dict[str, float | None]
    noise_floor_db: float | None
    noise_floor_ssim: float


class GroundTruth(Finite):
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


class Record(Finite):
    """One method on one scan under one condition.

    ``digest`` is of ``made_from``, all that decides the result. ``metrics`` are means over the test views
    that have a score, by metric id; ``absent`` says, in one line each, why a metric could not be computed at
    all: an id is in one of the two. ``seconds`` is the preparation ledger, itemised. ``peak_memory_bytes`` is
    the most memory that the process held at any time while the method prepared its scene, None where the
    system does not tell; ``peak_gpu_memory_bytes`` is what torch handed out of a GPU's, None where none was
    used; ``scene_bytes`` is the size of ``scene.ply``. ``fps`` is the mean over the test views after a
    warm-up, on ``device``: ``cpu``, or the name of the GPU. ``noise_floor_db`` and ``noise_floor_ssim`` are
    what a perfect method would score against this ground truth, in the mean. ``renders`` is the SHA-256 of
    every image below ``renders/``.
    """

    digest: str
    made_from: dict[str, Any]
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
    metrics: dict[str, float | None]
    absent: dict[str, str]
    points: int
    scene_bytes: int
    peak_memory_bytes: int | None
    peak_gpu_memory_bytes: int | None = None
    fps: float
    device: str
    seconds: dict[str, float]
    seconds_without_views: float
    seconds_full: float
    noise_floor_db: float | None
    noise_floor_ssim: float
    views: list[ViewScore]
    renders: dict[str, str]
    notes: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, str]
    hardware: dict[str, str | int | float]
    versions: dict[str, str]
    started: str
    finished: str

    @model_validator(mode="after")
    def _a_score_or_a_reason(self) -> Record:
        both = sorted(self.metrics.keys() & self.absent.keys())
        if both:
            raise ValueError(f"expected a score or a reason for its absence, found both of {', '.join(both)}")
        return self

    def write(self, folder: Path) -> None:
        """Write ``record.json`` into a run's folder."""
        write_record(folder / RECORD_FILE, self, schema=RECORD_SCHEMA)


def scores_in_words(metrics: Mapping[str, float | None]) -> str:
    """PSNR and SSIM in a few words, e.g. ``"24.31 dB, SSIM 0.871"``; ``n/a`` for one that is not there."""
    psnr, ssim = metrics.get("psnr"), metrics.get("ssim")
    decibels = "n/a" if psnr is None else f"{psnr:.2f} dB"
    return f"{decibels}, SSIM {'n/a' if ssim is None else f'{ssim:.3f}'}"


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
