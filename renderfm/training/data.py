"""What Render-FM is trained and validated on: the bodies of a suite, with the views that show them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.config import MediumSettings, Suite
from renderbench.errors import InputError
from renderbench.groundtruth.conditions import Condition, conditions
from renderbench.groundtruth.stage import open_views
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from renderbench.scans.dataset import load_dataset
from renderbench.scans.fingerprint import Fingerprint, fingerprint_of
from renderbench.scans.groups import GroupSelection, select_groups
from renderbench.scans.store import ScanStore
from renderbench.scans.volume import Grid
from renderfm.inputs import Inputs, lit, make_inputs
from renderfm.settings import ModelSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """One view: its camera, its image (H, W, 3) uint8 and the groups that it shows."""

    camera: Camera
    image: NDArray[np.uint8]
    groups: GroupSelection


@dataclass(frozen=True, kw_only=True, eq=False)
class Body:
    """A scan under a transfer function, with views of it.

    Args:
        scan: the scan.
        transfer_function: one of the scan's.
        views: of any of its groups.
        block: of the suite, where the views are a block's test views; else empty.
    """

    scan: ScanStore
    transfer_function: str
    views: Sequence[View]
    block: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingData:
    """What there is to learn from, and to tell by whether something was learnt.

    Args:
        training: bodies of the suite's ``training`` entries.
        validation: bodies of the suite's blocks, of scans in the split ``val``, with their test views.
        normalisation: the fingerprint of the training scans.
        medium: how opacity becomes extinction in the ground truth.
        uniform_light: whether a mirrored body looks like the body's mirror image.
        digests: of every view set, in order: what the data are.
    """

    training: Sequence[Body]
    validation: Sequence[Body]
    normalisation: Fingerprint
    medium: MediumSettings
    uniform_light: bool
    digests: Sequence[str]


def load_training_data(root: Root, suite: Suite) -> TrainingData:
    """The training and validation data of a suite; images are read, scans are not.

    Raises:
        InputError: the suite trains on nothing, a view set is missing, incomplete or outdated, or the
            training scans have no foreground.
    """
    if not suite.training:
        raise InputError(
            f"suite {suite.name}",
            "expected [[training]] entries to train on, found none",
            "add one, or use --suite renderfm-mini",
        )
    command = f"renderbench groundtruth --root {root.path} --suite {suite.name}"
    digests: list[str] = []
    training: dict[tuple[str, str, str], list[View]] = {}
    scans: dict[tuple[str, str], ScanStore] = {}
    for condition in conditions(root, suite):
        if "train" in condition.counts:
            scan = condition.scan
            views = _open(condition, command)
            digests.append(views.digest)
            scans[scan.dataset, scan.name] = scan
            body = training.setdefault((scan.dataset, scan.name, condition.transfer_function), [])
            body += _views(views, condition.selection)
    validation = _validation(root, suite, digests)
    normalisation = fingerprint_of(scan.foreground_histogram() for scan in scans.values())
    if normalisation is None:
        raise InputError(
            f"suite {suite.name}",
            "expected labelled voxels in its training scans, found none",
            "choose others",
        )
    light = suite.renderer
    return TrainingData(
        training=[
            Body(scan=scans[dataset, name], transfer_function=function, views=views)
            for (dataset, name, function), views in training.items()
        ],
        validation=validation,
        normalisation=normalisation,
        medium=suite.medium,
        uniform_light=light.environment_map is None and light.key_light is None,
        digests=digests,
    )


def stride_for(shape: tuple[int, int, int], max_voxels: int) -> int:
    """The smallest stride that leaves at most ``max_voxels`` of a (D, H, W) volume."""
    stride = 1
    while math.prod(-(-size // stride) for size in shape) > max_voxels:
        stride += 1
    return stride


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """A body as the model takes it, and the grid of the voxels that it sees."""

    inputs: Inputs
    grid: Grid


@dataclass(kw_only=True)
class Preparation:
    """Makes the inputs of bodies, and keeps those that fit into ``cache_gib``.

    Args:
        model: what the inputs are for.
        medium: of the ground truth.
        normalisation: of the training scans.
        max_voxels: more are taken strided.
        cache_gib: how much to keep.
    """

    model: ModelSettings
    medium: MediumSettings
    normalisation: Fingerprint
    max_voxels: int
    cache_gib: float
    _kept: dict[tuple[str, str, str], Prepared] = field(default_factory=dict)
    _bytes: int = 0

    def prepared(self, body: Body) -> Prepared:
        """The inputs of a body; the same tensors each time, so nobody may write to them.

        Raises:
            InputError: see :func:`renderfm.inputs.make_inputs`.
        """
        key = (body.scan.dataset, body.scan.name, body.transfer_function)
        kept = self._kept.get(key)
        made = self._lit(kept or self._made(body), body)
        if made is not kept:
            more = _bytes_of(made.inputs) - (_bytes_of(kept.inputs) if kept else 0)
            if self._bytes + more <= self.cache_gib * 2**30:
                self._kept[key] = made
                self._bytes += more
        return made

    def _lit(self, prepared: Prepared, body: Body) -> Prepared:
        """The same with the light of every selection that the body's views show, if the model is told it."""
        known = prepared.inputs.light
        wanted = {view.groups.name: view.groups for view in body.views if view.groups.name not in known}
        if not wanted or not self.model.light:
            return prepared
        return replace(prepared, inputs=lit(prepared.inputs, wanted.values(), self.medium, prepared.grid))

    def _made(self, body: Body) -> Prepared:
        scan = body.scan
        step = stride_for(scan.grid.shape, self.max_voxels)
        # An odd last slice is in no block; without it, a mirrored scan has mirrored blocks.
        keep = tuple(slice(0, -(-size // step) // 2 * 2 * step, step) for size in scan.grid.shape)
        ct, groups = scan.ct()[keep], scan.groups()[keep]
        world_from_voxel = scan.grid.world_from_voxel.copy()
        world_from_voxel[:3, :3] *= step
        depth, height, width = ct.shape
        grid = Grid(shape=(depth, height, width), world_from_voxel=world_from_voxel)
        rgba = scan.rgba(body.transfer_function)[:, keep[0], keep[1], keep[2]]
        inputs = make_inputs(
            ct, groups, rgba, grid, self.medium, self.model, self.normalisation, subject=scan.name
        )
        return Prepared(inputs=inputs, grid=grid)


def _open(condition: Condition, command: str) -> ViewSet:
    views = ViewSet.open(condition.folder("train"), command=command)
    if views.digest != condition.digest("train"):
        raise InputError(
            views.path,
            "expected the views of this suite and scan as they stand, found views made from others",
            f"run `{command}`",
        )
    return views


def _validation(root: Root, suite: Suite, digests: list[str]) -> list[Body]:
    bodies = []
    for block in suite.blocks:
        dataset = load_dataset(root, block.dataset)
        held_out = {entry.name for entry in dataset.entries if entry.split == "val"}
        for name in dataset.scans(block.scans):
            if name in held_out:
                views = open_views(root, suite, block, name, "test")
                digests.append(views.digest)
                bodies.append(
                    Body(
                        scan=ScanStore.open(root.scan(block.dataset, name)),
                        transfer_function=block.transfer_function,
                        views=_views(views, select_groups(block.groups)),
                        block=block.id,
                    )
                )
    return bodies


def _views(views: ViewSet, groups: GroupSelection) -> list[View]:
    images = views.images()
    return [
        View(camera=camera, image=image, groups=groups)
        for camera, image in zip(views.cameras, images, strict=True)
    ]


def _bytes_of(inputs: Inputs) -> int:
    prior = inputs.prior
    tensors = [inputs.channels, inputs.blocks, prior.labels, *prior.parameters().values()]
    tensors += inputs.light.values()
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)
