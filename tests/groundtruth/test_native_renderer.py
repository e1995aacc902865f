import numpy as np
import pytest

from renderbench.cameras import sphere_cameras
from renderbench.errors import InputError
from renderbench.groundtruth.backends import make_renderer
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.viewset import noise_floor
from tests.groundtruth.media import medium, settings


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
    one = NativeRenderer(ball, settings(samples_per_pixel=16), threads=1).render(camera, seed=5)
    three = NativeRenderer(ball, settings(samples_per_pixel=16), threads=3).render(camera, seed=5)
    assert one.rgb.tobytes() == three.rgb.tobytes()
    assert one.halves.tobytes() == three.halves.tobytes()
    assert one.alpha.tobytes() == three.alpha.tobytes()


def test_another_seed_gives_other_noise_and_the_same_picture(ball, camera) -> None:
    renderer = make_renderer(settings(samples_per_pixel=256), ball)
    one, other = renderer.render(camera, seed=5), renderer.render(camera, seed=6)
    assert (one.rgb != other.rgb).any()
    scale = np.sqrt(((one.halves[0] - one.halves[1]) ** 2).mean() / 4)
    assert np.sqrt(((one.rgb - other.rgb) ** 2).mean() / 2) == pytest.approx(scale, rel=0.1)


def test_halves_average_to_the_view_and_do_not_share_noise(ball, camera) -> None:
    renderer = NativeRenderer(ball, settings(samples_per_pixel=64))
    views = [renderer.render(camera, seed=seed) for seed in range(8)]
    assert views[0].halves.mean(axis=0) == pytest.approx(views[0].rgb, abs=1e-6)
    noise = np.array([view.halves for view in views])
    noise = noise - noise.mean(axis=(0, 1))
    products = (noise[:, 0] * noise[:, 1]).mean(axis=(0, 3)).ravel()
    # Taking off the common mean of 16 halves leaves a correlation of -1/15.
    expected = -(noise**2).mean(axis=(0, 1, 4)).ravel() / 15
    difference = products - expected
    assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(difference.size)


def test_the_noise_floor_is_what_the_exact_image_scores(ball, camera) -> None:
    noisy = NativeRenderer(ball, settings(samples_per_pixel=64)).render(camera, seed=7)
    exact = NativeRenderer(ball, settings(samples_per_pixel=8192)).render(camera, seed=8)
    error = np.mean((srgb_from_linear(noisy.rgb) - srgb_from_linear(exact.rgb)) ** 2)
    # The estimate takes sRGB to be linear across the noise; in the dark it is not quite.
    assert noise_floor(noisy.halves) == pytest.approx(-10 * np.log10(error), abs=0.5)


def test_an_empty_view_is_black_and_has_no_floor(ball, camera) -> None:
    empty = medium(np.zeros((3, 3, 3)))
    view = NativeRenderer(empty, settings(samples_per_pixel=4)).render(camera, seed=0)
    assert view.rgb.max() == view.alpha.max() == 0.0
    assert noise_floor(view.halves) is None


def test_a_camera_inside_the_medium_sees_it(ball) -> None:
    (inside,) = sphere_cameras(
        1, center_mm=ball.center_mm, radius_mm=1.0, resolution=16, fov_deg=90.0, layout="random", seed=3
    )
    view = NativeRenderer(ball, settings(samples_per_pixel=16)).render(inside, seed=0)
    assert view.alpha.min() == 1.0


def test_threads_come_from_the_environment(ball, monkeypatch) -> None:
    monkeypatch.setenv("RENDERBENCH_THREADS", "many")
    with pytest.raises(InputError, match="RENDERBENCH_THREADS: expected a number of threads, found 'many'"):
        NativeRenderer(ball, settings())
    NativeRenderer(ball, settings(), threads=1)
