"""Stage 4: run one method over a suite. One run a scan and block; a finished run is skipped."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import imageio.v3 as iio

from renderbench.artefacts import digest_of, digest_of_file, read_json, remove, staged, write_json
from renderbench.config import Block, Strict, Suite
from renderbench.errors import InputError, RenderbenchError
from renderbench.evaluation.anatomy import ANATOMY_FOLDER, prepare_anatomy
from renderbench.evaluation.contact_sheet import write_contact_sheet
from renderbench.evaluation.ledger import Ledger
from renderbench.evaluation.machine import hardware, versions
from renderbench.evaluation.memory import peak_memory
from renderbench.evaluation.protocol import judge
from renderbench.evaluation.record import (
    RECORD_FILE,
    RECORD_SCHEMA,
    GroundTruth,
    Record,
    scores_in_words,
)
from renderbench.groundtruth.stage import open_views
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from renderbench.methods import (
    CheckpointPlace,
    MethodSpec,
    ShownViews,
    Task,
    resolve_method,
    unknown_method,
)
from renderbench.scans.dataset import load_dataset
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore

_DIGEST_LETTERS = 12


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run to be: a method on a scan under a block's condition."""

    suite: Suite
    block: Block
    scan: str
    method: str

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.block.id}/{self.scan}/{self.method}"


@dataclass(kw_only=True)
class RunReport:
    """What :func:`run_suite` did; ``failed`` maps a job's label to its reason."""

    done: list[Record] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    sheets: list[Path] = field(default_factory=list)


def run_suite(
    root: Root, suite: Suite, method: str, *, announce: Callable[[str], None] = lambda line: None
) -> RunReport:
    """Run ``method`` on every scan of every block of ``suite`` that names it.

    Args:
        root: where scans and views lie and runs go.
        suite: the suite.
        method: as the suite names it.
        announce: called with one line as each run begins and ends.

    Raises:
        InputError: the method is unknown, no block names it, or an input of it is missing.
    """
    spec, settings = resolve_method(suite, method)
    jobs = list(jobs_of(root, suite, method))
    report = RunReport()
    for job in jobs:
        try:
            _run(root, job, spec, settings, report, announce)
        except InputError:
            raise
        except Exception as error:
            # One scan that fails must not cost a night of others; the reason stays beside the runs.
            reason = str(error) if isinstance(error, RenderbenchError) else f"{type(error).__name__}: {error}"
            write_json(_failure_file(root, job), {"reason": reason, "traceback": traceback.format_exc()})
            report.failed[job.label] = reason
            announce(f"{job.label}: failed, {reason}")
    # Drawn last and by digest: a kill between a run and its sheet is mended by the next call.
    for block, scan in {(job.block.id, job.scan): (job.block, job.scan) for job in jobs}.values():
        report.sheets.append(write_contact_sheet(root, suite, block, scan))
    return report


def jobs_of(root: Root, suite: Suite, method: str | None = None) -> Iterator[Job]:
    """The runs of a suite, of one method or of all.

    Raises:
        InputError: no block names the method, or a dataset is missing.
    """
    if method is not None and method not in suite.method_ids():
        raise unknown_method(method, suite.method_ids())
    for block in suite.blocks:
        for scan in load_dataset(root, block.dataset).scans(block.scans):
            for name in block.methods:
                if method in (None, name):
                    yield Job(suite=suite, block=block, scan=scan, method=name)


def failure_of(root: Root, job: Job) -> str | None:
    """Why a job's last attempt failed; None when it did not."""
    failure = read_json(_failure_file(root, job))
    return None if failure is None else str(failure["reason"])


def _run(
    root: Root,
    job: Job,
    spec: MethodSpec,
    settings: Strict,
    report: RunReport,
    announce: Callable[[str], None],
) -> None:
    scan = ScanStore.open(root.scan(job.block.dataset, job.scan))
    fit = _fitting_views(root, job)
    test = open_views(root, job.suite, job.block, job.scan, "test")
    folder = root.run(job.suite.name, job.block.id, job.scan, job.method)
    identity = _identity(root, job, spec, settings, scan, fit, test)
    digest = digest_of(identity)
    done = read_json(folder / RECORD_FILE)
    if isinstance(done, dict) and done.get("digest") == digest:
        report.skipped.append(job.label)
        announce(f"{job.label}: already done")
        return

    if not scan.seconds:
        raise InputError(
            scan.path,
            f"expected what the scan cost in {scan.path.stem}.seconds.json beside it, found none",
            "copy that file along, or run `renderbench dataset` again",
        )
    announce(f"{job.label}: preparing")
    started = _now()
    ledger = Ledger(dict(scan.seconds))
    method = spec.build(settings)
    if method.needs_views:
        ledger.add("views", sum(shown.views.seconds for shown in fit))
    task = Task(
        scan=scan,
        transfer_function=job.block.transfer_function,
        groups=select_groups(job.block.groups),
        medium=job.suite.medium,
        fit_views=fit,
        test_views=test if job.block.protocol == "paper" else None,
        protocol=job.block.protocol,
        seed=job.suite.seed,
        checkpoint=_checkpoint(root, job, digest, announce),
        siblings=[
            root.run(job.suite.name, block.id, job.scan, job.method)
            for block in job.suite.blocks
            if block.id != job.block.id and block.dataset == job.block.dataset
        ],
        announce=lambda line: announce(f"{job.label}: {line}"),
    )
    with peak_memory() as peak:
        scene = method.prepare(task, ledger)
    anatomy = prepare_anatomy(
        folder.parent / ANATOMY_FOLDER,
        scan,
        job.block.transfer_function,
        task.groups,
        job.suite.medium,
        test,
    )
    judgement = judge(scene, test, anatomy)
    with staged(folder) as staging:
        (staging / "renders").mkdir(parents=True)
        for index, render in enumerate(judgement.renders):
            iio.imwrite(staging / "renders" / f"{index:03d}.png", render)
        scene.save(staging / "scene.ply")
        record = Record(
            digest=digest,
            made_from=identity,
            suite=job.suite.name,
            block=job.block.id,
            block_title=job.block.title,
            dataset=job.block.dataset,
            scan=job.scan,
            transfer_function=job.block.transfer_function,
            groups=task.groups.name,
            protocol=job.block.protocol,
            method=job.method,
            method_title=job.suite.entry(job.method).title or spec.title,
            base_method=spec.id,
            settings=settings.model_dump(mode="json"),
            seed=job.suite.seed,
            resolution=test.cameras[0].width,
            fit_views=sum(len(shown.views.cameras) for shown in fit),
            test_views=len(test.cameras),
            ground_truth=_ground_truth(job.suite, test),
            metrics=judgement.metrics,
            absent=judgement.absent,
            points=scene.point_count,
            scene_bytes=(staging / "scene.ply").stat().st_size,
            peak_memory_bytes=peak.bytes,
            peak_gpu_memory_bytes=peak.gpu_bytes,
            fps=judgement.fps,
            device=judgement.device,
            seconds=ledger.as_dict(),
            seconds_without_views=ledger.without_views(),
            seconds_full=ledger.full(),
            noise_floor_db=test.noise_floor_mean_db,
            noise_floor_ssim=test.noise_floor_mean_ssim,
            views=judgement.views,
            renders={path.name: digest_of_file(path) for path in sorted((staging / "renders").iterdir())},
            notes=dict(scene.notes),
            inputs=identity["inputs"],
            hardware=hardware(),
            versions=versions(),
            started=started,
            finished=_now(),
        )
        record.write(staging)
    remove(_failure_file(root, job))
    for path in _checkpoints(root, job):
        remove(path)
    report.done.append(record)
    announce(f"{job.label}: {scores_in_words(record.metrics)}, {record.points:,} points")


def _fitting_views(root: Root, job: Job) -> list[ShownViews]:
    return [
        ShownViews(
            groups=select_groups(asked.groups),
            views=open_views(root, job.suite, job.block, job.scan, "fit", groups=asked.groups),
        )
        for asked in job.suite.fitting(job.block)
    ]


def _ground_truth(suite: Suite, views: ViewSet) -> GroundTruth:
    settings = suite.renderer
    made_by = views.record.made_from["renderer"]
    return GroundTruth(
        renderer=settings.name,
        version=made_by["version"],
        noise_floor=settings.noise_floor if settings.samples_per_pixel is None else None,
        samples_per_pixel_mean=views.samples_mean,
        # As the views have them: an environment map by what it holds.
        settings={key: value for key, value in made_by.items() if key not in ("name", "version")},
    )


def _identity(
    root: Root,
    job: Job,
    spec: MethodSpec,
    settings: Strict,
    scan: ScanStore,
    fit: Sequence[ShownViews],
    test: ViewSet,
) -> dict[str, Any]:
    """All that decides a run's result."""
    return {
        "schema": RECORD_SCHEMA,
        "method": spec.id,
        "version": spec.version,
        "settings": settings.model_dump(mode="json"),
        "block": job.block.model_dump(mode="json", exclude={"title", "methods", "scans"}),
        "medium": job.suite.medium.model_dump(mode="json"),
        "seed": job.suite.seed,
        "inputs": {
            "scan": scan.digest,
            **{f"fit_views.{shown.groups.name}": shown.views.digest for shown in fit},
            "test_views": test.digest,
            **spec.input_digests(settings, root),
        },
    }


def _checkpoint(root: Root, job: Job, digest: str, announce: Callable[[str], None]) -> CheckpointPlace:
    """Where this very run keeps its state; one line where only another run's is there.

    The name carries the digest: settings that are changed, and changed back, find their own again.
    """
    path = _checkpoint_file(root, job, digest[:_DIGEST_LETTERS])
    others = [other.name for other in _checkpoints(root, job) if other != path]
    if others and not path.exists():
        announce(f"{job.label}: starting anew; left aside, of other settings or inputs: {', '.join(others)}")
    return CheckpointPlace(path=path, digest=digest)


def _checkpoints(root: Root, job: Job) -> list[Path]:
    pattern = _checkpoint_file(root, job, "?" * _DIGEST_LETTERS)
    return sorted(pattern.parent.glob(pattern.name))


def _checkpoint_file(root: Root, job: Job, digest: str) -> Path:
    return root.block(job.suite.name, job.block.id, job.scan) / f"{job.method}.{digest}.checkpoint"


def _failure_file(root: Root, job: Job) -> Path:
    return root.block(job.suite.name, job.block.id, job.scan) / f"{job.method}.failed.json"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
