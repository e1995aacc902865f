"""Stage 2: path-trace the fitting and test views of every scan that a suite asks for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from renderbench.cameras import Camera
from renderbench.config import Block, Groups, Suite
from renderbench.errors import InputError, JobError
from renderbench.groundtruth.backends import make_renderer
from renderbench.groundtruth.conditions import Condition, Role, condition_of, conditions
from renderbench.groundtruth.renderer import Renderer
from renderbench.groundtruth.sampling import render_view
from renderbench.groundtruth.viewset import (
    ViewRecord,
    ViewSet,
    begin_set,
    finish_set,
    image_path,
    read_set_record,
    read_view_record,
    write_view,
)
from renderbench.layout import Root
from renderbench.progress import Progress, progress

Show = Callable[[str, int, str], AbstractContextManager[Progress]]


@dataclass(frozen=True, kw_only=True)
class GroundTruthReport:
    """What :func:`render_suite` did: how many views it rendered, and how many held already."""

    rendered: int
    skipped: int


def render_suite(
    root: Root, suite: Suite, *, threads: int | None = None, show: Show = progress
) -> GroundTruthReport:
    """Render the fitting and test views of every scan of every block of ``suite``.

    A view is rendered when what it was made from has changed, and kept otherwise; a set that holds is
    recognised without loading the scan. Blocks under the same condition share their sets. Holds one
    medium in memory at a time.

    Args:
        root: of the study; stage 1 has written the scans.
        suite: what to render.
        threads: for the renderer; by default RENDERBENCH_THREADS, else one per core.
        show: how to show progress.

    Raises:
        InputError: a dataset, scan, transfer function or group that is not there, found before anything
            is rendered; or a scan in which the chosen groups show nothing.
        JobError: an image cannot be written.
    """
    rendered = total = 0
    for condition in conditions(root, suite):
        total += sum(condition.counts.values())
        pending = [role for role in condition.counts if not _holds(condition, role)]
        if pending:
            try:
                rendered += _render(condition, pending, threads, show)
            except OSError as error:
                raise JobError(
                    condition.folder(pending[0]).parent,
                    f"views cannot be written ({error.strerror})",
                    "free or repair the disk and run it again",
                ) from None
    return GroundTruthReport(rendered=rendered, skipped=total - rendered)


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
    command = f"renderbench groundtruth --root {root.path} --suite {suite.name}"
    condition = condition_of(root, suite, block, scan, block.groups if groups is None else groups)
    views = ViewSet.open(condition.folder(role), command=command)
    if views.digest != condition.digest(role):
        raise InputError(
            views.path,
            "expected the views of this suite and scan as they stand, found views made from others",
            f"run `{command}`",
        )
    return views


def _holds(condition: Condition, role: Role) -> bool:
    folder = condition.folder(role)
    record = read_set_record(folder)
    return (
        record is not None
        and record.digest == condition.digest(role)
        and all(image_path(folder, index).is_file() for index in range(len(record.views)))
    )


def _render(condition: Condition, roles: list[Role], threads: int | None, show: Show) -> int:
    """Render the sets of one condition; returns how many views that took."""
    medium = condition.medium()
    cameras = condition.cameras(medium)
    renderer = make_renderer(condition.suite.renderer, medium, threads=threads)
    rendered = 0
    with show(f"path tracing {condition.label}", sum(len(cameras[role]) for role in roles), "views") as bar:
        for role in roles:
            begin_set(condition.folder(role))
            records: list[ViewRecord] = []
            for index, camera in enumerate(cameras[role]):
                record, is_new = _view(condition, role, index, camera, renderer)
                records.append(record)
                rendered += is_new
                floor = record.noise_floor_db
                bar.advance(detail=f"noise floor {floor:.1f} dB" if floor is not None else "")
            finish_set(
                condition.folder(role),
                cameras[role],
                records,
                digest=condition.digest(role),
                made_from=condition.made_from(role),
            )
    return rendered


def _view(
    condition: Condition, role: Role, index: int, camera: Camera, renderer: Renderer
) -> tuple[ViewRecord, bool]:
    """The record of one view, and whether it had to be rendered."""
    folder = condition.folder(role)
    seed = condition.noise_seed(role, index)
    digest = condition.view_digest(camera, seed)
    record = read_view_record(folder, index)
    if record is not None and record.digest == digest:
        return record, False
    view = render_view(renderer, camera, condition.suite.renderer, seed=seed)
    return write_view(folder, index, view, digest=digest, seed=seed), True
