"""What stage 2 renders: conditions, each a scan under a transfer function and a group selection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from renderbench.artefacts import digest_of
from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import Block, Groups, Suite, Training
from renderbench.errors import InputError
from renderbench.groundtruth.backends import renderer_version
from renderbench.groundtruth.lights import environment_digest
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.layout import Root
from renderbench.scans.dataset import load_dataset
from renderbench.scans.groups import GroupSelection, select_groups
from renderbench.scans.store import ScanStore

Role = Literal["fit", "test", "train"]
"""What views are for: a method's fitting, its scores, or the training of a feed-forward model."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A scan under a transfer function and a group selection: what one medium is made from.

    Args:
        root: of the study.
        suite: how to render.
        scan: from stage 1.
        transfer_function: its name.
        selection: the groups that are shown.
        counts: how many views the suite asks for, by role.
        fitted: how many fitting views the suite's blocks have of this dataset, under any group selection:
            test views keep apart from all of these.
    """

    root: Root
    suite: Suite
    scan: ScanStore
    transfer_function: str
    selection: GroupSelection
    counts: dict[Role, int]
    fitted: list[int]

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.scan.name} {self.transfer_function}.{self.selection.name}"

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
        views = self.suite.views
        return {
            **self._pixels_made_from(),
            "role": role,
            "views": {
                "count": self.counts[role],
                "apart_from": self.fitted if role == "test" else [],
                **views.model_dump(exclude={"fit", "test", "exr"}),
            },
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
            "renderer": {
                "version": renderer_version(settings),
                **settings.model_dump(),
                # What the map holds makes the pixels, not where it lies.
                "environment_map": environment_digest(settings),
            },
        }

    def medium(self) -> Medium:
        """What the scan looks like under this condition; loads it.

        Raises:
            InputError: the chosen groups show nothing in this scan.
        """
        return medium_from_rgba(
            self.scan.rgba(self.transfer_function),
            self.scan.groups(),
            self.selection,
            self.scan.grid,
            self.suite.medium,
            subject=f"scan {self.scan.name}",
        )

    def cameras(self, medium: Medium) -> dict[Role, list[Camera]]:
        """Of every set."""
        fitting = [camera for count in self.fitted for camera in self._cameras(medium, "fit", count, [])]
        return {
            role: self._cameras(medium, role, count, fitting if role == "test" else [])
            for role, count in self.counts.items()
        }

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
    """Every condition of the suite once, in the order of its blocks; then what is there to train on.

    Raises:
        InputError: a dataset, scan, transfer function or group that is not there, or two blocks that want
            different numbers of the same views.
    """
    found: dict[tuple[str, str, str, str], Condition] = {}
    for wish in _wishes(suite):
        for scan in load_dataset(root, wish.dataset).scans(wish.scans):
            key = (wish.dataset, scan, wish.transfer_function, wish.selection.name)
            if key not in found:
                found[key] = _condition(root, suite, wish, scan)
            _count(found[key], wish)
    return list(found.values())


def condition_of(root: Root, suite: Suite, block: Block, scan: str, groups: Groups) -> Condition:
    """The condition of one scan of a block under ``groups``, which the block shows or fits to.

    Raises:
        InputError: see :func:`conditions`.
    """
    name = select_groups(groups).name
    asked = [
        wish
        for wish in _wishes(suite)
        if (wish.dataset, wish.transfer_function) == (block.dataset, block.transfer_function)
        and wish.selection.name == name
        and scan in load_dataset(root, wish.dataset).scans(wish.scans)
    ]
    condition = _condition(root, suite, asked[0], scan)
    for wish in asked:
        _count(condition, wish)
    return condition


@dataclass(frozen=True, kw_only=True)
class _Wish:
    """What one entry of a suite asks for."""

    subject: str
    dataset: str
    scans: str | list[str]
    transfer_function: str
    selection: GroupSelection
    role: Role
    views: int


def _wishes(suite: Suite) -> list[_Wish]:
    wishes = []
    for block in suite.blocks:
        subject = f"block {block.id}"
        wishes += [_wish(subject, block, each.groups, "fit", each.views) for each in suite.fitting(block)]
        wishes.append(_wish(subject, block, block.groups, "test", suite.views.test))
    for training in suite.training:
        subject = f"training on {training.dataset}"
        wishes += [_wish(subject, training, each.groups, "train", each.views) for each in training.views]
    return wishes


def _wish(subject: str, asked: Block | Training, groups: Groups, role: Role, views: int) -> _Wish:
    return _Wish(
        subject=subject,
        dataset=asked.dataset,
        scans=asked.scans,
        transfer_function=asked.transfer_function,
        selection=select_groups(groups),
        role=role,
        views=views,
    )


def _condition(root: Root, suite: Suite, wish: _Wish, scan: str) -> Condition:
    store = ScanStore.open(root.scan(wish.dataset, scan))
    if wish.transfer_function not in store.transfer_functions:
        raise InputError(
            f"suite {suite.name}: {wish.subject}: transfer function {wish.transfer_function!r}",
            f"expected one of scan {scan}'s ({', '.join(store.transfer_functions)}), found none by that name",
            "correct it, or run `renderbench dataset` with that transfer function",
        )
    return Condition(
        root=root,
        suite=suite,
        scan=store,
        transfer_function=wish.transfer_function,
        selection=wish.selection,
        counts={},
        fitted=sorted(
            {each.views for each in _wishes(suite) if (each.dataset, each.role) == (wish.dataset, "fit")}
        ),
    )


def _count(condition: Condition, wish: _Wish) -> None:
    known = condition.counts.setdefault(wish.role, wish.views)
    if known != wish.views:
        raise InputError(
            f"suite {condition.suite.name}: {wish.subject}",
            f"expected {known} {wish.role} views of {wish.selection.name}, as another block wants them, "
            f"found {wish.views}",
            "give both one number",
        )


def _seed(*identity: str | int) -> int:
    # 53 bits: JSON readers elsewhere hold integers as doubles.
    return int(digest_of(list(identity))[:13], 16)
