"""One path: from the camera through collisions to the light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.direct import light_of_the_key, light_of_the_sky
from renderbench.groundtruth.native.flight import box_span, flight
from renderbench.groundtruth.native.illumination import sky_light
from renderbench.groundtruth.native.interpolation import albedo
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.phase import phase, scattered
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
    lights: Any,
    sample: Any,
    stream: Any,
) -> tuple[Any, Any, Any, Any, Any]:
    """One path: the rgb light that it finds, 1 if it scattered, and after how many mm."""
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
    looks_for_sky = lights.rows.shape[0] > 0
    dark_sky = lights.sky.shape[0] == 0 and lights.radiance == nothing
    red = green = blue = _F(1.0)
    light_r = light_g = light_b = nothing
    met = _F(1.0)
    depth = 0
    away = nothing
    while True:
        hit, x, y, z, state = flight(x, y, z, u * sx, v * sy, w * sz, tau, density, majorants, state)
        if not hit:
            if depth == 0:
                return nothing, nothing, nothing, nothing, nothing
            sky_r, sky_g, sky_b, looked = sky_light(u, v, w, lights)
            if looks_for_sky:
                weight = met / (met + looked)
                red, green, blue = red * weight, green * weight, blue * weight
            return light_r + red * sky_r, light_g + green * sky_g, light_b + blue * sky_b, _F(1.0), away
        if depth == max_depth:
            return light_r, light_g, light_b, _F(1.0), away
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
                return light_r, light_g, light_b, _F(1.0), away
            red, green, blue = red / survival, green / survival, blue / survival
        if lights.key_irradiance > nothing:
            if depth == 1:
                along, around = stratified(sample, stream, _U64(3))
            else:
                state, along, around = two_uniforms(state)
            state, power = light_of_the_key(
                x, y, z, u, v, w, along, around, density, majorants, voxels_per_mm, anisotropy, lights, state
            )
            light_r, light_g, light_b = light_r + red * power, light_g + green * power, light_b + blue * power
            if depth == max_depth and dark_sky:
                return light_r, light_g, light_b, _F(1.0), away
        if looks_for_sky:
            if depth == 1:
                across, down = stratified(sample, stream, _U64(4))
            else:
                state, across, down = two_uniforms(state)
            state, sky_r, sky_g, sky_b = light_of_the_sky(
                x, y, z, u, v, w, across, down, density, majorants, voxels_per_mm, anisotropy, lights, state
            )
            light_r, light_g, light_b = light_r + red * sky_r, light_g + green * sky_g, light_b + blue * sky_b
        if depth == 1:
            along, around = stratified(sample, stream, _U64(2))
        else:
            state, along, around = two_uniforms(state)
        to_u, to_v, to_w = scattered(u, v, w, anisotropy, along, around)
        if looks_for_sky:
            met = phase(u * to_u + v * to_v + w * to_w, anisotropy)
        u, v, w = to_u, to_v, to_w
        tau = -math.log(_F(1.0) - tau_uniform)
