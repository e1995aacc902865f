"""Light that a collision looks for: one shadow ray, through the medium by delta tracking.

A shadow ray arrives or does not, as a path does. Ratio tracking, which weighs it instead, was measured
on CT: less noise a sample, but as much longer in dense tissue.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.flight import flight
from renderbench.groundtruth.native.illumination import sky_light, towards_key, towards_sky
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.phase import phase
from renderbench.groundtruth.native.random_numbers import two_uniforms

_F = np.float32


@helper
def light_of_the_key(
    x: Any,
    y: Any,
    z: Any,
    u: Any,
    v: Any,
    w: Any,
    along: Any,
    around: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    voxels_per_mm: np.ndarray,
    anisotropy: Any,
    lights: Any,
    state: Any,
) -> tuple[Any, Any]:
    """What of the key light a collision at a position (voxels) scatters back along (-u, -v, -w)."""
    to_u, to_v, to_w, irradiance = towards_key(along, around, lights)
    arrives, state = _arrives(x, y, z, to_u, to_v, to_w, density, majorants, voxels_per_mm, state)
    if not arrives:
        return state, _F(0.0)
    return state, irradiance * phase(u * to_u + v * to_v + w * to_w, anisotropy)


@helper
def light_of_the_sky(
    x: Any,
    y: Any,
    z: Any,
    u: Any,
    v: Any,
    w: Any,
    across: Any,
    down: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    voxels_per_mm: np.ndarray,
    anisotropy: Any,
    lights: Any,
    state: Any,
) -> tuple[Any, Any, Any, Any]:
    """What of the sky (rgb) a collision scatters back along (-u, -v, -w), as far as escape does not find it.

    ``across`` and ``down`` choose a pixel of the map. Radiance times phase over the density of looking,
    weighed by the balance heuristic, leaves the sum of both densities below; escape is weighed likewise.
    """
    state, in_x, in_y = two_uniforms(state)
    to_u, to_v, to_w = towards_sky(across, down, in_x, in_y, lights)
    arrives, state = _arrives(x, y, z, to_u, to_v, to_w, density, majorants, voxels_per_mm, state)
    if not arrives:
        return state, _F(0.0), _F(0.0), _F(0.0)
    red, green, blue, looked = sky_light(to_u, to_v, to_w, lights)
    met = phase(u * to_u + v * to_v + w * to_w, anisotropy)
    weight = met / (met + looked)
    return state, weight * red, weight * green, weight * blue


@helper
def _arrives(
    x: Any,
    y: Any,
    z: Any,
    u: Any,
    v: Any,
    w: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    voxels_per_mm: np.ndarray,
    state: Any,
) -> tuple[bool, Any]:
    state, uniform, _ = two_uniforms(state)
    vx, vy, vz = u * voxels_per_mm[0], v * voxels_per_mm[1], w * voxels_per_mm[2]
    tau = -math.log(_F(1.0) - uniform)
    hit, _, _, _, state = flight(x, y, z, vx, vy, vz, tau, density, majorants, state)
    return not hit, state
