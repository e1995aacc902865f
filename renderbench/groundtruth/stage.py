"""Stage 2: path-trace the views of every scan that a suite asks for, one task a view."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

from renderbench.config import Block, Groups, Suite
from renderbench.errors import InputError, RenderbenchError
from renderbench.farm import ClusterSettings, parse_cluster, run_tasks
from renderbench.groundtruth import journal
from renderbench.groundtruth.conditions import Condition, Role, condition_of, conditions
from renderbench.groundtruth.lights import environment_map
from renderbench.groundtruth.sets import PendingSet, is_complete, join_sets
from renderbench.groundtruth.tasks import FinishedView, ViewTask, forget_scenes, render_task
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from renderbench.progress import Progress, progress

Show = Callable[[str, int, str], AbstractContextManager[Progress]]

# Peaks measured on a CT of 11 million voxels and a view of 1600², with a third to spare.
_BYTES_A_VOXEL = 56
_BYTES_A_PIXEL = 300
_BYTES_AT_LEAST = 512 * 2**20


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A view that could not be made, or a set that could not be finished: its name, and why."""

    name: str
    error: RenderbenchError


@dataclass(frozen=True, kw_only=True)
class GroundTruthReport:
    """What :func:`render_suite` did: how many views it rendered, how many held already, which failed."""

    rendered: int
    skipped: int
    failed: tuple[Failure, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Why views failed: a line for every reason, with the first view that it befell."""
        views: dict[str, list[str]] = {}
        for failure in self.failed:
            views.setdefault(str(failure.error), []).append(failure.name)
        return [
            reason if reason.startswith(names[0]) else f"{names[0]}{_and_others(names)}: {reason}"
            for reason, names in views.items()
        ]


def render_suite(
    root: Root,
    suite: Suite,
    *,
    threads: int | None = None,
    cluster: ClusterSettings | None = None,
    pbrt: Path | None = None,
    show: Show = progress,
) -> GroundTruthReport:
    """Render the views of every scan that ``suite`` asks for.

    A view is rendered when what it was made from has changed, and kept otherwise; a set that holds is
    recognised without loading the scan. Blocks under the same condition share their sets. A view that
    fails is in the report and in the set's journal, and the others are still rendered. Each worker holds
    one medium in memory at a time, and the images do not depend on how many workers or threads there are.

    Args:
        root: of the study; stage 1 has written the scans.
        suite: what to render.
        threads: for the renderer; by default a worker's share of the cores, RENDERBENCH_THREADS, or one
            per core.
        cluster: where the work is done. By default in this process: one renderer with every core is as
            fast as many workers on one machine, starts at once and loads each scan once.
        pbrt: the binary, where the suite's renderer is pbrt; see
            :func:`~renderbench.groundtruth.pbrt.find_pbrt`.
        show: how to show progress.

    Raises:
        InputError: a dataset, scan, transfer function or group that is not there, a renderer that is not
            installed, an environment map that is none, or a cluster that cannot do it; found before
            anything is rendered.
        JobError: the workers could not be started, or went away.
    """
    # Workers may run in other folders than we do.
    wanted = conditions(Root(root.path.absolute()), suite)
    sets = [PendingSet(condition=each, role=role) for each in wanted for role in each.counts]
    pending = [each for each in sets if not is_complete(each.condition, each.role)]
    for condition in wanted:
        # An interrupted call may have come to its last view and no further.
        join_sets(condition)
    skipped = sum(each.count for each in sets) - sum(each.count for each in pending)
    if not pending:
        return GroundTruthReport(rendered=0, skipped=skipped)
    binary = checked_renderer(suite, pbrt)
    return _render(pending, skipped, threads, cluster or parse_cluster("serial"), binary, show)


def checked_renderer(suite: Suite, pbrt: Path | None = None) -> Path | None:
    """The binary of a suite whose renderer is pbrt, found to be one; None for other renderers.

    Raises:
        InputError: there is no such pbrt, or the suite's environment map is none.
    """
    environment_map(suite.renderer)
    if suite.renderer.name != "pbrt":
        return None
    from renderbench.groundtruth.pbrt import find_pbrt

    return find_pbrt(pbrt).path


def open_views(
    root: Root, suite: Suite, block: Block, scan: str, role: Role, *, groups: Groups | None = None
) -> ViewSet:
    """One of a block's view sets.

    Args:
        root: of the study.
        suite: of the block.
        block: whose views.
        scan: one of the block's.
        role: what they are for.
        groups: what they show; by default what the block's test views show.

    Raises:
        InputError: it is missing, incomplete, or made from other settings than the suite has now.
    """
    command = f"renderbench groundtruth --root {root.path} --suite {suite.argument}"
    condition = condition_of(root, suite, block, scan, block.groups if groups is None else groups)
    views = ViewSet.open(condition.folder(role), command=command)
    if views.digest != condition.digest(role):
        raise InputError(
            views.path,
            "expected the views of this suite and scan as they stand, found views made from others",
            f"run `{command}`",
        )
    return views


def _render(
    pending: list[PendingSet],
    skipped: int,
    threads: int | None,
    cluster: ClusterSettings,
    pbrt: Path | None,
    show: Show,
) -> GroundTruthReport:
    job = uuid.uuid4().hex
    # Condition by condition, so that workers rarely change scenes.
    wanted = [(views, index) for views in pending for index in range(views.count)]
    tasks = [
        ViewTask(job=job, condition=views.condition, role=views.role, index=index, threads=threads, pbrt=pbrt)
        for views, index in wanted
    ]
    for views in pending:
        views.begin()
    rendered = 0
    failed: list[Failure] = []
    memory = max(_memory_bytes(views.condition) for views in pending)
    results = run_tasks(
        render_task, tasks, cluster=cluster, memory_bytes=memory, label=lambda task: task.label
    )
    try:
        with (
            show(f"path tracing {pending[0].condition.suite.name}", len(tasks), "views") as bar,
            closing(results),
        ):
            for number, result in results:
                views, index = wanted[number]
                error = _taken(views, index, result)
                if error is not None:
                    failed.append(Failure(name=tasks[number].label, error=error))
                if isinstance(result, FinishedView):
                    rendered += result.is_new
                    skipped += not result.is_new
                bar.advance(detail=_detail(views, result, len(failed)))
    finally:
        forget_scenes()
    return GroundTruthReport(rendered=rendered, skipped=skipped, failed=tuple(failed))


def _taken(views: PendingSet, index: int, result: FinishedView | RenderbenchError) -> RenderbenchError | None:
    """Take what came of a view, and keep its journal; what is wrong with the view or its set."""
    try:
        if isinstance(result, RenderbenchError):
            raise result
        journal.forget_failure(views.folder, index)
        views.add(index, result)
    except RenderbenchError as error:
        journal.record_failure(views.folder, index, error.for_record)
        return error
    return None


def _memory_bytes(condition: Condition) -> int:
    """What a worker needs for one view at its peak."""
    depth, height, width = condition.scan.grid.shape
    pixels = condition.suite.views.resolution**2
    return _BYTES_AT_LEAST + _BYTES_A_VOXEL * depth * height * width + _BYTES_A_PIXEL * pixels


def _detail(views: PendingSet, result: FinishedView | RenderbenchError, failed: int) -> str:
    parts = [views.condition.label]
    if isinstance(result, FinishedView) and result.record.noise_floor_db is not None:
        parts.append(f"noise floor {result.record.noise_floor_db:.1f} dB")
    if failed:
        parts.append(f"{failed} failed")
    return ", ".join(parts)


def _and_others(names: list[str]) -> str:
    others = len(names) - 1
    return f" and {others} other{'s' if others > 1 else ''}" if others else ""
