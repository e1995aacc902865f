"""The lights of a suite in pbrt's terms, and which of them a camera would see."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderbench.config import KeyLight, RendererSettings
from renderbench.groundtruth.lights import environment_map

UNIT_ENVIRONMENT = 'LightSource "infinite" "rgb L" [1 1 1]'
"""Light of radiance 1 from everywhere: with it, a pixel tells how much of it is not covered."""

# A soft light's disc is this many texels wide, as far as the largest map allows.
_DISC_TEXELS = 48
_LARGEST_MAP = 2048
# How much finer than an environment's pixels the directions are that fill pbrt's texels.
_PARTS = 3
_OVERSAMPLING = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Lights:
    """The lights of a scene.

    Args:
        text: their lines in a scene.
        maps: the images that the lines name, by file name: (N, N, 3) float32, equal-area octahedral.
        seen: the radiance that a camera sees beside the medium where it is the same everywhere;
            None where it is not, so that it has to be rendered.
    """

    text: str
    maps: dict[str, NDArray[np.float32]]
    seen: float | None


def lights_of(settings: RendererSettings, *, folder: str = "") -> Lights:
    """The lights that ``settings`` describe.

    A constant environment and a key light of parallel rays are exact. An environment map and a soft key
    light become maps of square texels of equal solid angle, constant within each: the flux of every texel
    is kept, what is finer than a texel is not. The disc of a soft light has 48 texels across or, where
    that makes more than 2048² of them, fewer, and its irradiance is exact in any case.

    Args:
        settings: the lights.
        folder: of the maps, from the scene's; ends in a slash where it is not the same.

    Raises:
        InputError: the environment map cannot be read.
    """
    lines: list[str] = []
    maps: dict[str, NDArray[np.float32]] = {}
    seen: float | None = 0.0
    radiance = settings.environment_radiance
    environment = environment_map(settings) if radiance > 0 else None
    key = settings.key_light
    if environment is not None or (key is not None and key.angular_radius_deg > 0):
        lines.append(_map_light(_around(radiance, environment, key), folder, maps))
        seen = None
    elif radiance > 0:
        lines.append(f'LightSource "infinite" "rgb L" [1 1 1] "float scale" [{radiance!r}]')
        seen = radiance
    if key is not None and key.angular_radius_deg == 0:
        towards = " ".join(repr(float(each)) for each in unit(key.towards))
        lines.append(
            f'LightSource "distant" "point3 from" [{towards}] "point3 to" [0 0 0] '
            f'"rgb L" [1 1 1] "float scale" [{key.irradiance!r}]'
        )
    return Lights(text="\n".join(lines), maps=maps, seen=seen)


def octahedral_map(equirectangular: NDArray[np.float32], *, least: int = 1) -> NDArray[np.float32]:
    """pbrt's (N, N, 3) map of an environment (H, W, 3), see :mod:`renderbench.groundtruth.lights`.

    Each texel is the mean radiance of what falls into it, by a grid of directions at least three times finer
    than texels and the environment's pixels, between which it is interpolated.

    Args:
        equirectangular: the environment.
        least: N is the environment's H, or this where it is more; at most 2048.
    """
    height, width, _ = equirectangular.shape
    size = min(max(height, least), _LARGEST_MAP)
    parts = _PARTS * math.ceil(size / height)
    x = (np.arange(width * parts) + 0.5) / parts
    azimuth = (0.5 - x / width) * 2 * np.pi
    left, to_right = _between(x)
    flux = np.zeros((3, size * size))
    area = np.zeros(size * size)
    for y in (np.arange(height * parts) + 0.5) / parts:
        upper, down = _between(y)
        above, below = (equirectangular[np.clip(row, 0, height - 1)] for row in (upper, upper + 1))
        row = (1 - down) * above + down * below
        values = (1 - to_right)[:, None] * row[left % width] + to_right[:, None] * row[(left + 1) % width]
        polar = np.pi * y / height
        sine = np.full_like(x, np.sin(polar))
        directions = np.stack(
            [sine * np.sin(azimuth), -sine * np.cos(azimuth), np.full_like(x, np.cos(polar))], axis=-1
        )
        texels = _texels(directions, size)
        area += sine[0] * np.bincount(texels, minlength=size * size)
        for channel in range(3):
            flux[channel] += sine[0] * np.bincount(texels, values[:, channel], minlength=size * size)
    return (flux / area).T.reshape(size, size, 3).astype(np.float32)


def disc_map(key: KeyLight, *, least: int = 64) -> NDArray[np.float32]:
    """pbrt's (N, N, 3) map of a soft key light, N at least ``least``: a disc, its rim smooth over a texel."""
    radius = math.radians(key.angular_radius_deg)
    size = round(min(max(_DISC_TEXELS * math.sqrt(math.pi) / radius, least), _LARGEST_MAP))
    towards = unit(key.towards)
    near = math.cos(min(radius + 4.0 * math.sqrt(4.0 * math.pi) / size, math.pi))
    rows, columns = np.nonzero(texel_directions(size) @ towards > near)
    parts = (np.arange(_OVERSAMPLING) + 0.5) / _OVERSAMPLING
    u = (columns[:, None, None] + parts[None, None, :]) / size
    v = (rows[:, None, None] + parts[None, :, None]) / size
    cosines = sphere_from_square(*np.broadcast_arrays(u, v)) @ towards
    within = cosines > math.cos(radius)
    received = float((within * cosines).mean(axis=(1, 2)).sum() * 4.0 * math.pi / size**2)
    image = np.zeros((size, size, 3), dtype=np.float32)
    image[rows, columns] = (within.mean(axis=(1, 2)) * key.irradiance / received)[:, None]
    return image


def texel_directions(size: int) -> NDArray[np.float64]:
    """(N, N, 3) the unit direction of each texel's middle, row by row from v = 0."""
    middles = (np.arange(size) + 0.5) / size
    u, v = np.meshgrid(middles, middles)
    return sphere_from_square(u, v)


def sphere_from_square(u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit directions (..., 3) of points of [0, 1]²: the equal-area octahedral map of Clarberg (2008)."""
    a, b = 2.0 * u - 1.0, 2.0 * v - 1.0
    from_rim = 1.0 - np.abs(a) - np.abs(b)
    r = 1.0 - np.abs(from_rim)
    turn = np.divide(np.abs(b) - np.abs(a), r, out=np.zeros_like(r), where=r > 0)
    phi = (turn + 1.0) * np.pi / 4.0
    horizontal = r * np.sqrt(2.0 - r * r)
    return np.stack(
        [
            np.copysign(np.cos(phi), a) * horizontal,
            np.copysign(np.sin(phi), b) * horizontal,
            np.copysign(1.0 - r * r, from_rim),
        ],
        axis=-1,
    )


def square_from_sphere(directions: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The inverse of :func:`sphere_from_square`: u and v of unit directions (..., 3)."""
    x, y, z = np.moveaxis(np.abs(directions), -1, 0)
    r = np.sqrt(np.maximum(1.0 - z, 0.0))
    b = r * np.arctan2(y, x) * 2.0 / np.pi
    a = r - b
    below = directions[..., 2] < 0
    a, b = np.where(below, 1.0 - b, a), np.where(below, 1.0 - a, b)
    return (
        (np.copysign(a, directions[..., 0]) + 1.0) / 2.0,
        (np.copysign(b, directions[..., 1]) + 1.0) / 2.0,
    )


def unit(direction: ArrayLike) -> NDArray[np.float64]:
    """(3,) of length 1."""
    vector = np.asarray(direction, dtype=np.float64)
    return vector / np.linalg.norm(vector)


def _around(
    radiance: float, environment: NDArray[np.float32] | None, key: KeyLight | None
) -> NDArray[np.float32]:
    """Environment and soft key light as one map.

    One, since pbrt-v4 weighs a second infinite light wrongly: where a path escapes, the chances of having
    drawn its direction from each light are multiplied up from light to light.
    """
    if key is None or key.angular_radius_deg == 0:
        assert environment is not None
        return octahedral_map(environment)
    if environment is None:
        return disc_map(key) + np.float32(radiance)
    disc = disc_map(key, least=min(max(len(environment), 64), _LARGEST_MAP))
    return disc + octahedral_map(environment, least=len(disc))


def _map_light(image: NDArray[np.float32], folder: str, maps: dict[str, NDArray[np.float32]]) -> str:
    """The line of a light whose map is added to ``maps``; the file's name tells its content."""
    name = f"lights-{hashlib.sha256(image.tobytes()).hexdigest()[:12]}.pfm"
    maps[name] = image
    return f'LightSource "infinite" "string filename" "{folder}{name}"'


def _texels(directions: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    u, v = (np.minimum((each * size).astype(np.int64), size - 1) for each in square_from_sphere(directions))
    return v * size + u


def _between(positions: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The pixel whose centre comes before each position, and how far on to the next one (0 to 1)."""
    before = np.floor(np.asarray(positions) - 0.5)
    return before.astype(np.int64), np.asarray(positions) - 0.5 - before
