"""Pinhole cameras, and how they are spread around a body.

Inside, a camera is OpenCV world-to-camera: +x right, +y down, +z forward, in millimetres, and the
world is patient LPS (+x left, +y posterior, +z superior). OpenGL camera-to-world (+x right, +y up,
-z forward) exists only in files. Pixel (column, row) covers [column, column + 1) x [row, row + 1),
so its centre is at +0.5.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.errors import InputError

SUPERIOR = (0.0, 0.0, 1.0)
ANTERIOR = (0.0, -1.0, 0.0)

_OPENGL_FROM_OPENCV = np.diag([1.0, -1.0, -1.0, 1.0])
_GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))
# Below this sine between the line of sight and `up`, the image has no upright: another `up` is taken.
_POLE_SINE = 1e-3
# Directions stay out of caps around the others' directions that together cover this much of the sphere:
# enough to be other views, too little to make them the hardest views there are.
_CAP_COVERAGE = 0.1
# How many rotations of a lattice are tried for that.
_ROTATIONS = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Camera:
    """A pinhole camera.

    Args:
        width: image width in pixels.
        height: image height in pixels.
        fx_px: horizontal focal length in pixels.
        fy_px: vertical focal length in pixels.
        cx_px: column of the principal point; the image centre is ``width / 2``.
        cy_px: row of the principal point; the image centre is ``height / 2``.
        camera_from_world: (4, 4) float64 rigid transform, OpenCV axes, millimetres.
    """

    width: int
    height: int
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    camera_from_world: NDArray[np.float64]

    @property
    def world_from_camera(self) -> NDArray[np.float64]:
        """(4, 4) float64; its first three columns are the camera's right, down and forward."""
        rotation = self.camera_from_world[:3, :3].T
        inverse = np.eye(4)
        inverse[:3, :3] = rotation
        inverse[:3, 3] = -rotation @ self.camera_from_world[:3, 3]
        return inverse

    @property
    def position_mm(self) -> NDArray[np.float64]:
        """(3,) where the camera is in the world."""
        return self.world_from_camera[:3, 3]

    def opengl_camera_to_world(self) -> NDArray[np.float64]:
        """(4, 4) the ``transform_matrix`` of a ``transforms.json``: +y up, looking along -z."""
        return self.world_from_camera @ _OPENGL_FROM_OPENCV

    @classmethod
    def from_opengl(
        cls,
        camera_to_world: ArrayLike,
        *,
        width: int,
        height: int,
        fx_px: float,
        fy_px: float,
        cx_px: float,
        cy_px: float,
    ) -> Self:
        """The camera of an OpenGL camera-to-world matrix (4, 4), millimetres."""
        world_from_camera = np.asarray(camera_to_world, dtype=np.float64) @ _OPENGL_FROM_OPENCV
        return cls(
            width=width,
            height=height,
            fx_px=fx_px,
            fy_px=fy_px,
            cx_px=cx_px,
            cy_px=cy_px,
            camera_from_world=_rigid(world_from_camera[:3, :3].T, world_from_camera[:3, 3]),
        )

    def project(self, points_mm: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixel coordinates (N, 2) as (column, row), and depths (N,) in mm, of world points (N, 3)."""
        points = np.asarray(points_mm, dtype=np.float64)
        seen = points @ self.camera_from_world[:3, :3].T + self.camera_from_world[:3, 3]
        pixels = seen[:, :2] / seen[:, 2:] * (self.fx_px, self.fy_px) + (self.cx_px, self.cy_px)
        return pixels, seen[:, 2]


def look_at(position_mm: ArrayLike, target_mm: ArrayLike, up: ArrayLike = SUPERIOR) -> NDArray[np.float64]:
    """``camera_from_world`` (4, 4) of an upright camera at ``position_mm`` that looks at ``target_mm``.

    Where the line of sight is parallel to ``up`` (a view from above or below), anterior is up in the
    image instead, and superior where ``up`` itself is anterior.

    Args:
        position_mm: (3,) world position.
        target_mm: (3,) world position seen at the image centre.
        up: (3,) world direction that points up in the image.

    Raises:
        InputError: position and target coincide.
    """
    position = np.asarray(position_mm, dtype=np.float64)
    sight = np.asarray(target_mm, dtype=np.float64) - position
    distance = np.linalg.norm(sight)
    if not distance > 0:
        raise InputError(
            "camera", f"expected position and target to differ, found both at {position}", "move one of them"
        )
    forward = sight / distance
    for candidate in (up, ANTERIOR, SUPERIOR):
        upright = np.asarray(candidate, dtype=np.float64)
        right = np.cross(forward, upright)
        sine = np.linalg.norm(right)
        if sine > _POLE_SINE * np.linalg.norm(upright):
            right /= sine
            break
    down = np.cross(forward, right)
    return _rigid(np.stack([right, down, forward]), position)


def sphere_cameras(
    count: int,
    *,
    center_mm: ArrayLike,
    radius_mm: float,
    resolution: int,
    fov_deg: float,
    layout: Literal["fibonacci", "random"],
    seed: int,
    apart_from: Sequence[Camera] = (),
) -> list[Camera]:
    """Square upright cameras around a sphere, at the distance at which it just fits the frame.

    Args:
        count: how many.
        center_mm: (3,) the sphere's centre, which every camera looks at.
        radius_mm: the sphere's radius.
        resolution: width and height in pixels.
        fov_deg: full field of view; the distance is ``radius_mm / sin(fov_deg / 2)``.
        layout: ``fibonacci``, a randomly rotated Fibonacci lattice, or ``random``, uniform.
        seed: of the rotation or the directions.
        apart_from: cameras around the same centre whose directions to avoid (test views must not be
            fitting views): directions lie outside caps around theirs, which together cover a tenth of
            the sphere. Of a lattice, the first of many rotations that does so is taken, or the one
            with the largest smallest angle where none does.
    """
    center = np.asarray(center_mm, dtype=np.float64)
    half_fov = np.radians(fov_deg) / 2
    focal_px = resolution / 2 / np.tan(half_fov)
    distance_mm = radius_mm / np.sin(half_fov)
    directions = sphere_directions(
        count, layout=layout, seed=seed, apart_from=view_directions(apart_from, center)
    )
    return [
        Camera(
            width=resolution,
            height=resolution,
            fx_px=float(focal_px),
            fy_px=float(focal_px),
            cx_px=resolution / 2,
            cy_px=resolution / 2,
            camera_from_world=look_at(center + distance_mm * direction, center),
        )
        for direction in directions
    ]


def view_directions(cameras: Sequence[Camera], center_mm: ArrayLike) -> NDArray[np.float64]:
    """Unit directions (N, 3) from ``center_mm`` to each camera."""
    offsets = np.array([camera.position_mm for camera in cameras]).reshape(-1, 3) - np.asarray(center_mm)
    return offsets / np.linalg.norm(offsets, axis=1, keepdims=True)


def sphere_directions(
    count: int,
    *,
    layout: Literal["fibonacci", "random"],
    seed: int,
    apart_from: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Unit directions (count, 3) over the sphere, see :func:`sphere_cameras`."""
    rng = np.random.default_rng(seed)
    others = np.empty((0, 3)) if apart_from is None else apart_from
    if layout == "random":
        return _random_directions(count, rng, others)
    lattice = _fibonacci_lattice(count)
    if len(others) == 0:
        return lattice @ _random_rotation(rng).T
    rotations = [lattice @ _random_rotation(rng).T for _ in range(_ROTATIONS)]
    nearest = [float((directions @ others.T).max()) for directions in rotations]
    outside = [index for index, cosine in enumerate(nearest) if cosine <= _cap_cosine(len(others))]
    return rotations[outside[0] if outside else int(np.argmin(nearest))]


def smallest_angle_deg(directions: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """The smallest angle in degrees between any of two sets of unit directions, (N, 3) and (M, 3)."""
    return float(np.degrees(np.arccos(np.clip(directions @ others.T, -1.0, 1.0)).min()))


def _fibonacci_lattice(count: int) -> NDArray[np.float64]:
    index = np.arange(count)
    z = 1.0 - (2.0 * index + 1.0) / count
    ring = np.sqrt(1.0 - z * z)
    azimuth = _GOLDEN_ANGLE * index
    return np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), z], axis=1)


def _random_directions(
    count: int, rng: np.random.Generator, others: NDArray[np.float64]
) -> NDArray[np.float64]:
    chosen: list[NDArray[np.float64]] = []
    while len(chosen) < count:
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        if not (others @ direction > _cap_cosine(len(others))).any():
            chosen.append(direction)
    return np.array(chosen)


def _cap_cosine(count: int) -> float:
    # A cap of half-angle t covers (1 - cos t) / 2 of the sphere.
    return 1.0 - 2.0 * _CAP_COVERAGE / max(count, 1)


def _random_rotation(rng: np.random.Generator) -> NDArray[np.float64]:
    """A rotation (3, 3), uniform over all: that of a uniform unit quaternion."""
    w, x, y, z = (quaternion := rng.normal(size=4)) / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def _rigid(rotation: NDArray[np.float64], position_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = rotation
    camera_from_world[:3, 3] = -rotation @ position_mm
    return camera_from_world
