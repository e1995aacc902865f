"""The volume being painted: labels and HU, first come first served."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.groups import LABELS
from renderbench.scans.phantom.fields import Field, Space

Array = NDArray[Any]

AIR_HU = -1000.0

_VALUES = {label.name: label.value for label in LABELS}


@dataclass(frozen=True, kw_only=True)
class Patch:
    """The voxels a shape has won: where they are and how deep inside it they lie.

    Args:
        depth: (n,) template mm below the shape's surface.
        points: (n, 3) template x, y, z.
    """

    depth: Array
    points: Array


Material = Callable[[Patch], Array]


class Canvas:
    """Labels and HU on one grid.

    A voxel belongs to the first shape that claims it, so the order of painting is the priority: labels can
    never overlap. A shape without a label (fat, marrow fluid) also claims its voxels.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.labels = np.zeros(space.shape, np.uint8)
        self.hu = np.full(space.shape, AIR_HU, np.float32)
        self._free = np.ones(space.shape, bool)

    def paint(self, name: str | None, field: Field, material: Material) -> None:
        """Give the unclaimed voxels inside ``field`` to the label ``name``, or to no label if None."""
        won = self._free[field.box] & (field.values < 0.0)
        self._fill(field, won, material)
        self._free[field.box][won] = False
        if name is not None:
            self.labels[field.box][won] = _VALUES[name]

    def tint(self, names: Sequence[str], field: Field, material: Material) -> None:
        """Change the HU of the voxels inside ``field`` that one of the labels ``names`` holds already."""
        chosen = np.zeros(256, bool)
        chosen[[_VALUES[name] for name in names]] = True
        held = chosen[self.labels[field.box]] & (field.values < 0.0)
        self._fill(field, held, material)

    def _fill(self, field: Field, chosen: Array, material: Material) -> None:
        k, j, i = np.nonzero(chosen)
        x, y, z = self.space.coordinates(field.box)
        points = np.stack([x[k, 0, i], y[k, j, 0], z[k, 0, 0]], axis=1)
        self.hu[field.box][k, j, i] = material(Patch(depth=-field.values[k, j, i], points=points))
