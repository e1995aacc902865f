from dataclasses import replace

import numpy as np
import pytest

from renderbench.cameras import look_at, sphere_cameras
from renderbench.errors import InputError
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.renderer import combined
from tests.groundtruth.media import medium, render, settings, slab, telescope
from tests.groundtruth.test_closed_forms import oblique


@pytest.fixture(scope="module")
def ball() -> Medium:
    """Three coloured shells: soft outside, hard inside."""
    steps = np.stack(np.meshgrid(*(np.arange(-8, 9),) * 3, indexing="ij"), axis=-1)
    radius = np.linalg.norm(steps, axis=-1)
    sigma_t = np.select([radius < 4, radius < 6, radius < 8], [3.0, 0.4, 0.05], 0.0)
    albedo = np.where(radius[..., None] < 4, (0.9, 0.9, 0.8), (0.6, 0.2, 0.1))
    return medium(sigma_t, albedo, np.diag([1.5, 1.5, 1.5, 1.0]))


@pytest.fixture(scope="module")
def camera(ball):
    (found,) = sphere_cameras(
        1,
        center_mm=ball.center_mm,
        radius_mm=18.0,
        resolution=48,
        fov_deg=40.0,
        layout="random",
        seed=3,
    )
    return found


def test_the_number_of_threads_changes_nothing(ball, camera) -> None:
    one = render(ball, camera, seed=5, threads=1, samples_per_pixel=16)
    three = render(ball, camera, seed=5, threads=3, samples_per_pixel=16)
    assert one.rgb.tobytes() == three.rgb.tobytes()
    assert one.halves.tobytes() == three.halves.tobytes()
    assert one.alpha.tobytes() == three.alpha.tobytes()


def test_another_seed_gives_other_noise_and_the_same_picture(ball, camera) -> None:
    one, other = (render(ball, camera, seed=seed, samples_per_pixel=256) for seed in (5, 6))
    assert (one.rgb != other.rgb).any()
    scale = np.sqrt(((one.halves[0] - one.halves[1]) ** 2).mean() / 4)
    assert np.sqrt(((one.rgb - other.rgb) ** 2).mean() / 2) == pytest.approx(scale, rel=0.1)


def test_halves_average_to_the_view_and_do_not_share_noise(ball, camera) -> None:
    views = [render(ball, camera, seed=seed, samples_per_pixel=64) for seed in range(8)]
    assert views[0].halves.mean(axis=0) == pytest.approx(views[0].rgb, abs=1e-6)
    noise = np.array([view.halves for view in views])
    noise = noise - noise.mean(axis=(0, 1))
    products = (noise[:, 0] * noise[:, 1]).mean(axis=(0, 3)).ravel()
    # Taking off the common mean of 16 halves leaves a correlation of -1/15.
    expected = -(noise**2).mean(axis=(0, 1, 4)).ravel() / 15
    difference = products - expected
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(difference.size)


def test_the_noise_floor_is_what_the_exact_image_scores(ball, camera) -> None:
    noisy = render(ball, camera, seed=7, samples_per_pixel=64)
    exact = render(ball, camera, seed=8, samples_per_pixel=2048)
    error = np.mean((srgb_from_linear(noisy.rgb) - srgb_from_linear(exact.rgb)) ** 2)
    # The estimate takes sRGB to be linear across the noise; in the dark it is not quite. And the exact
    # image has some noise, too: 0.13 dB of it.
    assert noise_floor(noisy.halves) == pytest.approx(-10 * np.log10(error), abs=0.5)


def test_an_empty_view_is_black_and_has_no_floor(ball, camera) -> None:
    empty = medium(np.zeros((3, 3, 3)))
    view = render(empty, camera, seed=0, samples_per_pixel=4)
    assert view.rgb.max() == view.alpha.max() == 0.0
    assert noise_floor(view.halves) is None


@pytest.mark.parametrize("cosine", [1.0, 0.5])
@pytest.mark.parametrize(("height_mm", "below"), [(0.0, 0.5), (1.5, 0.75), (-3.4, 0.01 / 12), (10.0, 1.0)])
def test_a_camera_inside_the_medium_sees_what_is_before_it(
    height_mm: float, below: float, cosine: float
) -> None:
    """From within a slab of optical depth 2, looking down through a share of it, and from above.

    One camera stands in the slab's ramp to zero, a tenth of a voxel from its end.
    """
    target, samples = slab(2.0), 512
    sine = np.sqrt(1 - cosine**2)
    position = target.center_mm + np.array([0.0, 0.0, height_mm])
    camera = replace(
        telescope(target, (0, 0, 1), resolution=16),
        camera_from_world=look_at(position, position - (sine, 0.0, cosine), (0.0, 1.0, 0.0)),
    )
    view = render(target, camera, seed=0, samples_per_pixel=samples)
    expected = 1 - np.exp(-2.0 * below / cosine)
    error = np.sqrt(expected * (1 - expected) / (16 * 16 * samples))
    assert abs(view.alpha.mean(dtype=np.float64) - expected) < 3.5 * error


def test_a_camera_inside_the_medium_measures_depth_from_itself() -> None:
    target = slab(60.0)
    camera = replace(
        telescope(target, (0, 0, 1), resolution=16),
        camera_from_world=look_at(target.center_mm, target.center_mm - (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    )
    view = render(target, camera, seed=0, samples_per_pixel=512)
    # A mean free path of 0.1 mm; 3 mm are as good as no end.
    assert view.depth_mm.mean() == pytest.approx(0.1, abs=3.5 * 0.1 / np.sqrt(16 * 16 * 512))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_float32_holds_at_the_far_end_of_a_large_volume(axis: int) -> None:
    """Paths through a few voxels, 500 of them away from the first of the grid, and near it, are the same.

    Majorant cells fall alike, and empty ones take no random numbers; what differs is rounding, and this
    turns one path in thousands.
    """
    rng, spacing_mm, ahead = np.random.default_rng(4), 0.7, 504
    inside = np.where(rng.random((7, 7, 7)) < 0.5, rng.exponential(2.0, (7, 7, 7)), 0.0)
    padding = np.zeros((3, 2), dtype=int)
    padding[2 - axis] = (ahead, 0)
    placed = oblique()
    placed[:3, :3] *= spacing_mm / np.linalg.norm(placed[:3, :3], axis=0)
    near = medium(inside, 0.8, placed)
    shifted = placed.copy()
    shifted[:3, 3] -= ahead * placed[:3, axis]
    far = medium(np.pad(inside, padding), 0.8, shifted)
    # Along the volume's longest axis, and not quite.
    camera = telescope(near, placed[:3, axis] + (0.02, -0.01, 0.03), width_mm=4.0)
    away = telescope(near, -placed[:3, axis] + (0.02, -0.01, 0.03), width_mm=4.0)
    for each in (camera, away):
        one, other = (render(target, each, seed=2, samples_per_pixel=64).halves for target in (near, far))
        assert one.mean() > 0.1
        assert (abs(one - other) > 1e-5).any(axis=-1).mean() < 0.03
        assert abs(one.mean(dtype=np.float64) / other.mean(dtype=np.float64) - 1) < 2e-4


def test_no_path_is_brighter_than_the_environment(ball) -> None:
    """Roulette after null collisions would make some of them so, and a few of those are fireflies."""
    sparse = np.zeros((24, 24, 24))
    sparse[::4, ::4, ::4] = 20.0
    sparse += 0.02
    target = medium(sparse, (0.3, 0.1, 0.01))
    view = render(target, telescope(target, (1, -2, 1), width_mm=30.0), seed=1, samples_per_pixel=2)
    assert 0.3 < view.alpha.mean() < 0.95
    assert view.halves.max() <= 0.3 * (1 + 1e-6)


def test_threads_come_from_the_environment(ball, monkeypatch) -> None:
    monkeypatch.setenv("RENDERBENCH_THREADS", "many")
    with pytest.raises(InputError, match="RENDERBENCH_THREADS: expected a number of threads, found 'many'"):
        NativeRenderer(ball, settings())
    NativeRenderer(ball, settings(), threads=1)


def test_passes_are_parts_of_one_sequence(ball, camera) -> None:
    """Two passes and one of as many samples hold the same samples."""
    renderer = NativeRenderer(ball, settings())
    whole = renderer.render_pass(camera, seed=3, first=0, count=24)
    parts = [
        renderer.render_pass(camera, seed=3, first=first, count=count) for first, count in ((0, 16), (16, 8))
    ]
    joined = combined(parts)
    assert joined.samples == whole.samples == 48
    np.testing.assert_allclose(joined.halves, whole.halves, atol=1e-6)
    np.testing.assert_allclose(joined.alpha, whole.alpha, atol=1e-6)
    np.testing.assert_allclose(joined.depth_mm, whole.depth_mm, rtol=1e-5)


@pytest.mark.parametrize("floor", [30.0, "draft", 41.5])
def test_a_view_is_sampled_until_it_reaches_its_floor(ball, camera, floor) -> None:
    chosen = settings(samples_per_pixel=None, noise_floor=floor)
    view = render(ball, camera, seed=1, samples_per_pixel=None, noise_floor=floor)
    reached = noise_floor(view.halves)
    assert chosen.noise_floor_db <= reached < chosen.noise_floor_db + 1.5
    again = render(ball, camera, seed=1, threads=1, samples_per_pixel=None, noise_floor=floor)
    assert again.halves.tobytes() == view.halves.tobytes()


def test_sampling_ends_at_its_limit(ball, camera) -> None:
    limits = {"samples_per_pixel": None, "noise_floor": 70.0, "max_samples_per_pixel": 80}
    assert render(ball, camera, seed=1, **limits).samples == 80


def test_depth_is_the_distance_to_a_hard_surface(camera) -> None:
    """A slab that no path enters far: seen at the distance of its face, along each pixel's ray."""
    sigma_t = np.full((21, 21, 21), 1e4, dtype=np.float32)
    sigma_t[[0, -1]] = sigma_t[:, [0, -1]] = sigma_t[:, :, [0, -1]] = 0.0
    target = medium(sigma_t)
    facing = telescope(target, (0.0, -1.0, 0.0), width_mm=4.0)
    view = render(target, facing, seed=1, samples_per_pixel=4)
    distance = np.linalg.norm(facing.position_mm - target.center_mm) - 10.0
    assert view.alpha.min() == 1.0
    np.testing.assert_allclose(view.depth_mm, distance, atol=0.05)
    empty = render(medium(np.zeros((3, 3, 3))), camera, seed=1, samples_per_pixel=4)
    assert np.isnan(empty.depth_mm).all()
