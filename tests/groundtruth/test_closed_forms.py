"""The native renderer against what is known exactly, before it is called ground truth."""

from collections.abc import Callable

import numpy as np
import pytest
from numba import njit
from numpy.typing import ArrayLike
from scipy.integrate import quad
from scipy.ndimage import map_coordinates
from scipy.special import expn, roots_legendre

from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native.phase import scattered
from renderbench.groundtruth.native.random_numbers import two_uniforms
from tests.groundtruth.media import mean_and_error, medium, render, slab, telescope

# In standard errors; seeds are fixed, so this either holds or does not.
TOLERANCE = 3.0


def agree(value: np.ndarray, expected: ArrayLike, error: np.ndarray, precision: float = 0.01) -> None:
    """Within TOLERANCE standard errors, which are themselves below ``precision`` of the value."""
    scores = (value - expected) / error
    print(f"standard errors {np.round(scores, 2)}, of {np.round(100 * error / value, 3)} %")
    assert (abs(scores) < TOLERANCE).all()
    assert (error / value < precision).all()


def from_above(cosine: float = 1.0) -> tuple[float, float, float]:
    sine = np.sqrt(1 - cosine**2)
    return 0.8 * sine, 0.6 * sine, cosine


def random_medium(
    world_from_voxel: np.ndarray | None = None, albedo: float | np.ndarray = 1.0, thickness: float = 1.0
) -> Medium:
    """Sparse: most voxels empty, some very dense, as CT under a transfer function."""
    rng = np.random.default_rng(5)
    sigma_t = np.where(rng.random((9, 11, 13)) < 0.25, rng.exponential(0.4 * thickness, (9, 11, 13)), 0.0)
    return medium(sigma_t, albedo, world_from_voxel)


def oblique() -> np.ndarray:
    """A rotation, a mirror and three spacings: the general ``world_from_voxel``."""
    matrix, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    placed = np.eye(4)
    placed[:3, :3] = matrix * (1.5, 1.2, -2.0)
    placed[:3, 3] = (100.0, -50.0, 20.0)
    return placed


@pytest.mark.parametrize("cosine", [1.0, 0.5])
@pytest.mark.parametrize("optical_depth", [0.1, 0.5, 2.0, 6.0, 10.0])
def test_slab_transmittance(optical_depth: float, cosine: float) -> None:
    """To a 0.1 % of the light that enters."""
    transmitted, expected, error = transmittance(optical_depth, cosine, samples_per_pixel=512)
    assert error < 0.001
    assert abs(transmitted - expected) < TOLERANCE * error


@pytest.mark.slow
@pytest.mark.parametrize(("optical_depth", "samples"), [(0.1, 512), (0.5, 2048), (2.0, 8192), (3.0, 20480)])
def test_slab_transmittance_to_a_thousandth_of_itself(optical_depth: float, samples: int) -> None:
    transmitted, expected, error = transmittance(optical_depth, 1.0, samples_per_pixel=samples)
    assert error < 0.001 * expected
    assert abs(transmitted - expected) < TOLERANCE * error


def transmittance(
    optical_depth: float, cosine: float, *, samples_per_pixel: int
) -> tuple[float, float, float]:
    """What a slab lets through, exp(-tau / cosine), and the standard error of a binomial share."""
    target = slab(optical_depth)
    camera = telescope(target, from_above(cosine))
    view = render(target, camera, seed=2, max_depth=1, samples_per_pixel=samples_per_pixel)
    expected = float(np.exp(-optical_depth / cosine))
    error = np.sqrt(expected * (1 - expected) / (view.alpha.size * samples_per_pixel))
    return 1.0 - view.alpha.mean(dtype=np.float64), expected, error


def one_voxel() -> Medium:
    return medium(np.array([[[2.0]]]), 1.0, oblique())


def flat_voxels() -> Medium:
    return random_medium(oblique() @ np.diag([0.2, 0.3, 4.0, 1.0]), thickness=2.0)


@pytest.mark.parametrize(
    ("made", "zoom"), [(lambda: random_medium(oblique()), 1.5), (one_voxel, 1.5), (flat_voxels, 0.3)]
)
def test_transmittance_of_oblique_media_pixel_by_pixel(made: Callable[[], Medium], zoom: float) -> None:
    target, size, samples = made(), 32, 1024
    camera = telescope(target, (0.3, -1.0, 0.4), resolution=size, width_mm=zoom * target.radius_mm)
    view = render(target, camera, seed=3, samples_per_pixel=samples)

    fine = 3
    offsets = (np.arange(size * fine) + 0.5) / fine
    columns, rows = np.meshgrid(offsets, offsets)
    plane = np.stack([(columns - 16) / camera.fx_px, (rows - 16) / camera.fy_px, np.ones_like(rows)], axis=-1)
    directions = plane @ camera.world_from_camera[:3, :3].T
    distance = np.linalg.norm(camera.position_mm - target.center_mm)
    step = target.radius_mm / 250
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
    assert seen.sum() > 300
    assert abs(scores.mean()) < TOLERANCE / np.sqrt(seen.sum())
    # Stratified positions in the pixel can only lower the noise.
    assert 0.8 < scores.std() < 1.06
    assert abs(scores).max() < 4.5


@pytest.mark.parametrize("thickness", [0.03, 1.0, pytest.param(30.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("anisotropy", [0.0, 0.7])
def test_white_furnace(anisotropy: float, thickness: float) -> None:
    """Where nothing is absorbed, what is scattered and what is seen through make the environment.

    Escape is not weighted, so this holds path by path, and so without any noise.
    """
    target = random_medium(oblique(), thickness=thickness)
    camera = telescope(target, (1.0, 0.2, 0.1), width_mm=1.2 * target.radius_mm)
    changes = {"max_depth": 1_000_000, "environment_radiance": 1.75, "anisotropy": anisotropy}
    view = render(target, camera, seed=4, samples_per_pixel=64, **changes)
    assert 0.01 < view.alpha.mean() < 0.999
    total = view.rgb + 1.75 * (1.0 - view.alpha[..., None])
    assert total == pytest.approx(np.full_like(total, 1.75), rel=2e-6)


def test_white_furnace_cut_at_every_depth() -> None:
    """The maximum depth ends paths and changes none, so depths share them.

    A white medium then tells which share of paths leaves after n scatterings, and the light of a grey one of
    albedo a is the sum of a^n times that share, path by path, up to each depth.
    """
    depths, albedo = range(1, 13), np.array([0.95, 0.9, 0.85])
    white, grey = random_medium(oblique()), random_medium(oblique(), albedo)
    camera = telescope(white, (1.0, 0.2, 0.1), resolution=16, width_mm=1.2 * white.radius_mm)
    views = [
        [render(each, camera, seed=4, samples_per_pixel=32, max_depth=depth).rgb for depth in depths]
        for each in (white, grey)
    ]
    light, grey_light = np.array(views, dtype=np.float64)
    shares = np.diff(light, axis=0, prepend=0.0)
    assert shares.min() > -1e-6
    assert (shares.mean(axis=(1, 2, 3)) > 0).all()
    powers = albedo ** np.array(depths)[:, None]
    np.testing.assert_allclose(grey_light, np.cumsum(shares * powers[:, None, None], axis=0), atol=2e-6)
    uncut = render(white, camera, seed=4, samples_per_pixel=32, max_depth=1_000_000)
    np.testing.assert_allclose(uncut.rgb, np.repeat(uncut.alpha[..., None], 3, axis=-1), rtol=2e-6)
    assert (light[-1] <= uncut.rgb + 1e-6).all()


@pytest.mark.parametrize("g", [-0.9, -0.4, -1e-6, 1e-8, 1e-4, 0.09, 0.11, 0.5, 0.95])
def test_henyey_greenstein_moments(g: float) -> None:
    """The mean of the n-th Legendre polynomial of the cosine is g^n."""
    count, axis = 4_000_000, np.array([-0.48, 0.6, -0.64])
    sums, squares = legendre_sums(count, axis, g)
    mean = sums / count
    error = np.sqrt((squares / count - mean**2) / count)
    assert (error < 0.001).all()
    assert (abs(mean - g ** np.arange(1, 5)) < TOLERANCE * error).all()


@njit
def legendre_sums(count: int, axis: np.ndarray, g: float) -> tuple[np.ndarray, np.ndarray]:
    """Sums and sums of squares of the first four Legendre polynomials."""
    u, v, w = np.float32(axis[0]), np.float32(axis[1]), np.float32(axis[2])
    state = np.uint64(7)
    sums, squares = np.zeros(4), np.zeros(4)
    for _ in range(count):
        state, along, around = two_uniforms(state)
        to_u, to_v, to_w = scattered(u, v, w, np.float32(g), along, around)
        x = axis[0] * to_u + axis[1] * to_v + axis[2] * to_w
        second = 1.5 * x * x - 0.5
        third = (5.0 * x * second - 2.0 * x) / 3.0
        fourth = (7.0 * x * third - 3.0 * second) / 4.0
        for index, value in enumerate((x, second, third, fourth)):
            sums[index] += value
            squares[index] += value * value
    return sums, squares


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
    [
        (1.0, 0.6, -0.4),
        *(
            pytest.param(*each, marks=pytest.mark.slow)
            for each in ((0.3, 1.0, 0.0), (2.0, 1.0, 0.0), (2.0, 0.5, 0.0), (1.0, 1.0, 0.6), (1.0, 0.6, 0.6))
        ),
    ],
)
def test_single_scattering_in_a_slab(optical_depth: float, cosine: float, g: float) -> None:
    albedo = np.array([1.0, 0.6, 0.25])
    target = slab(optical_depth, albedo)
    changes = {"max_depth": 1, "anisotropy": g, "samples_per_pixel": 5120}
    mean, error = mean_and_error(target, telescope(target, from_above(cosine)), **changes)
    agree(mean, albedo * single_scattering(optical_depth, cosine, g), error, precision=0.001)


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
    agree(mean, expected, error, precision=0.005)


def test_russian_roulette_leaves_the_mean_of_dark_media_alone() -> None:
    """One channel alone, so dark that every path plays after its first scattering."""
    target = slab(60.0, 0.05)
    mean, error = mean_and_error(target, telescope(target, from_above()), max_depth=100_000)
    expected = 1 - np.sqrt(0.95) * h_function(0.05, 1.0)
    assert (abs(mean - expected) < TOLERANCE * error).all()
