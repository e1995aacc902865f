"""The native renderer against what is known exactly, before it is called ground truth."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.ndimage import map_coordinates
from scipy.special import expn, roots_legendre

from renderbench.groundtruth.medium import Medium
from tests.groundtruth.media import mean_and_error, medium, render, slab, telescope

# In standard errors; seeds are fixed, so this either holds or does not.
TOLERANCE = 3.0


def from_above(cosine: float = 1.0) -> tuple[float, float, float]:
    sine = np.sqrt(1 - cosine**2)
    return 0.8 * sine, 0.6 * sine, cosine


def random_medium(world_from_voxel: np.ndarray | None = None, albedo: float = 1.0) -> Medium:
    """Sparse: most voxels empty, some very dense, as CT under a transfer function."""
    rng = np.random.default_rng(5)
    sigma_t = np.where(rng.random((9, 11, 13)) < 0.25, rng.exponential(0.4, (9, 11, 13)), 0.0)
    return medium(sigma_t, albedo, world_from_voxel)


def oblique() -> np.ndarray:
    """A rotation, a mirror and three spacings: the general ``world_from_voxel``."""
    matrix, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    placed = np.eye(4)
    placed[:3, :3] = matrix * (1.5, 1.2, -2.0)
    placed[:3, 3] = (100.0, -50.0, 20.0)
    return placed


@pytest.mark.parametrize("cosine", [1.0, 0.5])
@pytest.mark.parametrize("optical_depth", [0.05, 0.5, 2.0, 6.0])
def test_slab_transmittance(optical_depth: float, cosine: float) -> None:
    target = slab(optical_depth)
    view = render(target, telescope(target, from_above(cosine)), seed=2)
    expected = 1.0 - np.exp(-optical_depth / cosine)
    error = np.sqrt(expected * (1 - expected) / (view.alpha.size * 256))
    assert abs(view.alpha.mean(dtype=np.float64) - expected) < TOLERANCE * error


def test_transmittance_of_a_random_oblique_medium_pixel_by_pixel() -> None:
    target = random_medium(oblique())
    size, samples = 32, 1024
    camera = telescope(target, (0.3, -1.0, 0.4), resolution=size, width_mm=1.5 * target.radius_mm)
    view = render(target, camera, seed=3, samples_per_pixel=samples)

    fine = 4
    offsets = (np.arange(size * fine) + 0.5) / fine
    columns, rows = np.meshgrid(offsets, offsets)
    plane = np.stack([(columns - 16) / camera.fx_px, (rows - 16) / camera.fy_px, np.ones_like(rows)], axis=-1)
    directions = plane @ camera.world_from_camera[:3, :3].T
    distance = np.linalg.norm(camera.position_mm - target.center_mm)
    step = 0.02
    along = np.arange(distance - target.radius_mm, distance + target.radius_mm, step)
    voxel_from_world = np.linalg.inv(target.world_from_voxel)
    start = voxel_from_world[:3, :3] @ camera.position_mm + voxel_from_world[:3, 3]
    velocity = directions @ voxel_from_world[:3, :3].T
    depth = np.zeros(columns.shape)
    for t in along:
        where = np.moveaxis(start + t * velocity, -1, 0)[::-1]
        depth += map_coordinates(target.density[..., 0], where, order=1, cval=0.0, output=np.float64) * step
    expected = (1 - np.exp(-depth)).reshape(size, fine, size, fine).mean(axis=(1, 3))

    error = np.sqrt(expected * (1 - expected) / samples)
    seen = samples * expected * (1 - expected) > 10
    scores = (view.alpha[seen] - expected[seen]) / error[seen]
    assert seen.sum() > 500
    assert abs(scores.mean()) < TOLERANCE / np.sqrt(seen.sum())
    # Stratified positions in the pixel can only lower the noise.
    assert 0.85 < scores.std() < 1.05
    assert abs(scores).max() < 4.5


@pytest.mark.parametrize("anisotropy", [0.0, 0.7])
def test_white_furnace(anisotropy: float) -> None:
    """Where nothing is absorbed, what is scattered and what is seen through make the environment.

    Escape is not weighted, so this holds path by path, and so without any noise.
    """
    target = random_medium(oblique())
    camera = telescope(target, (1.0, 0.2, 0.1), width_mm=1.2 * target.radius_mm)
    changes = {"max_depth": 100_000, "environment_radiance": 1.75, "anisotropy": anisotropy}
    view = render(target, camera, seed=4, samples_per_pixel=64, **changes)
    assert 0.2 < view.alpha.mean() < 0.99
    total = view.rgb + 1.75 * (1.0 - view.alpha[..., None])
    assert total == pytest.approx(np.full_like(total, 1.75), rel=2e-6)


def single_scattering(optical_depth: float, cosine: float, g: float) -> float:
    """By quadrature: the radiance of a slab of albedo 1 after one scattering, environment 1."""
    nodes, weights = roots_legendre(96)
    mu, mu_weights = (nodes + 1) / 2, weights / 2
    phi = (np.arange(64) + 0.5) / 64 * 2 * np.pi
    sines = np.sqrt(1 - mu[:, None] ** 2) * np.sqrt(1 - cosine**2) * np.cos(phi)

    def phase(cosines: np.ndarray) -> np.ndarray:
        """Henyey-Greenstein over the azimuth; 2 pi * mean over phi."""
        return ((1 - g * g) / (4 * np.pi) / (1 + g * g - 2 * g * cosines) ** 1.5).mean(axis=1) * 2 * np.pi

    back, onward = phase(-mu[:, None] * cosine + sines), phase(mu[:, None] * cosine + sines)

    def at(depth: float) -> float:
        escape = back * np.exp(-depth / mu) + onward * np.exp(-(optical_depth - depth) / mu)
        return float(np.exp(-depth / cosine) / cosine * (mu_weights * escape).sum())

    return quad(at, 0.0, optical_depth, epsabs=1e-9, limit=200)[0]


def test_the_quadrature_knows_the_exponential_integral() -> None:
    exact = quad(lambda x: np.exp(-x) * 0.5 * (expn(2, x) + expn(2, 2.0 - x)), 0.0, 2.0)[0]
    assert single_scattering(2.0, 1.0, 0.0) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(
    ("optical_depth", "cosine", "g"),
    [(0.3, 1.0, 0.0), (2.0, 1.0, 0.0), (2.0, 0.5, 0.0), (1.0, 1.0, 0.6), (1.0, 0.6, 0.6), (1.0, 0.6, -0.4)],
)
def test_single_scattering_in_a_slab(optical_depth: float, cosine: float, g: float) -> None:
    albedo = np.array([1.0, 0.6, 0.25])
    target = slab(optical_depth, albedo)
    mean, error = mean_and_error(target, telescope(target, from_above(cosine)), max_depth=1, anisotropy=g)
    assert (abs(mean - albedo * single_scattering(optical_depth, cosine, g)) < TOLERANCE * error).all()


def h_function(albedo: float, cosine: float) -> float:
    """Chandrasekhar's H for isotropic scattering, from its integral equation."""
    nodes, weights = roots_legendre(200)
    mu, mu_weights = (nodes + 1) / 2, weights / 2
    h = np.ones_like(mu)

    def step(at: np.ndarray) -> np.ndarray:
        kernel = 0.5 * albedo * (mu_weights * mu * h) / (at[:, None] + mu)
        return 1.0 / (np.sqrt(1 - albedo) + kernel.sum(axis=1))

    for _ in range(400):
        h = step(mu)
    return float(step(np.array([cosine]))[0])


@pytest.mark.parametrize("cosine", [1.0, 0.4])
def test_multiple_scattering_in_a_half_space(cosine: float) -> None:
    """Under a uniform environment a half-space of albedo a shows 1 - sqrt(1 - a) H(mu), to all orders.

    The dark channels go through Russian roulette.
    """
    albedo = np.array([0.9, 0.5, 0.15])
    target = slab(60.0, albedo)
    mean, error = mean_and_error(target, telescope(target, from_above(cosine)), max_depth=100_000)
    expected = [1 - np.sqrt(1 - each) * h_function(each, cosine) for each in albedo]
    assert (abs(mean - expected) < TOLERANCE * error).all()
    assert (error / mean < 0.005).all()


def test_russian_roulette_leaves_the_mean_of_dark_media_alone() -> None:
    """One channel alone, so dark that every path plays after its first scattering."""
    target = slab(60.0, 0.05)
    mean, error = mean_and_error(target, telescope(target, from_above()), max_depth=100_000)
    expected = 1 - np.sqrt(0.95) * h_function(0.05, 1.0)
    assert (abs(mean - expected) < TOLERANCE * error).all()
