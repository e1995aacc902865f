"""One view is one task: what a worker of the farm is told, and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from renderbench.cameras import Camera
from renderbench.errors import JobError, RenderbenchError
from renderbench.groundtruth import journal
from renderbench.groundtruth.backends import make_renderer
from renderbench.groundtruth.conditions import Condition, Role
from renderbench.groundtruth.renderer import Renderer
from renderbench.groundtruth.sampling import render_view
from renderbench.groundtruth.viewset import ViewRecord, read_view_record, write_view


@dataclass(frozen=True, kw_only=True)
class ViewTask:
    """All that a worker needs to render one view.

    Args:
        job: stands for one call of stage 2; scenes are shared by the tasks of one job only, so that
            nothing that changes between two calls (a file, a binary) is missed.
        condition: what the view shows.
        role: of its set.
        index: in its set.
        threads: for the renderer; None for the worker's share.
        pbrt: the binary, where pbrt renders.
    """

    job: str
    condition: Condition
    role: Role
    index: int
    threads: int | None
    pbrt: Path | None

    @property
    def folder(self) -> Path:
        """Of the view's set."""
        return self.condition.folder(self.role)

    @property
    def label(self) -> str:
        """How messages call it."""
        folder = self.folder
        return f"view {folder.parent.parent.name}/{folder.parent.name}/{folder.name} {self.index:03d}"


@dataclass(frozen=True, kw_only=True, eq=False)
class FinishedView:
    """A view that is there: its record, its camera, and whether it was rendered just now."""

    record: ViewRecord
    camera: Camera
    is_new: bool


def render_task(task: ViewTask) -> FinishedView:
    """Render one view and write it, unless it is there already.

    Raises:
        InputError: the scene cannot be had: see :meth:`Condition.medium` and :func:`make_renderer`.
        JobError: the renderer fails, or the view cannot be written.
    """
    try:
        with _writing(task.folder):
            journal.mark(task.folder, task.index)
        return _finished(task)
    finally:
        journal.unmark(task.folder, task.index)


def forget_scenes() -> None:
    """Give back the memory of the scene that this process holds."""
    _held.clear()


def _finished(task: ViewTask) -> FinishedView:
    scene = _scene(task)
    camera, digest = scene.cameras[task.role][task.index], scene.plans[task.role].views[task.index]
    with _writing(task.folder):
        journal.write_plan(task.folder, scene.plans[task.role])
    exr = task.condition.suite.views.exr
    held = read_view_record(task.folder, task.index, exr=exr)
    if held is not None and held.digest == digest:
        return FinishedView(record=held, camera=camera, is_new=False)
    seed = task.condition.noise_seed(task.role, task.index)
    view = render_view(scene.renderer, camera, task.condition.suite.renderer, seed=seed)
    with _writing(task.folder):
        record = write_view(task.folder, task.index, view, digest=digest, seed=seed, exr=exr)
    return FinishedView(record=record, camera=camera, is_new=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        problem = f"expected to write a view, found that it cannot be written ({error.strerror})"
        raise JobError(folder, problem, "free or repair the disk and run it again") from None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Scene:
    """What the views of one condition share."""

    renderer: Renderer
    cameras: dict[Role, list[Camera]]
    plans: dict[Role, journal.Plan]


# A worker holds one scene, or why it cannot be had: another view of it would only fail again.
_held: dict[tuple[str, ...], _Scene | RenderbenchError] = {}


def _scene(task: ViewTask) -> _Scene:
    condition = task.condition
    scan = condition.scan
    key = (task.job, scan.dataset, scan.name, condition.transfer_function, condition.selection.name)
    if key not in _held:
        # Never two at once: one may be all that the memory holds.
        forget_scenes()
        try:
            _held[key] = _loaded(task)
        except RenderbenchError as error:
            _held[key] = copy(error)
    found = _held[key]
    if isinstance(found, RenderbenchError):
        # A copy, since one that was raised holds on to what its frames hold.
        raise copy(found)
    return found


def _loaded(task: ViewTask) -> _Scene:
    condition = task.condition
    medium = condition.medium()
    cameras = condition.cameras(medium)
    plans = {
        role: journal.Plan(
            digest=condition.digest(role),
            exr=condition.suite.views.exr,
            views=[
                condition.view_digest(camera, condition.noise_seed(role, index))
                for index, camera in enumerate(cameras[role])
            ],
        )
        for role in cameras
    }
    renderer = make_renderer(condition.suite.renderer, medium, threads=task.threads, pbrt=task.pbrt)
    return _Scene(renderer=renderer, cameras=cameras, plans=plans)
