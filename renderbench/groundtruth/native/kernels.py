"""The walk of the native tracer, compiled: delta tracking over local majorants.

All compiled functions are in this one file on purpose: numba's cache on disk is renewed when the
file of the outermost function changes, and not when a file that it calls into does.

Positions are float32 continuous voxel indices (x, y, z) = (i, j, k), voxel centres at integers;
distances are millimetres; directions are unit vectors along the volume's own axes, and velocities
are the same in voxels per millimetre. Everything random follows from (seed, pixel, half, sample), so
that an image does not depend on how its rows were shared among threads.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

# Part of every digest: raise it whenever a change here changes a pixel.
VERSION = 1

CELL = 4
"""Edge of a majorant cell in voxels."""

_F = np.float32
_U64 = np.uint64
_NEVER = _F(1e30)
_CELL_F = _F(CELL)
_WEYL = _U64(0x9E3779B97F4A7C15)
_PATHS = _U64(0xD1342543DE82EF95)
_24_BITS = _F(2.0**-24)
_21_BITS = _F(2.0**-21)
_LOW_32 = _U64(0xFFFFFFFF)
_TWO_PI = _F(2.0 * math.pi)
# Paths whose throughput is below this go on with a probability in proportion to it.
_ROULETTE = _F(0.1)

# "numpy" divides without testing for zero; the flags allow fused multiply-add but keep inf and nan whole.
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"})


@_compiled
def render_rows(
    first: int,
    last: int,
    halves: np.ndarray,
    density: np.ndarray,
    majorants: np.ndarray,
    origin: np.ndarray,
    axes_from_pixel: np.ndarray,
    voxels_per_mm: np.ndarray,
    first_sample: int,
    half_samples: int,
    max_depth: int,
    radiance: float,
    anisotropy: float,
    seed: Any,
) -> None:
    """Path-trace image rows ``first`` to ``last - 1``.

    Args:
        first: first row.
        last: one past the last row.
        halves: (2, H, W, 5) float32, written: rgb, alpha and the sum of the distances to the first
            scattering (mm) of two independent halves, each the mean over its samples.
        density: (D, H, W, 4) float32: sigma_t and rgb sigma_s in 1/mm, zero on all six faces.
        majorants: (cells z, y, x) float32, see :func:`..majorants.majorant_cells`.
        origin: (3,) float64 the camera in voxel indices.
        axes_from_pixel: (3, 3) float64; maps (column, row, 1) to the ray's direction along the axes.
        voxels_per_mm: (3,) float32 along x, y, z.
        first_sample: where in its sequence each half begins.
        half_samples: samples per pixel of each half.
        max_depth: the most scatterings of a path that contributes.
        radiance: of the constant environment.
        anisotropy: the Henyey-Greenstein g.
        seed: uint64.
    """
    width = halves.shape[2]
    for row in range(first, last):
        for column in range(width):
            for half in range(2):
                stream = _mixed(_mixed(_U64(seed) + _WEYL) ^ _U64((row * width + column) * 2 + half))
                red, green, blue, alpha, distance = 0.0, 0.0, 0.0, 0.0, 0.0
                for sample in range(first_sample, first_sample + half_samples):
                    jitter_x, jitter_y = stratified(_U64(sample), stream, _U64(1))
                    x = column + float(jitter_x)
                    y = row + float(jitter_y)
                    r, g, b, scattered, away = _path(
                        axes_from_pixel[0, 0] * x + axes_from_pixel[0, 1] * y + axes_from_pixel[0, 2],
                        axes_from_pixel[1, 0] * x + axes_from_pixel[1, 1] * y + axes_from_pixel[1, 2],
                        axes_from_pixel[2, 0] * x + axes_from_pixel[2, 1] * y + axes_from_pixel[2, 2],
                        density,
                        majorants,
                        origin,
                        voxels_per_mm,
                        max_depth,
                        _F(anisotropy),
                        _U64(sample),
                        stream,
                    )
                    red += r
                    green += g
                    blue += b
                    alpha += scattered
                    distance += away
                halves[half, row, column, 0] = red * radiance / half_samples
                halves[half, row, column, 1] = green * radiance / half_samples
                halves[half, row, column, 2] = blue * radiance / half_samples
                halves[half, row, column, 3] = alpha / half_samples
                halves[half, row, column, 4] = distance / half_samples


@_compiled
def _path(
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
    enter, leave = _box_span(origin, dx * sx, dy * sy, dz * sz, density.shape)
    if not enter < leave:
        return nothing, nothing, nothing, nothing, nothing
    # The way to the volume is long: float32 begins where the ray enters.
    x = _F(origin[0] + enter * dx * sx)
    y = _F(origin[1] + enter * dy * sy)
    z = _F(origin[2] + enter * dz * sz)
    u, v, w = _F(dx), _F(dy), _F(dz)
    state = _mixed(stream + (sample + _U64(1)) * _PATHS)
    state, first_tau, _ = _two_uniforms(state)
    tau = -math.log(_F(1.0) - first_tau)
    red = green = blue = _F(1.0)
    depth = 0
    away = nothing
    while True:
        hit, x, y, z, state = _flight(x, y, z, u * sx, v * sy, w * sz, tau, density, majorants, state)
        if not hit:
            if depth == 0:
                return nothing, nothing, nothing, nothing, nothing
            return red, green, blue, _F(1.0), away
        if depth == max_depth:
            return nothing, nothing, nothing, _F(1.0), away
        if depth == 0:
            away = _F((x - origin[0]) * dx / sx + (y - origin[1]) * dy / sy + (z - origin[2]) * dz / sz)
        albedo_r, albedo_g, albedo_b = _albedo(x, y, z, density)
        red, green, blue = red * albedo_r, green * albedo_g, blue * albedo_b
        depth += 1
        state, roulette, tau_uniform = _two_uniforms(state)
        brightest = max(red, max(green, blue))
        if brightest < _ROULETTE:
            survival = brightest / _ROULETTE
            if roulette >= survival:
                return nothing, nothing, nothing, _F(1.0), away
            red, green, blue = red / survival, green / survival, blue / survival
        if depth == 1:
            along, around = stratified(sample, stream, _U64(2))
        else:
            state, along, around = _two_uniforms(state)
        u, v, w = _scattered(u, v, w, anisotropy, along, around)
        tau = -math.log(_F(1.0) - tau_uniform)


@_compiled
def _flight(
    x: Any,
    y: Any,
    z: Any,
    vx: Any,
    vy: Any,
    vz: Any,
    tau: Any,
    density: np.ndarray,
    majorants: np.ndarray,
    state: Any,
) -> tuple[bool, Any, Any, Any, Any]:
    """Fly from a position (voxels) at a velocity (voxels / mm) to the next real collision, or out.

    ``tau`` is the optical depth, by the majorants, at which the first tentative collision lies.
    Returns whether there was a collision, where, and the state of the random numbers.
    """
    cells_z, cells_y, cells_x = majorants.shape
    cx = min(max(int(x / _CELL_F), 0), cells_x - 1)
    cy = min(max(int(y / _CELL_F), 0), cells_y - 1)
    cz = min(max(int(z / _CELL_F), 0), cells_z - 1)
    step_x, next_x, every_x = _cell_steps(x, vx, cx)
    step_y, next_y, every_y = _cell_steps(y, vy, cy)
    step_z, next_z, every_z = _cell_steps(z, vz, cz)
    t = _F(0.0)
    while True:
        majorant = majorants[cz, cy, cx]
        t_out = min(next_x, min(next_y, next_z))
        while tau < majorant * (t_out - t):
            t += tau / majorant
            px, py, pz = x + t * vx, y + t * vy, z + t * vz
            state, accept, redraw = _two_uniforms(state)
            state, sigma_t = _sigma_t_of_a_corner(px, py, pz, cx, cy, cz, density, state)
            if accept * majorant < sigma_t:
                return True, px, py, pz, state
            tau = -math.log(_F(1.0) - redraw)
        tau -= max(majorant * (t_out - t), _F(0.0))
        t = t_out
        if next_x <= t_out:
            cx += step_x
            next_x += every_x
            if cx < 0 or cx >= cells_x:
                break
        elif next_y <= t_out:
            cy += step_y
            next_y += every_y
            if cy < 0 or cy >= cells_y:
                break
        else:
            cz += step_z
            next_z += every_z
            if cz < 0 or cz >= cells_z:
                break
    return False, x, y, z, state


@_compiled
def _cell_steps(position: Any, velocity: Any, cell: int) -> tuple[int, Any, Any]:
    """The direction of the walk along one axis, the time to the first cell boundary and between two (mm)."""
    if velocity > _F(1e-9):
        return 1, (_F(cell + 1) * _CELL_F - position) / velocity, _CELL_F / velocity
    if velocity < _F(-1e-9):
        return -1, (_F(cell) * _CELL_F - position) / velocity, -_CELL_F / velocity
    return 0, _NEVER, _NEVER


@_compiled
def _sigma_t_of_a_corner(
    x: Any, y: Any, z: Any, cx: int, cy: int, cz: int, density: np.ndarray, state: Any
) -> tuple[Any, Any]:
    """sigma_t at one of the eight voxels around, drawn with its trilinear weight.

    A collision accepted with probability sigma_t / majorant is then accepted exactly as often as
    with the interpolated value, for one look into memory instead of eight. The corners are among
    those that the cell's majorant bounds, whatever rounding did to the position.
    """
    state += _WEYL
    bits = _mixed(state)
    i = min(max(int(x), cx * CELL), min(cx * CELL + CELL - 1, density.shape[2] - 2))
    j = min(max(int(y), cy * CELL), min(cy * CELL + CELL - 1, density.shape[1] - 2))
    k = min(max(int(z), cz * CELL), min(cz * CELL + CELL - 1, density.shape[0] - 2))
    if _F(np.int32(bits >> _U64(43))) * _21_BITS < x - _F(i):
        i += 1
    if _F(np.int32((bits >> _U64(22)) & _U64(0x1FFFFF))) * _21_BITS < y - _F(j):
        j += 1
    if _F(np.int32((bits >> _U64(1)) & _U64(0x1FFFFF))) * _21_BITS < z - _F(k):
        k += 1
    return state, density[k, j, i, 0]


@_compiled
def _albedo(x: Any, y: Any, z: Any, density: np.ndarray) -> tuple[Any, Any, Any]:
    """sigma_s / sigma_t (rgb), both interpolated trilinearly."""
    sigma_t, red, green, blue = interpolated(x, y, z, density)
    if sigma_t <= _F(0.0):
        return _F(0.0), _F(0.0), _F(0.0)
    return min(red / sigma_t, _F(1.0)), min(green / sigma_t, _F(1.0)), min(blue / sigma_t, _F(1.0))


@_compiled
def interpolated(x: Any, y: Any, z: Any, density: np.ndarray) -> tuple[Any, Any, Any, Any]:
    """The four values of ``density`` at float32 continuous voxel indices, trilinear."""
    depth, height, width, _ = density.shape
    i = min(max(int(x), 0), width - 2)
    j = min(max(int(y), 0), height - 2)
    k = min(max(int(z), 0), depth - 2)
    fx = min(x - _F(i), _F(1.0))
    fy = min(y - _F(j), _F(1.0))
    fz = min(z - _F(k), _F(1.0))
    a = b = c = d = _F(0.0)
    for dk in range(2):
        wz = fz if dk else _F(1.0) - fz
        for dj in range(2):
            wy = wz * (fy if dj else _F(1.0) - fy)
            for di in range(2):
                weight = wy * (fx if di else _F(1.0) - fx)
                a += weight * density[k + dk, j + dj, i + di, 0]
                b += weight * density[k + dk, j + dj, i + di, 1]
                c += weight * density[k + dk, j + dj, i + di, 2]
                d += weight * density[k + dk, j + dj, i + di, 3]
    return a, b, c, d


@_compiled
def _box_span(origin: np.ndarray, vx: float, vy: float, vz: float, shape: Any) -> tuple[float, float]:
    """When (mm) a ray enters and leaves the box of voxel centres; enter >= leave if it misses."""
    enter, leave = 0.0, 1e30
    for axis in range(3):
        velocity = vx if axis == 0 else (vy if axis == 1 else vz)
        top = float(shape[2 - axis] - 1)
        if abs(velocity) < 1e-12:
            if origin[axis] < 0.0 or origin[axis] > top:
                return 0.0, 0.0
        else:
            low, high = -origin[axis] / velocity, (top - origin[axis]) / velocity
            enter = max(enter, min(low, high))
            leave = min(leave, max(low, high))
    return enter, leave


@_compiled
def _scattered(u: Any, v: Any, w: Any, g: Any, along: Any, around: Any) -> tuple[Any, Any, Any]:
    """A unit direction drawn from the Henyey-Greenstein phase function about (u, v, w)."""
    phi = _TWO_PI * around
    cos_phi, sin_phi = math.cos(phi), math.sin(phi)
    if g == _F(0.0):
        cosine = _F(1.0) - _F(2.0) * along
        sine = math.sqrt(max(_F(0.0), _F(1.0) - cosine * cosine))
        return sine * cos_phi, sine * sin_phi, cosine
    ratio = (_F(1.0) - g * g) / (_F(1.0) - g + _F(2.0) * g * along)
    cosine = (_F(1.0) + g * g - ratio * ratio) / (_F(2.0) * g)
    cosine = min(max(cosine, _F(-1.0)), _F(1.0))
    sine = math.sqrt(_F(1.0) - cosine * cosine)
    # An orthonormal basis around the direction, without branches at the poles (Duff et al. 2017).
    sign = _F(1.0) if w >= _F(0.0) else _F(-1.0)
    a = _F(-1.0) / (sign + w)
    b = u * v * a
    p, q = sine * cos_phi, sine * sin_phi
    return (
        p * (_F(1.0) + sign * u * u * a) + q * b + cosine * u,
        p * sign * b + q * (sign + v * v * a) + cosine * v,
        -p * sign * u - q * v + cosine * w,
    )


@_compiled
def _two_uniforms(state: Any) -> tuple[Any, Any, Any]:
    """The next state and two independent float32 in [0, 1)."""
    state += _WEYL
    bits = _mixed(state)
    high = _F(np.int32(bits >> _U64(40))) * _24_BITS
    low = _F(np.int32((bits >> _U64(8)) & _U64(0xFFFFFF))) * _24_BITS
    return state, high, low


@_compiled
def _mixed(bits: Any) -> Any:
    """The finaliser of SplitMix64: every input bit reaches every output bit."""
    bits = (bits ^ (bits >> _U64(30))) * _U64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> _U64(27))) * _U64(0x94D049BB133111EB)
    return bits ^ (bits >> _U64(31))


@_compiled
def stratified(index: Any, stream: Any, dimension: Any) -> tuple[Any, Any]:
    """Point ``index`` (below 2^32) of an Owen-scrambled, shuffled Sobol' pair in [0, 1)^2 (Burley 2020).

    The first 2^m points have one in each dyadic box of area 2^-m; pairs of other dimensions and of
    other streams are independent of it. All arguments are uint64: numba widens narrower integers,
    which then no longer wrap around.
    """
    keys = _mixed(stream ^ (dimension * _WEYL))
    more = _mixed(keys + _WEYL)
    first = _reversed(_owen(_reversed(index), keys & _LOW_32))
    # The second Sobol' matrix is Pascal's triangle mod 2: a Kronecker power, hence five steps.
    second = first ^ (first >> _U64(16))
    second ^= (second & _U64(0xFF00FF00)) >> _U64(8)
    second ^= (second & _U64(0xF0F0F0F0)) >> _U64(4)
    second ^= (second & _U64(0xCCCCCCCC)) >> _U64(2)
    second ^= (second & _U64(0xAAAAAAAA)) >> _U64(1)
    a = _reversed(_owen(first, keys >> _U64(32)))
    b = _reversed(_owen(second, more & _LOW_32))
    return _F(np.int32(a >> _U64(8))) * _24_BITS, _F(np.int32(b >> _U64(8))) * _24_BITS


@_compiled
def _owen(bits: Any, key: Any) -> Any:
    """Nested uniform scrambling of a bit-reversed fraction (Laine and Karras, constants by Vegdahl)."""
    bits ^= bits * _U64(0x3D20ADEA)
    bits += key
    bits *= (key >> _U64(16)) | _U64(1)
    bits ^= bits * _U64(0x05526C56)
    bits ^= bits * _U64(0x53A22864)
    # Every step carries upwards only, so that one cut at the end gives 32-bit arithmetic.
    return bits & _LOW_32


@_compiled
def _reversed(bits: Any) -> Any:
    """The low 32 bits in reverse order."""
    bits = (bits >> _U64(16)) | ((bits << _U64(16)) & _LOW_32)
    bits = ((bits & _U64(0x00FF00FF)) << _U64(8)) | ((bits & _U64(0xFF00FF00)) >> _U64(8))
    bits = ((bits & _U64(0x0F0F0F0F)) << _U64(4)) | ((bits & _U64(0xF0F0F0F0)) >> _U64(4))
    bits = ((bits & _U64(0x33333333)) << _U64(2)) | ((bits & _U64(0xCCCCCCCC)) >> _U64(2))
    return ((bits & _U64(0x55555555)) << _U64(1)) | ((bits & _U64(0xAAAAAAAA)) >> _U64(1))
