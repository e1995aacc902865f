"""The views of a fit: what it trains on, and what chooses among its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.errors import InputError
from renderbench.methods import ShownViews, Task
from renderbench.scans.groups import GroupSelection, select_groups


@dataclass(frozen=True, kw_only=True)
class Views:
    """N views: their cameras, their images (N, H, W, 3) uint8, and the groups that each shows."""

    cameras: Sequence[Camera]
    images: NDArray[np.uint8]
    groups: Sequence[GroupSelection]

    def __len__(self) -> int:
        return len(self.cameras)

    def subset(self, indices: Sequence[int]) -> Views:
        """The views at ``indices``."""
        return Views(
            cameras=[self.cameras[index] for index in indices],
            images=self.images[list(indices)],
            groups=[self.groups[index] for index in indices],
        )


def fitting_views(task: Task) -> Views:
    """Every fitting view of a task, set after set.

    Raises:
        InputError: an image is missing or damaged, or the sets differ in size.
    """
    return _joined(task.fit_views)


def selection_split(task: Task, heldout_every: int) -> tuple[Views, Views]:
    """The views to train on and the views that select, by the task's protocol.

    Under ``paper`` the test views select, as published. Under ``heldout`` one view in ``heldout_every`` of
    each fitting set is kept from training and selects, whatever groups it shows: so the fit does not
    depend on what its scene is asked to show later.

    Raises:
        InputError: see :func:`fitting_views`.
    """
    if task.test_views is not None:
        return _joined(task.fit_views), _joined([ShownViews(groups=task.groups, views=task.test_views)])
    fitting = _joined(task.fit_views)
    kept: list[int] = []
    first = 0
    for shown in task.fit_views:
        count = len(shown.views.cameras)
        kept += [first + index for index in _spared(count, heldout_every)]
        first += count
    # One view alone both trains and selects.
    trained = [index for index in range(len(fitting)) if index not in kept] or kept
    return fitting.subset(trained), fitting.subset(kept)


def groups_in(task: Task) -> GroupSelection:
    """The groups that the Gaussians of a fit come from: those of any fitting view, and those shown."""
    names = [shown.groups.name for shown in task.fit_views] + [task.groups.name]
    return select_groups("+".join(names))


def scene_extent_mm(cameras: Sequence[Camera]) -> float:
    """1.1 times the largest distance of a camera from the cameras' mean, as in 3DGS."""
    positions = np.stack([camera.position_mm for camera in cameras])
    return 1.1 * float(np.linalg.norm(positions - positions.mean(axis=0), axis=1).max(initial=1e-3))


def _joined(sets: Sequence[ShownViews]) -> Views:
    images = [shown.views.images() for shown in sets]
    first = images[0].shape[1:3]
    for shown, of_set in zip(sets, images, strict=True):
        if of_set.shape[1:3] != first:
            height, width = of_set.shape[1:3]
            raise InputError(
                shown.views.path,
                f"expected views of {first[1]} × {first[0]} pixels, like the other set of the same fit, "
                f"found {width} × {height}",
                "remove its views.json and run `renderbench groundtruth` again",
            )
    return Views(
        cameras=[camera for shown in sets for camera in shown.views.cameras],
        images=np.concatenate(images),
        groups=[shown.groups for shown in sets for _ in shown.views.cameras],
    )


def _spared(count: int, every: int) -> list[int]:
    """Evenly through a set's lattice, from the middle of each stretch; at least one."""
    return list(range(every // 2, count, every)) or [count // 2]
