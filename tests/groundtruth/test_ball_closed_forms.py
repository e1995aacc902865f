"""A homogeneous ball, scattered once, against quadrature.

What voxels make of a ball is not quite one: averaged over voxels and interpolated between them, its rim is
soft, and it scatters more than a ball by 2 % of the light at a radius of 18 voxels, 0.7 % at 36 and 0.2 % at
72. So the tracer is held against a quadrature over the medium that it is given, which marches through it
in small steps, and that quadrature in its turn against the ball.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numba import njit
from scipy.special import roots_legendre
from scipy.stats.qmc import Sobol

from renderbench.groundtruth.lights import map_directions
from renderbench.groundtruth.medium import Medium
from tests.groundtruth.media import medium, telescope, write_map
from tests.groundtruth.test_closed_forms import agree, oblique
from tests.groundtruth.test_lit_closed_forms import DARK, flux_and_error, key, phase

RADIUS_MM, SIGMA, VOXELS = 1.0, 1.4, 16
ALBEDO = np.array([1.0, 0.6, 0.25])
SEEN_FROM = np.array([0.0, -0.6, 0.8])


@cache
def ball(voxels: int = VOXELS) -> Medium:
    """A homogeneous ball, ``voxels`` in radius; voxels on its surface hold their share of it."""
    fine = 6
    at = (np.arange(-(voxels + 1) * fine, (voxels + 1) * fine) + 0.5) / fine
    shares = np.zeros((2 * voxels + 2,) * 3)
    for z in range(2 * voxels + 2):
        layer = at[z * fine : (z + 1) * fine, None, None]
        inside = layer**2 + at[:, None] ** 2 + at**2 < voxels**2
        shares[z] = inside.reshape(fine, 2 * voxels + 2, fine, 2 * voxels + 2, fine).mean(axis=(0, 2, 4))
    placed = oblique()
    placed[:3, :3] /= np.linalg.norm(placed[:3, :3], axis=0) * voxels / RADIUS_MM
    return medium((SIGMA * shares).astype(np.float32), ALBEDO, placed)


def lit_from(turn_deg: float) -> np.ndarray:
    turn = np.radians(turn_deg)
    return np.cos(turn) * SEEN_FROM + np.sin(turn) * np.array([1.0, 0.0, 0.0])


def voxel_flux(target: Medium, towards: np.ndarray | None) -> float:
    """Of albedo 1 and phase function 1, by quasi-Monte Carlo and rays marched in half voxels.

    ``towards``: the key light, of irradiance 1; None for an environment of 1.
    """
    points = Sobol(5, rng=3).random(1 << 18)
    reach_mm = 1.1 * RADIUS_MM
    at = (2 * points[:, :3] - 1) * reach_mm
    voxel_from_world = np.linalg.inv(target.world_from_voxel)
    start = (at + target.center_mm) @ voxel_from_world[:3, :3].T + voxel_from_world[:3, 3]
    sigma_t = np.ascontiguousarray(target.density[..., 0], dtype=np.float64)
    here = marched(sigma_t, start, np.zeros_like(start), 1)
    kept = here > 0
    up, azimuth = 2 * points[kept, 3] - 1, 2 * np.pi * points[kept, 4]
    across = np.sqrt(1 - up**2)
    everywhere = np.stack([across * np.cos(azimuth), across * np.sin(azimuth), up], axis=-1)
    step_mm, depth = 0.5 * RADIUS_MM / VOXELS, np.zeros(kept.sum())
    for ways in (SEEN_FROM, everywhere if towards is None else towards):
        step = np.broadcast_to(ways, (kept.sum(), 3)) @ voxel_from_world[:3, :3].T * step_mm
        depth += marched(sigma_t, start[kept], step, 5 * VOXELS) * step_mm
    solid_angle = 4 * np.pi if towards is None else 1.0
    return float((here[kept] * np.exp(-depth)).sum()) / len(here) * (2 * reach_mm) ** 3 * solid_angle


@njit
def marched(sigma_t: np.ndarray, start: np.ndarray, step: np.ndarray, steps: int) -> np.ndarray:
    """The sum of sigma_t at the middles of all steps from each start (N, 3), in voxels."""
    sums = np.zeros(len(start))
    for index in range(len(start)):
        for turn in range(steps):
            t = turn + 0.5
            sums[index] += trilinear(
                sigma_t,
                start[index, 0] + t * step[index, 0],
                start[index, 1] + t * step[index, 1],
                start[index, 2] + t * step[index, 2],
            )
    return sums


@njit
def trilinear(sigma_t: np.ndarray, x: float, y: float, z: float) -> float:
    depth, height, width = sigma_t.shape
    if not (0 <= x < width - 1 and 0 <= y < height - 1 and 0 <= z < depth - 1):
        return 0.0  # the outermost voxels are empty
    i, j, k = int(x), int(y), int(z)
    x, y, z = x - i, y - j, z - k
    total = 0.0
    for up in range(2):
        for back in range(2):
            left, right = sigma_t[k + up, j + back, i], sigma_t[k + up, j + back, i + 1]
            total += (z if up else 1 - z) * (y if back else 1 - y) * (left + x * (right - left))
    return total


def ways_out(points: np.ndarray, direction: np.ndarray) -> np.ndarray:
    along = points @ direction
    return np.sqrt(RADIUS_MM**2 - (points**2).sum(axis=-1) + along**2) - along


def ball_flux_under_a_key_light(towards: np.ndarray) -> float:
    """Of a true ball; albedo, phase function and irradiance 1, by quadrature in spherical coordinates."""
    nodes, weights = roots_legendre(40)
    r, r_weights = (nodes + 1) / 2 * RADIUS_MM, weights / 2 * RADIUS_MM
    phi = (np.arange(80) + 0.5) / 80 * 2 * np.pi
    sines = np.sqrt(1 - nodes**2)
    unit = np.stack(
        [sines[:, None] * np.cos(phi), sines[:, None] * np.sin(phi), np.repeat(nodes[:, None], 80, axis=1)],
        axis=-1,
    )
    points = r[:, None, None, None] * unit
    through = np.exp(-SIGMA * (ways_out(points, SEEN_FROM) + ways_out(points, towards)))
    volume = (r_weights * r**2)[:, None, None] * weights[:, None] * (2 * np.pi / 80)
    return float(SIGMA * (through * volume).sum())


def ball_flux_under_the_environment() -> float:
    """Of a true ball; albedo, 4 pi times the phase function, and radiance 1."""
    nodes, weights = roots_legendre(200)
    r, r_weights = (nodes + 1) / 2 * RADIUS_MM, weights / 2 * RADIUS_MM
    way = -r[:, None] * nodes + np.sqrt(RADIUS_MM**2 - r[:, None] ** 2 * (1 - nodes**2))
    escapes = (np.exp(-SIGMA * way) * weights / 2).sum(axis=1)
    return float(SIGMA * 4 * np.pi * (r_weights * r**2 * escapes**2).sum())


def test_the_quadrature_over_the_ball_knows_the_closed_form_of_backscattering() -> None:
    """From the light's own side it is an integral over chords: (1 - exp(-2 sigma chord)) / 2."""
    k = 4 * SIGMA
    area = np.pi / 2 * (RADIUS_MM**2 - 2 * (1 - np.exp(-k * RADIUS_MM) * (1 + k * RADIUS_MM)) / k**2)
    assert ball_flux_under_a_key_light(SEEN_FROM) == pytest.approx(area, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("turn_deg", [0.0, 90.0, 150.0])
def test_the_quadrature_over_voxels_knows_the_ball(turn_deg: float) -> None:
    """Up to the soft rim, for which see above."""
    exact = ball_flux_under_a_key_light(lit_from(turn_deg))
    assert 1.01 < voxel_flux(ball(), lit_from(turn_deg)) / exact < 1.04


@pytest.mark.parametrize(
    ("turn_deg", "g"),
    [
        pytest.param(0.0, 0.0, marks=pytest.mark.slow),
        (90.0, 0.5),
        pytest.param(150.0, -0.4, marks=pytest.mark.slow),
    ],
)
def test_a_ball_scatters_a_directional_light_once(turn_deg: float, g: float) -> None:
    flux, error = flux_and_error(
        ball(),
        telescope(ball(), SEEN_FROM, width_mm=2.2 * RADIUS_MM),
        max_depth=1,
        anisotropy=g,
        samples_per_pixel=4096,
        key_light=key(tuple(lit_from(turn_deg))),
        **DARK,
    )
    expected = voxel_flux(ball(), lit_from(turn_deg)) * phase(-SEEN_FROM @ lit_from(turn_deg), g)
    agree(flux, ALBEDO * expected, error, precision=0.001)


@pytest.mark.parametrize("by_map", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_ball_scatters_the_environment_once(tmp_path: Path, by_map: bool) -> None:
    """Under a sky of which one half is twice as bright and the other dark, seen across, nothing changes."""
    expected = voxel_flux(ball(), None) / (4 * np.pi)
    assert 1.01 < expected / ball_flux_under_the_environment() < 1.04
    changes: dict[str, object] = {}
    if by_map:
        half = np.where(map_directions(64, 128)[..., 2:] > 0, 2.0, 0.0) * np.ones(3)
        changes["environment_map"] = write_map(tmp_path, half)
    camera = telescope(ball(), (0.6, -0.8, 0.0), width_mm=2.2 * RADIUS_MM)
    flux, error = flux_and_error(ball(), camera, max_depth=1, samples_per_pixel=4096, **changes)
    agree(flux, ALBEDO * expected, error, precision=0.001)
