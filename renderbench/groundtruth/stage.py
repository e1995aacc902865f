"""Stage 2: path-trace the fitting and test views of every scan that a suite asks for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from renderbench.artefacts import digest_of
from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import Block, Suite
from renderbench.errors import InputError, JobError
from renderbench.groundtruth.backends import make_renderer, renderer_version
from renderbench.groundtruth.medium import Medium, medium_from_rgba
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
from renderbench.scans.dataset import load_dataset
from renderbench.scans.groups import GroupSelection, select_groups
from renderbench.scans.store import ScanStore

Role = Literal["fit", "test"]
Show = Callable[[str, int, str], AbstractContextManager[Progress]]

_ROLES: tuple[Role, Role] = ("fit", "test")


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
        total += suite.views.fit + suite.views.test
        pending = [role for role in _ROLES if not _holds(condition.folder(role), condition.digest(role))]
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


def view_set_path(root: Root, suite: Suite, block: Block, scan: str, role: Role) -> Path:
    """The folder of a block's view set."""
    selection = select_groups(block.groups)
    return root.views(block.dataset, scan, block.transfer_function, selection.name, f"{suite.name}-{role}")


def open_views(root: Root, suite: Suite, block: Block, scan: str, role: Role) -> ViewSet:
    """A block's view set.

    Raises:
        InputError: it is missing, incomplete, or made from other settings than the suite has now.
    """
    command = f"renderbench groundtruth --root {root.path} --suite {suite.name}"
    condition = _condition(root, suite, block, scan)
    views = ViewSet.open(condition.folder(role), command=command)
    if views.digest != condition.digest(role):
        raise InputError(
            views.path,
            "expected the views of this suite and scan as they stand, found views made from others",
            f"run `{command}`",
        )
    return views


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A scan under a transfer function and a group selection: what one medium is made from."""

    root: Root
    suite: Suite
    scan: ScanStore
    transfer_function: str
    selection: GroupSelection

    def folder(self, role: Role) -> Path:
        """Of the view set."""
        return self.root.views(
            self.scan.dataset,
            self.scan.name,
            self.transfer_function,
            self.selection.name,
            f"{self.suite.name}-{role}",
        )

    def digest(self, role: Role) -> str:
        """Of all that makes a set."""
        return digest_of(self.made_from(role))

    def made_from(self, role: Role) -> dict[str, Any]:
        """All that makes a set, as JSON; test views depend on the fitting views they keep apart from."""
        unused = {"test"} if role == "fit" else set()
        return {
            **self._pixels_made_from(),
            "role": role,
            "views": self.suite.views.model_dump(exclude=unused),
            "seed": self.suite.seed,
        }

    def view_digest(self, camera: Camera, seed: int) -> str:
        """Of one view: a set that grows or turns keeps the views whose camera stayed."""
        intrinsics = [camera.width, camera.height, camera.fx_px, camera.fy_px, camera.cx_px, camera.cy_px]
        return digest_of(
            {
                **self._pixels_made_from(),
                "intrinsics": intrinsics,
                "camera_from_world": camera.camera_from_world.tolist(),
                "seed": seed,
            }
        )

    def _pixels_made_from(self) -> dict[str, Any]:
        # The arrays' own checksums: another transfer function added to the scan changes nothing here.
        settings = self.suite.renderer
        return {
            "scan": {
                "dataset": self.scan.dataset,
                "name": self.scan.name,
                "groups": self.scan.checksums["groups"],
                "rgba": self.scan.checksums[f"rgba/{self.transfer_function}"],
                "world_from_voxel": self.scan.grid.world_from_voxel.tolist(),
            },
            "transfer_function": self.transfer_function,
            "selection": list(self.selection.indices),
            "medium": self.suite.medium.model_dump(),
            "renderer": {"version": renderer_version(settings), **settings.model_dump()},
        }

    def medium(self) -> Medium:
        """What the scan looks like under this condition; loads it."""
        return medium_from_rgba(
            self.scan.rgba(self.transfer_function),
            self.scan.groups(),
            self.selection,
            self.scan.grid,
            self.suite.medium,
            subject=f"scan {self.scan.name}",
        )

    def cameras(self, medium: Medium) -> dict[Role, list[Camera]]:
        """Of both sets."""
        views = self.suite.views
        fit = self._cameras(medium, "fit", views.fit, [])
        return {"fit": fit, "test": self._cameras(medium, "test", views.test, fit)}

    def _cameras(self, medium: Medium, role: Role, count: int, apart_from: list[Camera]) -> list[Camera]:
        views = self.suite.views
        return sphere_cameras(
            count,
            center_mm=medium.center_mm,
            radius_mm=medium.radius_mm,
            resolution=views.resolution,
            fov_deg=views.fov_deg,
            layout=views.layout,
            # Scans are seen from other sides, but one scan from the same under every condition.
            seed=_seed("cameras", self.suite.seed, views.seed, self.scan.dataset, self.scan.name, role),
            apart_from=apart_from,
        )

    def noise_seed(self, role: Role, index: int) -> int:
        """Of every random number of one view."""
        seeds = (self.suite.seed, self.suite.renderer.seed)
        pictured = (self.scan.dataset, self.scan.name, self.transfer_function, self.selection.name)
        return _seed("noise", *seeds, *pictured, role, index)


def conditions(root: Root, suite: Suite) -> list[Condition]:
    """Every condition of the suite once, in the order of its blocks."""
    found: dict[Path, Condition] = {}
    for block in suite.blocks:
        for scan in load_dataset(root, block.dataset).scans(block.scans):
            condition = _condition(root, suite, block, scan)
            found.setdefault(condition.folder("fit"), condition)
    return list(found.values())


def _condition(root: Root, suite: Suite, block: Block, scan: str) -> Condition:
    store = ScanStore.open(root.scan(block.dataset, scan))
    if block.transfer_function not in store.transfer_functions:
        raise InputError(
            f"suite {suite.name}: block {block.id}: transfer function {block.transfer_function!r}",
            f"expected one of scan {scan}'s ({', '.join(store.transfer_functions)}), found none by that name",
            "correct it, or run `renderbench dataset` with that transfer function",
        )
    return Condition(
        root=root,
        suite=suite,
        scan=store,
        transfer_function=block.transfer_function,
        selection=select_groups(block.groups),
    )


def _holds(folder: Path, digest: str) -> bool:
    record = read_set_record(folder)
    return (
        record is not None
        and record.digest == digest
        and all(image_path(folder, index).is_file() for index in range(len(record.views)))
    )


def _render(condition: Condition, roles: list[Role], threads: int | None, show: Show) -> int:
    """Render the sets of one condition; returns how many views that took."""
    medium = condition.medium()
    cameras = condition.cameras(medium)
    renderer = make_renderer(condition.suite.renderer, medium, threads=threads)
    label = f"path tracing {condition.scan.name} {condition.transfer_function}.{condition.selection.name}"
    rendered = 0
    with show(label, sum(len(cameras[role]) for role in roles), "views") as bar:
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


def _seed(*identity: str | int) -> int:
    # 53 bits: JSON readers elsewhere hold integers as doubles.
    return int(digest_of(list(identity))[:13], 16)
