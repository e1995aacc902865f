"""The shapes of single vertebrae: body, arch and processes from the atlas to the loins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.scans.phantom.body import VERTEBRAE, Body
from renderbench.scans.phantom.fields import Field, Space, chain, from_formula, mirrored, soft_max, spline

Array = NDArray[Any]
_Part = tuple[ArrayLike, ArrayLike, float]
_Processes = tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]

_THORACIC, _LUMBAR = VERTEBRAE.index("T1"), VERTEBRAE.index("L1")
_LEVELS = [20, 160, 260, 437, 455, 560]
_WIDE = [25.5, 21.0, 16.5, 14.0, 13.5, 11.5]
_DEEP = [17.0, 16.0, 13.5, 9.0, 8.8, 8.0]


def half_width(z: ArrayLike) -> Array:
    """Half the width of the vertebral bodies at heights ``z``."""
    return np.interp(np.asarray(z, float), _LEVELS, _WIDE)


def half_depth(z: ArrayLike) -> Array:
    """Half the depth, front to back, of the vertebral bodies at heights ``z``."""
    return np.interp(np.asarray(z, float), _LEVELS, _DEEP)


def vertebra_parts(space: Space, body: Body, name: str) -> list[Field]:
    """The shapes whose union is the vertebra ``name``, C1 to L5."""
    seat = _Seat.of(body, name)
    if name == "C1":
        return _atlas(space, seat)
    index = VERTEBRAE.index(name)
    if index >= _LUMBAR:
        arch = _arch(space, seat, *_lumbar(seat))
    elif index >= _THORACIC:
        arch = _arch(space, seat, *_thoracic(seat, index - _THORACIC))
    else:
        arch = _cervical_arch(space, seat, index + 1)
    return [_body(space, seat), *arch]


@dataclass(frozen=True, kw_only=True)
class _Seat:
    """Where a vertebra sits: the middle of its body, its own axes and its measures in mm."""

    centre: Array
    back: Array
    up: Array
    height: float
    wide: float
    deep: float

    @classmethod
    def of(cls, body: Body, name: str) -> _Seat:
        centre, height = body.vertebra(name)
        z = float(centre[2])
        slope = float(body.spine(z + 6.0) - body.spine(z - 6.0)) / 12.0
        up = np.array([0.0, slope, 1.0]) / np.hypot(1.0, slope)
        return cls(
            centre=centre,
            back=np.array([0.0, up[2], -up[1]]),
            up=up,
            height=height,
            wide=float(half_width(z)),
            deep=float(half_depth(z)),
        )

    def place(self, local: ArrayLike) -> Array:
        """Template positions (n, 3) of points given to the left, backwards and upwards from the middle."""
        points = np.asarray(local, float)
        return self.centre + points[:, :1] * [1, 0, 0] + points[:, 1:2] * self.back + points[:, 2:] * self.up

    def paired(self, space: Space, parts: Sequence[_Part]) -> list[Field]:
        """Chains on both sides, each given by left points, radii and how far it stretches upwards."""
        return [
            chain(space, self.place(mirrored(points, side)), radius, wide=self.up, stretch=stretch)
            for side in (1, -1)
            for points, radius, stretch in parts
        ]


def _body(space: Space, seat: _Seat) -> Field:
    def formula(x: Array, y: Array, z: Array) -> Array:
        v = (y - seat.centre[1]) * seat.back[1] + (z - seat.centre[2]) * seat.back[2]
        w = (y - seat.centre[1]) * seat.up[1] + (z - seat.centre[2]) * seat.up[2]
        waist = 1.0 - 0.11 * np.clip(1.0 - (2.2 * w / seat.height) ** 2, 0.0, 1.0)
        # The back of the body is hollowed towards the canal.
        hollow = np.where(v > 0, 1.0 + 0.22 * np.exp(-((x / (0.5 * seat.wide)) ** 2)), 1.0)
        round_ = np.sqrt((x / seat.wide) ** 2 + (v * hollow / seat.deep) ** 2) / waist
        return soft_max((round_ - 1.0) * seat.deep, np.abs(w) - 0.5 * seat.height, 3.0)

    reach = np.array([seat.wide + 6, seat.deep + 10, 0.5 * seat.height + 10])
    return from_formula(space, seat.centre - reach, seat.centre + reach, formula)


def _lumbar(seat: _Seat) -> _Processes:
    """Spinous process with its girth, transverse process with its radii: short plates, long ribs."""
    h, deep, wide = seat.height, seat.deep, seat.wide
    spinous = [[0, deep + 18, -0.1 * h], [0, deep + 46, -0.3 * h]]
    transverse = [[0.7 * wide, deep + 7, 0.1 * h], [wide + 19, deep + 10, 0.28 * h]]
    return spinous, [2.6, 3.1], transverse, [5.0, 3.2]


def _thoracic(seat: _Seat, order: int) -> _Processes:
    """As `_lumbar`: spinous processes are long, and steep in the mid-chest."""
    h, deep = seat.height, seat.deep
    side_x = 0.62 * seat.wide
    steep = h * np.interp(order, [0, 3, 8, 11], [0.6, 1.1, 1.25, 0.5])
    reach = np.interp(order, [0, 6, 11], [22, 20, 12])
    spinous = [[0, deep + 18, -0.1 * h], [0, deep + 40, -steep]]
    transverse = [[side_x, deep + 9, 0.1 * h], [side_x + reach, deep + 20, 0.25 * h]]
    return spinous, [2.4, 1.7], transverse, [4.0, 4.2]


def _arch(
    space: Space, seat: _Seat, spinous: ArrayLike, plate: ArrayLike, transverse: ArrayLike, girth: ArrayLike
) -> list[Field]:
    h, deep, x = seat.height, seat.deep, 0.62 * seat.wide
    pedicle = [[x, deep - 3, 0.2 * h], [x, deep + 10, 0.14 * h]]
    lamina = [[x, deep + 11, 0.08 * h], [2, deep + 20, -0.15 * h]]
    upper = [[x, deep + 12, 0.1 * h], [x * 1.05, deep + 14, 0.68 * h]]
    lower = [[x, deep + 14, -0.05 * h], [x * 0.9, deep + 17, -0.66 * h]]
    sides: list[_Part] = [
        (pedicle, [4.4, 4.2], 1.5),
        (lamina, [3.2, 2.8], 2.7),
        (upper, [4.8, 4.4], 1.3),
        (lower, [4.6, 4.2], 1.3),
        (transverse, girth, 1.4),
    ]
    middle = chain(space, seat.place(spinous), [2.8, 3.2], wide=seat.up, stretch=plate)
    return [middle, *seat.paired(space, sides)]


def _cervical_arch(space: Space, seat: _Seat, number: int) -> list[Field]:
    """Pillars beside the canal, short pierced transverse processes, forked spines; the axis has its tooth."""
    h, deep, wide = seat.height, seat.deep, seat.wide
    out = wide + 4.5
    tip = float(np.interp(number, [2, 3, 5, 6, 7], [31, 24, 25, 32, 42]))
    fork = 4.5 if number < 7 else 1.0
    lean = 0.5 if number < 7 else 0.75
    sides: list[_Part] = [
        ([[0.8 * wide, deep - 2, 0.1 * h], [out, deep + 6, 0.05 * h]], [3.6, 3.6], 1.3),
        ([[out, deep + 5, 0.55 * h], [out, deep + 9, -0.55 * h]], [5.2, 5.2], 1.0),
        ([[out, deep + 9, 0.0], [2, deep + 20, -0.25 * h]], [2.6, 2.8], 2.0),
        ([[2, deep + 18, -0.25 * h], [fork, deep + tip - 8, -lean * h]], [2.8, 2.6], 1.6),
        # The vertebral artery passes between the two roots of the transverse process.
        ([[0.9 * wide, -1, -0.1 * h], [wide + 10, -1, -0.2 * h]], [2.4, 2.6], 1.2),
        ([[out, deep + 3, -0.05 * h], [wide + 11, 2, -0.2 * h]], [2.4, 3.0], 1.2),
    ]
    parts = seat.paired(space, sides)
    if number == 2:
        tooth = seat.place([[0, 0, 0.35 * h], [0, 0, 0.5 * h + 8], [0, 1, 0.5 * h + 15]])
        parts.append(chain(space, tooth, [7.0, 5.0, 4.0]))
        # The shoulders that carry the atlas.
        parts += seat.paired(space, [([[12, 1, 0.3 * h], [16, 3, 0.42 * h]], [5.5, 5.0], 0.8)])
    return parts


def _atlas(space: Space, seat: _Seat) -> list[Field]:
    """A ring around the tooth of the axis, without a body."""
    front = [[-18, -3, 0], [-9, -9, 0], [0, -11, 0], [9, -9, 0], [18, -3, 0]]
    rear = [[20, 6, 0], [17, 20, -1], [8, 29, -2], [0, 31, -2], [-8, 29, -2], [-17, 20, -1], [-20, 6, 0]]
    ring = [
        chain(space, spline(seat.place(line), step_mm=2.0), radius, wide=seat.up, stretch=stretch)
        for line, radius, stretch in ((front, 3.2, 1.7), (rear, 3.0, 1.6))
    ]
    sides: list[_Part] = [
        ([[18, -4, -1], [20, 8, -1]], [7.0, 6.5], 1.1),
        ([[24, 2, 0], [37, 4, -2]], [4.0, 3.4], 1.2),
    ]
    return ring + seat.paired(space, sides)
