"""What of a study is done, running, missing or failed: read from its folder, nothing is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from renderbench.artefacts import is_staging, read_json
from renderbench.config import Suite
from renderbench.errors import InputError
from renderbench.evaluation.record import read_run_record, run_folders, scores_in_words
from renderbench.evaluation.stage import Job, failure_of, jobs_of
from renderbench.groundtruth.conditions import conditions
from renderbench.groundtruth.journal import Running, read_journal
from renderbench.groundtruth.viewset import read_set_record
from renderbench.layout import Root

State = Literal["done", "running", "incomplete", "missing", "failed", "rejected"]
_COLOURS: dict[State, str] = {
    "done": "green",
    "running": "cyan",
    "incomplete": "yellow",
    "missing": "yellow",
    "failed": "red",
    "rejected": "red",
}


@dataclass(frozen=True, kw_only=True)
class Item:
    """One artefact of a study: what it is, where, in which state, and a word on it."""

    kind: Literal["scan", "views", "run"]
    name: str
    state: State
    detail: str

    @property
    def colour(self) -> str:
        """The colour of its state on a terminal."""
        return _COLOURS[self.state]

    def as_dict(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


def study_status(root: Root, suite: Suite | None = None) -> list[Item]:
    """Every scan, view set and run of a root, in the order of the road; with a suite, what it lacks too."""
    items = [*_scans(root), *_views(root), *_runs(root)]
    if suite is not None:
        known = {(item.kind, item.name) for item in items}
        items += [item for item in _lacking(root, suite) if (item.kind, item.name) not in known]
    return items


def _scans(root: Root) -> Iterator[Item]:
    for listing in sorted((root.path / "scans").glob("*/dataset.json")):
        dataset = read_json(listing)
        for scan in dataset["scans"]:
            there = root.scan(dataset["dataset"], scan["name"]).is_dir()
            shape = " × ".join(str(size) for size in scan["shape"])
            yield Item(
                kind="scan",
                name=f"{dataset['dataset']}/{scan['name']}",
                state="done" if there else "missing",
                detail=f"{shape} voxels, {scan['split']}",
            )
        for rejected in dataset["rejected"]:
            yield Item(
                kind="scan",
                name=f"{dataset['dataset']}/{rejected['name']}",
                state="rejected",
                detail=rejected["reason"],
            )


def _views(root: Root) -> Iterator[Item]:
    for folder in sorted((root.path / "views").glob("*/*/*")):
        if not folder.is_dir() or is_staging(folder):
            continue
        name = str(folder.relative_to(root.path / "views"))
        try:
            state, detail = _state_of_set(folder)
        except InputError as error:
            state, detail = "failed", f"{error.problem}; {error.remedy}"
        yield Item(kind="views", name=name, state=state, detail=detail)


def _state_of_set(folder: Path) -> tuple[State, str]:
    record = read_set_record(folder)
    if record is not None:
        floor = record.noise_floor_mean_db
        at = f", noise floor {floor:.1f} dB" if floor is not None else ""
        return "done", f"{len(record.views)} views{at}"
    journal = read_journal(folder)
    parts = [f"{journal.done} of {journal.views} views" if journal.views else f"{journal.done} views"]
    parts += [f"{index:03d} running {_by_whom(by)}" for index, by in sorted(journal.running.items())]
    reasons: dict[str, list[str]] = {}
    for index, reason in sorted(journal.failed.items()):
        reasons.setdefault(reason, []).append(f"{index:03d}")
    parts += [f"{', '.join(views)} failed: {reason}" for reason, views in reasons.items()]
    state: State = "running" if journal.running else "failed" if journal.failed else "incomplete"
    return state, "; ".join(parts)


def _by_whom(by: Running) -> str:
    since = datetime.fromtimestamp(by.since, UTC).astimezone()
    minutes = max(0.0, (datetime.now(UTC) - since).total_seconds() / 60)
    return f"on {by.host} (process {by.pid}) since {since:%Y-%m-%d %H:%M}, {minutes:.0f} min"


def _runs(root: Root) -> Iterator[Item]:
    for folder in run_folders(root.path / "runs"):
        name = str(folder.relative_to(root.path / "runs"))
        try:
            record = read_run_record(folder)
        except InputError as error:
            # A damaged record is something to say, not a reason to say nothing else.
            yield Item(kind="run", name=name, state="failed", detail=f"{error.problem}; {error.remedy}")
            continue
        if record is not None:
            yield Item(kind="run", name=name, state="done", detail=scores_in_words(record.metrics))
    for failure in sorted((root.path / "runs").glob("*/*/*/*.failed.json")):
        yield Item(
            kind="run",
            name=str(failure.relative_to(root.path / "runs")).removesuffix(".failed.json"),
            state="failed",
            detail=str(read_json(failure)["reason"]),
        )


def _lacking(root: Root, suite: Suite) -> Iterator[Item]:
    try:
        wanted = conditions(root, suite)
        jobs = list(jobs_of(root, suite))
    except InputError as error:
        yield Item(kind="scan", name=str(error.subject), state="missing", detail=error.remedy)
        return
    for condition in wanted:
        for role in condition.counts:
            yield Item(
                kind="views",
                name=str(condition.folder(role).relative_to(root.path / "views")),
                state="missing",
                detail=f"renderbench groundtruth --root {root.path} --suite {suite.argument}",
            )
    yield from (_missing_run(root, job) for job in jobs if failure_of(root, job) is None)


def _missing_run(root: Root, job: Job) -> Item:
    return Item(
        kind="run",
        name=f"{job.suite.name}/{job.block.id}/{job.scan}/{job.method}",
        state="missing",
        detail=f"renderbench run --root {root.path} --suite {job.suite.argument} --method {job.method}",
    )
