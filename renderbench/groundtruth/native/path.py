"""One path: from the camera through collisions to the light."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from renderbench.groundtruth.native.direct import light_of_the_key, light_of_the_sky
from renderbench.groundtruth.native.flight import flight
from renderbench.groundtruth.native.illumination import sky_light
from renderbench.groundtruth.native.interpolation import albedo
from renderbench.groundtruth.native.jit import helper
from renderbench.groundtruth.native.phase import phase, scattered
from renderbench.groundtruth.native.random_numbers import mixed, stratified, two_uniforms
from renderbench.groundtruth.native.rays import box_span, ray

_F = np.float32
_U64 = np.uint64
_PATHS = _U64(0xD1342543DE82EF95)
# Paths whose throughput is below this go on with a probability in proportion to it.
_ROULETTE = _F(0.1)


@helper
def trace_path(
    column: int,
    row: int,
    sample: Any,
    stream: Any,
    rays: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    voxels_per_mm: np.ndarray,
    max_depth: int,
    anisotropy: Any,
    lights: Any,
) -> tuple[Any, Any, Any, Any, Any]:
    """One path through a pixel: the rgb light that it finds, 1 if it scattered, and after how many mm."""
    nothing = _F(0.0)
    sx, sy, sz = voxels_per_mm[0], voxels_per_mm[1], voxels_per_mm[2]
    jitter_x, jitter_y = stratified(sample, stream, _U64(1))
    x, y, z, u, v, w, behind = ray(_F(np.int32(column)) + jitter_x, _F(np.int32(row)) + jitter_y, rays)
    enter, leave = box_span(x, y, z, u * sx, v * sy, w * sz, density.shape)
    enter = max(enter, -behind)
    if not enter < leave:
        return nothing, nothing, nothing, nothing, nothing
    x, y, z = x + enter * u * sx, y + enter * v * sy, z + enter * w * sz
    from_x, from_y, from_z = x, y, z
    state = mixed(stream + (sample + _U64(1)) * _PATHS)
    state, first_tau, _ = two_uniforms(state)
    tau = -math.log(_F(1.0) - first_tau)
    looks_for_sky = lights.columns.shape[1] > 1
    dark_sky = lights.sky.shape[1] == 1 and lights.radiance == nothing
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
            away = (x - from_x) * u / sx + (y - from_y) * v / sy + (z - from_z) * w / sz + (enter + behind)
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
