"""The light that a path meets when it leaves, and the light that a collision looks for.

The sky (the environment) is met by escape; the brightest parts of a map are looked for, too, and the two
are weighed by the balance heuristic. The key light is only looked for, never met.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderbench.config import RendererSettings
from renderbench.groundtruth.lights import environment_map, pixel_solid_angles
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.phase import around_axis

_F = np.float32
_PI = _F(math.pi)
_TWO_PI = _F(2.0 * math.pi)
_ONE_OVER_TWO_PI = _F(0.5 / math.pi)
_ONE_OVER_PI = _F(1.0 / math.pi)
# Uniforms are multiples of 2^-24; tables of the same steps make the chances of pixels exact.
_STEPS = 2.0**24
# Below this share of a map's light above its mean, escape alone is as good as looking for it.
_ALL_BUT_CONSTANT = 1e-3


class Illumination(NamedTuple):
    """The lights as kernels see them; float32, directions along the volume's axes unless they say world.

    Args:
        radiance: of a constant environment; 0 with a map.
        sky: (H, W, 4) radiance (rgb) of the environment map and the density (1/sr) with which
            :func:`towards_sky` draws it; (1, 1, 4) for a constant environment (numba-cuda launches no kernel
            with an empty array, and no map is one column wide).
        rows: (H,) cumulative chance of each row of the sky.
        columns: (H, W) cumulative chance of each pixel in its row; (1, 1) where the sky is not looked for.
        world_from_axes: (3, 3).
        key: (3,) towards the key light.
        key_irradiance: 0 without a key light.
        key_spread: 1 - cos(angular radius).
    """

    radiance: np.float32
    sky: NDArray[np.float32]
    rows: NDArray[np.float32]
    columns: NDArray[np.float32]
    world_from_axes: NDArray[np.float32]
    key: NDArray[np.float32]
    key_irradiance: np.float32
    key_spread: np.float32


def illumination(settings: RendererSettings, axes_from_world: NDArray[np.float64]) -> Illumination:
    """The settings' lights.

    Args:
        settings: with the lights.
        axes_from_world: (3, 3) orthogonal, into the volume's own axes.

    Raises:
        InputError: the environment map is not one.
    """
    radiance = environment_map(settings)
    key = settings.key_light
    constant = radiance is None
    if radiance is None:
        radiance = np.zeros((1, 1, 3), dtype=np.float32)
    density, rows, columns = _importance(radiance)
    towards = np.zeros(3) if key is None else np.asarray(key.towards) / np.linalg.norm(key.towards)
    return Illumination(
        radiance=_F(settings.environment_radiance if constant else 0.0),
        sky=np.concatenate([radiance, density[..., None]], axis=-1),
        rows=rows,
        columns=columns,
        world_from_axes=np.ascontiguousarray(axes_from_world.T, dtype=np.float32),
        key=(axes_from_world @ towards).astype(np.float32),
        key_irradiance=_F(0.0 if key is None else key.irradiance),
        key_spread=_F(0.0 if key is None else 2.0 * math.sin(math.radians(key.angular_radius_deg) / 2) ** 2),
    )


def _importance(
    radiance: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """The density (1/sr) with which the sky is looked for, and its cumulative chances by rows and columns.

    Only what exceeds the sky's mean is looked for: escape finds the rest as well, and without a second
    walk through the medium (MIS compensation, Karlík et al. 2019). A map that is all but constant is not
    looked for at all.
    """
    height, width, _ = radiance.shape
    solid_angles = pixel_solid_angles(height, width)[:, None]
    power = radiance.mean(axis=-1, dtype=np.float64) * solid_angles
    excess = np.maximum(power - power.sum() * solid_angles / (4 * math.pi), 0.0)
    if excess.sum() <= _ALL_BUT_CONSTANT * power.sum():
        return np.zeros((height, width), np.float32), np.ones(1, np.float32), np.ones((1, 1), np.float32)
    rows = _cumulative(excess.sum(axis=1))
    columns = _cumulative(excess)
    chances = np.diff(rows, prepend=0.0)[:, None] * np.diff(columns, axis=1, prepend=0.0)
    return (
        (chances / solid_angles).astype(np.float32),
        rows.astype(np.float32),
        columns.astype(np.float32),
    )


def _cumulative(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cumulative chances along the last axis in steps of a uniform; ones where all weights are zero."""
    total = weights.sum(axis=-1, keepdims=True)
    shares = np.cumsum(weights, axis=-1) / np.where(total > 0, total, 1.0)
    shares[..., -1] = 1.0
    return np.rint(shares * _STEPS) / _STEPS


@helper
def sky_light(u: Any, v: Any, w: Any, lights: Any) -> tuple[Any, Any, Any, Any]:
    """Radiance (rgb) of the sky in a direction, and the density with which it is looked for there."""
    if lights.sky.shape[1] == 1:
        return lights.radiance, lights.radiance, lights.radiance, _F(0.0)
    world = lights.world_from_axes
    left = world[0, 0] * u + world[0, 1] * v + world[0, 2] * w
    back = world[1, 0] * u + world[1, 1] * v + world[1, 2] * w
    up = world[2, 0] * u + world[2, 1] * v + world[2, 2] * w
    height, width = lights.sky.shape[0], lights.sky.shape[1]
    # The polar angle by its tangent: an arc cosine would lose half the digits at the poles.
    x = (_F(0.5) - math.atan2(left, -back) * _ONE_OVER_TWO_PI) * _F(np.int32(width))
    y = math.atan2(math.sqrt(left * left + back * back), up) * _ONE_OVER_PI * _F(np.int32(height))
    density = lights.sky[min(int(y), height - 1), min(int(x), width - 1), 3]
    x, y = x - _F(0.5), y - _F(0.5)
    # CUDA's floor is a float, the CPU's an int.
    column, row = np.int32(math.floor(x)), np.int32(math.floor(y))
    fx, fy = x - _F(column), y - _F(row)
    before, after = column % width, (column + 1) % width
    above, below = max(row, 0), min(row + 1, height - 1)
    red = green = blue = _F(0.0)
    for far in range(4):
        weight = (fx if far & 1 else _F(1.0) - fx) * (fy if far & 2 else _F(1.0) - fy)
        pixel = lights.sky[below if far & 2 else above, after if far & 1 else before]
        red += weight * pixel[0]
        green += weight * pixel[1]
        blue += weight * pixel[2]
    return red, green, blue, density


@helper
def towards_sky(a: Any, b: Any, c: Any, d: Any, lights: Any) -> tuple[Any, Any, Any]:
    """A direction drawn in proportion to what exceeds the sky's mean, by four uniforms."""
    row = _first_above(lights.rows, a)
    column = _first_above(lights.columns[row], b)
    height, width = lights.sky.shape[0], lights.sky.shape[1]
    azimuth = _TWO_PI * (_F(0.5) - (_F(np.int32(column)) + c) / _F(np.int32(width)))
    top = math.cos(_PI * _F(np.int32(row)) / _F(np.int32(height)))
    bottom = math.cos(_PI * _F(np.int32(row + 1)) / _F(np.int32(height)))
    up = top + (bottom - top) * d
    across = math.sqrt(max(_F(1.0) - up * up, _F(0.0)))
    left, back = across * math.sin(azimuth), -across * math.cos(azimuth)
    world = lights.world_from_axes
    return (
        world[0, 0] * left + world[1, 0] * back + world[2, 0] * up,
        world[0, 1] * left + world[1, 1] * back + world[2, 1] * up,
        world[0, 2] * left + world[1, 2] * back + world[2, 2] * up,
    )


@helper
def towards_key(along: Any, around: Any, lights: Any) -> tuple[Any, Any, Any, Any]:
    """A direction drawn uniformly from the key light's disc, and radiance over density there."""
    u, v, w = lights.key[0], lights.key[1], lights.key[2]
    spread = lights.key_spread
    if spread == _F(0.0):
        return u, v, w, lights.key_irradiance
    short = along * spread
    sine = math.sqrt(short * (_F(2.0) - short))
    phi = _TWO_PI * around
    u, v, w = around_axis(u, v, w, _F(1.0) - short, sine * math.cos(phi), sine * math.sin(phi))
    # Radiance E / (pi sin^2 r) times the solid angle 2 pi (1 - cos r).
    return u, v, w, lights.key_irradiance * _F(2.0) / (_F(2.0) - spread)


@helper
def _first_above(cumulative: Any, uniform: Any) -> int:
    low, high = 0, cumulative.shape[0] - 1
    while low < high:
        middle = (low + high) // 2
        if cumulative[middle] > uniform:
            high = middle
        else:
            low = middle + 1
    return low
