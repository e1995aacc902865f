"""One path: from the camera through collisions to the light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.flight import box_span, flight
from renderbench.groundtruth.native.interpolation import albedo
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.phase import scattered
from renderbench.groundtruth.native.random_numbers import mixed, stratified, two_uniforms

_F = np.float32
_U64 = np.uint64
_PATHS = _U64(0xD1342543DE82EF95)
# Paths whose throughput is below this go on with a probability in proportion to it.
_ROULETTE = _F(0.1)


@helper
def trace_path(
    dx: float,
    dy: float,
    dz: float,
    density: np.ndarray,
    majorants: np.ndarray,
    origin: np.ndarray,
    voxels_per_mm: np.ndarray,
    max_depth: int,
    anisotropy: Any,
    sample: Any,
    stream: Any,
) -> tuple[Any, Any, Any, Any, Any]:
    """One path: its rgb throughput if it escapes, 1 if it scattered, and after how many mm."""
    nothing = _F(0.0)
    sx, sy, sz = voxels_per_mm[0], voxels_per_mm[1], voxels_per_mm[2]
    scale = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz)
    dx, dy, dz = dx * scale, dy * scale, dz * scale
    enter, leave = box_span(origin, dx * sx, dy * sy, dz * sz, density.shape)
    if not enter < leave:
        return nothing, nothing, nothing, nothing, nothing
    # The way to the volume is long: float32 begins where the ray enters.
    x = _F(origin[0] + enter * dx * sx)
    y = _F(origin[1] + enter * dy * sy)
    z = _F(origin[2] + enter * dz * sz)
    u, v, w = _F(dx), _F(dy), _F(dz)
    state = mixed(stream + (sample + _U64(1)) * _PATHS)
    state, first_tau, _ = two_uniforms(state)
    tau = -math.log(_F(1.0) - first_tau)
    red = green = blue = _F(1.0)
    depth = 0
    away = nothing
    while True:
        hit, x, y, z, state = flight(x, y, z, u * sx, v * sy, w * sz, tau, density, majorants, state)
        if not hit:
            if depth == 0:
                return nothing, nothing, nothing, nothing, nothing
            return red, green, blue, _F(1.0), away
        if depth == max_depth:
            return nothing, nothing, nothing, _F(1.0), away
        if depth == 0:
            away = _F((x - origin[0]) * dx / sx + (y - origin[1]) * dy / sy + (z - origin[2]) * dz / sz)
        albedo_r, albedo_g, albedo_b = albedo(x, y, z, density)
        red, green, blue = red * albedo_r, green * albedo_g, blue * albedo_b
        depth += 1
        state, roulette, tau_uniform = two_uniforms(state)
        brightest = max(red, max(green, blue))
        if brightest < _ROULETTE:
            survival = brightest / _ROULETTE
            if roulette >= survival:
                return nothing, nothing, nothing, _F(1.0), away
            red, green, blue = red / survival, green / survival, blue / survival
        if depth == 1:
            along, around = stratified(sample, stream, _U64(2))
        else:
            state, along, around = two_uniforms(state)
        u, v, w = scattered(u, v, w, anisotropy, along, around)
        tau = -math.log(_F(1.0) - tau_uniform)
