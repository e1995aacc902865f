"""Implicit shapes: signed distances (negative inside) on the part of the grid that a shape can reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from renderbench.scans.phantom.kernels import bead_distance, chain_distance, eased_min, value_noise
from renderbench.threads import thread_count

Array = NDArray[Any]
Box = tuple[slice, slice, slice]
Formula = Callable[[Array, Array, Array], Array]

FAR_MM = 1e3
# Slices that one thread evaluates at a time; fixed, so that no bit depends on how many threads there are.
_SLAB = 12


@dataclass(frozen=True, kw_only=True)
class Space:
    """The voxels of the grid in template millimetres, the frame in which the anatomy is written down.

    The body's build widens and its posture shifts each slice as a whole: voxel (k, j, i) lies at
    (x[i] * x_scale[k] + x_shift[k], y[j] * y_scale[k] + y_shift[k], z[k]).

    Args:
        x: (W,) patient mm.
        y: (H,) patient mm.
        z: (D,) template mm.
        x_scale: (D,) template mm per patient mm, above 0.
        x_shift: (D,) template mm.
        y_scale: as ``x_scale``.
        y_shift: as ``x_shift``.
    """

    x: Array
    y: Array
    z: Array
    x_scale: Array
    x_shift: Array
    y_scale: Array
    y_shift: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """(D, H, W) of the grid."""
        return len(self.z), len(self.y), len(self.x)

    def moved(self, origin: ArrayLike) -> Space:
        """The same voxels in coordinates whose origin is the template position ``origin`` (3,)."""
        x, y, z = np.asarray(origin, np.float32)
        return replace(self, z=self.z - z, x_shift=self.x_shift - x, y_shift=self.y_shift - y)

    def box(self, low: ArrayLike, high: ArrayLike) -> Box:
        """The slices (z, y, x) that hold the template box from ``low`` to ``high`` (x, y, z), in mm."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        rows = _span(self.z, low[2], high[2])
        in_plane = []
        for axis, scales, shifts, first, last in (
            (self.y, self.y_scale[rows], self.y_shift[rows], low[1], high[1]),
            (self.x, self.x_scale[rows], self.x_shift[rows], low[0], high[0]),
        ):
            in_plane.append(_span(axis, ((first - shifts) / scales).min(), ((last - shifts) / scales).max()))
        return rows, in_plane[0], in_plane[1]

    def axes(self, box: Box) -> tuple[Array, ...]:
        """z, then y with its scales and shifts, then x with its, as the compiled loops take them."""
        k, j, i = box
        return (
            self.z[k],
            self.y[j],
            self.y_scale[k],
            self.y_shift[k],
            self.x[i],
            self.x_scale[k],
            self.x_shift[k],
        )

    def coordinates(self, box: Box) -> tuple[Array, Array, Array]:
        """x (d, 1, w), y (d, h, 1) and z (d, 1, 1) of the voxels in ``box``, to be broadcast."""
        z, y, y_scale, y_shift, x, x_scale, x_shift = self.axes(box)
        return (
            x[None, None, :] * x_scale[:, None, None] + x_shift[:, None, None],
            y[None, :, None] * y_scale[:, None, None] + y_shift[:, None, None],
            z[:, None, None],
        )


@dataclass(frozen=True, kw_only=True)
class Field:
    """Signed distances in template mm within one box of the grid; outside of it there is nothing."""

    box: Box
    values: NDArray[np.float32]

    def grown(self, mm: float) -> Field:
        """The shape with every surface moved outwards by ``mm``."""
        return Field(box=self.box, values=self.values - np.float32(mm))


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Smooth random values of mean 0 and standard deviation about 1, varying over ``cell_mm``."""

    table: NDArray[np.float32]
    cell_mm: float

    @classmethod
    def drawn(cls, rng: np.random.Generator, cell_mm: float) -> Noise:
        """A noise with a table of its own from ``rng``."""
        # Easing between the nodes averages them; 1.6 gives back the standard deviation this takes.
        table = 1.6 * rng.standard_normal((16, 16, 16), dtype=np.float32)
        return cls(table=table, cell_mm=cell_mm)

    def at(self, points: Array) -> NDArray[np.float32]:
        """The noise (n,) at template positions ``points`` (n, 3)."""
        out = np.empty(len(points), np.float32)
        value_noise(points, self.table, self.cell_mm, out)
        return out


def chain(
    space: Space,
    points: ArrayLike,
    radii: ArrayLike,
    *,
    wide: ArrayLike = (0.0, 0.0, 1.0),
    stretch: ArrayLike = 1.0,
    reach_mm: float = 8.0,
) -> Field:
    """A tube along a polyline, its radius and its flattening varying from point to point.

    Args:
        space: where to evaluate.
        points: (n, 3) template mm.
        radii: mm, one or (n,).
        wide: direction(s) along which the section is ``stretch`` times wider, (3,) or (n, 3).
        stretch: one or (n,).
        reach_mm: how far outside the shape the distances are known.
    """
    line = np.atleast_2d(np.asarray(points, float))
    count = len(line)
    radius = np.broadcast_to(np.asarray(radii, float), (count,)).copy()
    flat = np.broadcast_to(np.asarray(stretch, float), (count,)).copy()
    across = np.broadcast_to(np.asarray(wide, float), (count, 3)).copy()
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    margin = (radius * np.maximum(flat, 1.0)).max() + reach_mm
    box = space.box(line.min(0) - margin, line.max(0) + margin)
    values = _far(space, box)
    chain_distance(values, *space.axes(box), line, radius, across, flat, reach_mm)
    return Field(box=box, values=values)


def beads(space: Space, points: ArrayLike, radii: ArrayLike, *, reach_mm: float = 6.0) -> Field:
    """The union of spheres: a sheet of varying thickness when ``points`` (n, 3) sample a surface finely."""
    line = np.atleast_2d(np.asarray(points, float))
    radius = np.broadcast_to(np.asarray(radii, float), (len(line),)).copy()
    margin = radius.max() + reach_mm
    box = space.box(line.min(0) - margin, line.max(0) + margin)
    values = _far(space, box)
    bead_distance(values, *space.axes(box), line, radius, reach_mm)
    return Field(box=box, values=values)


def ellipsoid(
    space: Space,
    centre: ArrayLike,
    half_axes: ArrayLike,
    *,
    frame: ArrayLike | None = None,
    power: float = 2.0,
    reach_mm: float = 8.0,
) -> Field:
    """A (super)ellipsoid; the columns of ``frame`` (3, 3) are the unit directions of ``half_axes``."""
    middle, half = np.asarray(centre, float), np.asarray(half_axes, float)
    basis = np.eye(3) if frame is None else np.asarray(frame, float)
    extent = np.abs(basis) @ half + reach_mm
    box = space.box(middle - extent, middle + extent)
    x, y, z = space.coordinates(box)
    scaled, steep = 0.0, 0.0
    for axis in range(3):
        along = basis[0, axis] * (x - middle[0]) + basis[1, axis] * (y - middle[1])
        along = (along + basis[2, axis] * (z - middle[2])) / half[axis]
        scaled = scaled + np.abs(along) ** power
        steep = steep + (along / half[axis]) ** 2
    level = scaled ** (1.0 / power)
    values = level * (level - 1.0) / np.sqrt(steep + 1e-6)
    # At the very centre both factors vanish; the shortest half-axis is the depth there.
    values = np.maximum(values, -half.min())
    return Field(box=box, values=np.asarray(values, np.float32))


def from_formula(space: Space, low: ArrayLike, high: ArrayLike, formula: Formula) -> Field:
    """The field of ``formula(x, y, z)`` within the template box from ``low`` to ``high``."""
    box = space.box(low, high)
    return Field(box=box, values=evaluated(space, box, formula))


def evaluated(space: Space, box: Box, formula: Formula) -> NDArray[np.float32]:
    """``formula(x, y, z)``, a function of each voxel alone, at the voxels of ``box``."""
    values = np.empty([part.stop - part.start for part in box], np.float32)

    def fill(first: int) -> None:
        rows = slice(first, min(first + _SLAB, box[0].stop))
        values[rows.start - box[0].start : rows.stop - box[0].start] = formula(
            *space.coordinates((rows, box[1], box[2]))
        )

    with ThreadPoolExecutor(thread_count()) as pool:
        list(pool.map(fill, range(box[0].start, box[0].stop, _SLAB)))
    return values


def union(fields: Sequence[Field], *, blend_mm: float = 0.0) -> Field:
    """The union of shapes, their seams filled over ``blend_mm``."""
    box = _hull([field.box for field in fields])
    values = np.full([part.stop - part.start for part in box], FAR_MM, np.float32)
    for field in fields:
        inner = _within(box, field.box)
        values[inner] = soft_min(values[inner], field.values, blend_mm)
    return Field(box=box, values=values)


def without(field: Field, hole: Field, *, blend_mm: float = 0.0) -> Field:
    """``field`` less ``hole``."""
    common = _overlap(field.box, hole.box)
    values = field.values.copy()
    inner = _within(field.box, common)
    values[inner] = -soft_min(-values[inner], hole.values[_within(hole.box, common)], blend_mm)
    return Field(box=field.box, values=values)


def common(a: Field, b: Field) -> Field:
    """What two shapes have in common."""
    box = _overlap(a.box, b.box)
    return Field(box=box, values=np.maximum(a.values[_within(a.box, box)], b.values[_within(b.box, box)]))


def cut(space: Space, field: Field, point: ArrayLike, normal: ArrayLike, *, blend_mm: float = 0.0) -> Field:
    """The part of ``field`` on the side of the plane through ``point`` that ``normal`` points away from."""
    x, y, z = space.coordinates(field.box)
    origin, up = np.asarray(point, float), np.asarray(normal, float)
    up = up / np.linalg.norm(up)
    plane = (x - origin[0]) * up[0] + (y - origin[1]) * up[1] + (z - origin[2]) * up[2]
    values = -soft_min(-field.values, -plane.astype(np.float32), blend_mm)
    return Field(box=field.box, values=values)


def roughened(space: Space, field: Field, noise: Noise, amplitude_mm: float) -> Field:
    """``field`` with its surface moved in and out by noise, so that no organ is a perfect solid."""
    near = np.nonzero(np.abs(field.values) < 4.0 * amplitude_mm + 2.0)
    x, y, z = space.coordinates(field.box)
    k, j, i = near
    points = np.stack([x[k, 0, i], y[k, j, 0], z[k, 0, 0]], axis=1)
    values = field.values.copy()
    values[near] += np.float32(amplitude_mm) * noise.at(points)
    return Field(box=field.box, values=values)


def soft_min(a: Array, b: Array, blend_mm: float) -> Array:
    """The smaller of two distances, eased over ``blend_mm`` where they are close."""
    if blend_mm <= 0.0:
        return np.minimum(a, b)
    return np.asarray(eased_min(single(a), single(b), np.float32(blend_mm)))


def soft_max(a: Array, b: Array, blend_mm: float) -> Array:
    """The larger of two distances, eased over ``blend_mm``: the intersection of two shapes."""
    return -soft_min(-np.asarray(a), -np.asarray(b), blend_mm)


def spline(points: ArrayLike, *, step_mm: float = 3.0, extra: ArrayLike | None = None) -> Array:
    """A smooth curve through ``points`` (n, 3), sampled about every ``step_mm``.

    ``extra`` (n,) or (n, m) is interpolated along (radii, for one) and comes back as further columns.
    """
    knots = np.asarray(points, float)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    count = max(4, int(np.ceil(along[-1] / step_mm)) + 1)
    fine = np.linspace(0.0, along[-1], count)
    curve = CubicSpline(along, knots, bc_type="natural")(fine)
    if extra is None:
        return np.asarray(curve)
    columns = np.asarray(extra, float).reshape(len(knots), -1)
    more = [np.interp(fine, along, columns[:, c]) for c in range(columns.shape[1])]
    return np.column_stack([curve, *more])


def single(values: ArrayLike) -> NDArray[np.float32]:
    """``values`` in single precision, which is ample for distances within one body."""
    return np.asarray(values, np.float32)


def mirrored(points: ArrayLike, side: int) -> Array:
    """``points`` written for the patient's left, on the given side: +1 left, -1 right."""
    out = np.array(points, float)
    out[..., 0] *= side
    return out


def _span(axis: Array, first: float, last: float) -> slice:
    """The samples of ``axis`` from ``first`` to ``last``."""
    start = int(np.searchsorted(axis, first))
    stop = int(np.searchsorted(axis, last, side="right"))
    # The loops need two samples to know the step; a shape outside the field keeps an edge sliver.
    start = min(start, len(axis) - 2)
    return slice(start, max(stop, start + 2))


def _far(space: Space, box: Box) -> NDArray[np.float32]:
    return np.full([part.stop - part.start for part in box], FAR_MM, np.float32)


def _hull(boxes: Sequence[Box]) -> Box:
    parts = [
        slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes))
        for axis in range(3)
    ]
    return parts[0], parts[1], parts[2]


def _overlap(a: Box, b: Box) -> Box:
    parts = []
    for axis in range(3):
        start = max(a[axis].start, b[axis].start)
        parts.append(slice(start, max(start, min(a[axis].stop, b[axis].stop))))
    return parts[0], parts[1], parts[2]


def _within(outer: Box, inner: Box) -> Box:
    parts = [
        slice(inner[axis].start - outer[axis].start, inner[axis].stop - outer[axis].start)
        for axis in range(3)
    ]
    return parts[0], parts[1], parts[2]
