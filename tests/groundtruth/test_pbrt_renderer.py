"""What becomes of pbrt's images, by a stand-in; and whether they agree with ours, where there is a pbrt."""

import numpy as np
import pytest

from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import RendererSettings
from renderbench.errors import InputError
from renderbench.groundtruth.backends import make_renderer, renderer_version
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt import Pbrt, PbrtRenderer, find_pbrt
from renderbench.groundtruth.pbrt.binary import VARIABLE
from renderbench.groundtruth.pbrt.exposures import seed_of_half
from renderbench.groundtruth.renderer import combined
from tests.groundtruth.media import medium, render, settings, slab, telescope
from tests.groundtruth.pbrt_stand_in import COVERED, GLOW, stand_in
from tests.groundtruth.test_native_renderer import ball, camera  # noqa: F401

KEY = {"towards": (1.0, -2.0, 0.5), "irradiance": 3.0}


@pytest.fixture
def target() -> Medium:
    return medium(np.ones((3, 3, 3)))


@pytest.fixture
def square(target) -> Camera:
    return telescope(target, (0, -1, 0), resolution=16, width_mm=8.0)


@pytest.fixture
def fake(tmp_path) -> Pbrt:
    return find_pbrt(stand_in(tmp_path))


def test_the_environment_is_hidden_without_any_noise(target, square, fake) -> None:
    """The stand-in multiplies every image of a seed by the same noise, of ten percent."""
    chosen = settings(environment_radiance=1.5)
    view = PbrtRenderer(target, chosen, binary=fake, threads=1).render_pass(square, seed=3, first=0, count=4)
    within = np.zeros((16, 16), dtype=bool)
    within[4:-4, 4:-4] = True
    assert not view.halves[:, ~within].any()
    assert not view.alpha[~within].any()
    np.testing.assert_allclose(view.alpha[within], COVERED, rtol=1e-5)
    assert view.rgb[within].mean() == pytest.approx(GLOW, rel=0.02)
    assert 0.05 < view.halves[0][within].std() / GLOW < 0.15
    assert view.depth_mm is None
    assert view.samples == 8
    assert view.halves.dtype == view.alpha.dtype == np.float32


def test_halves_and_passes_have_seeds_of_their_own(target, square, fake) -> None:
    made = PbrtRenderer(target, settings(), binary=fake, threads=1)
    first, second = (made.render_pass(square, seed=3, first=each, count=4) for each in (0, 4))
    again = made.render_pass(square, seed=3, first=0, count=4)
    assert again.halves.tobytes() == first.halves.tobytes()
    noise = np.array([each.halves[:, 4:-4, 4:-4] for each in (first, second)]).reshape(4, -1)
    assert abs(np.corrcoef(noise) - np.eye(4)).max() < 0.25
    assert combined([first, second]).samples == 16
    seeds = {seed_of_half(*each) for each in [(3, 0, 0), (3, 0, 1), (3, 4, 0), (4, 0, 0), (-1, 0, 0)]}
    assert len(seeds) == 5
    assert all(0 <= each < 2**31 for each in seeds)


def test_the_suite_s_renderer_is_pbrt(target, fake, monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, str(fake.path))
    chosen = RendererSettings(name="pbrt")
    made = make_renderer(chosen, target, threads=1)
    assert isinstance(made, PbrtRenderer)
    assert made.version == renderer_version(chosen)
    assert made.version != renderer_version(RendererSettings())


# From here on by the real one.


@pytest.fixture(scope="module")
def pbrt() -> Pbrt:
    try:
        return find_pbrt()
    except InputError as error:
        pytest.skip(f"needs a pbrt-v4 binary: {error}")


def real(target: Medium, seen: Camera, pbrt: Pbrt, *, samples: int, **changes: object):
    made = PbrtRenderer(target, settings(**changes), binary=pbrt)
    return made.render_pass(seen, seed=1, first=0, count=samples // 2)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((srgb_from_linear(one).astype(np.float64) - srgb_from_linear(other)) ** 2)
    return float(-10.0 * np.log10(error))


@pytest.mark.parametrize("optical_depth", [0.5, 2.0])
def test_pbrt_transmits_what_a_slab_transmits(pbrt, optical_depth) -> None:
    target = slab(optical_depth)
    view = real(target, telescope(target, (0.0, 0.0, 1.0)), pbrt, samples=64)
    expected = 1.0 - np.exp(-optical_depth)
    error = np.sqrt(expected * (1 - expected) / (view.alpha.size * 64))
    assert abs(view.alpha.mean(dtype=np.float64) - expected) < 4.0 * error


def test_pbrt_in_the_white_furnace(pbrt) -> None:
    """What is scattered and what is seen through make the environment: only the spectral noise is left."""
    rng = np.random.default_rng(5)
    target = medium(np.where(rng.random((9, 11, 13)) < 0.25, rng.exponential(0.4, (9, 11, 13)), 0.0))
    seen = telescope(target, (1.0, 0.2, 0.1), width_mm=1.2 * target.radius_mm)
    view = real(target, seen, pbrt, samples=256, max_depth=200, environment_radiance=1.75)
    assert 0.2 < view.alpha.mean() < 0.99
    total = view.rgb + 1.75 * (1.0 - view.alpha[..., None])
    assert total.mean() == pytest.approx(1.75, rel=2e-3)


LIGHTS = {
    "environment": {},
    "key": {"environment_radiance": 0.0, "key_light": KEY},
    "soft key": {"environment_radiance": 0.5, "key_light": KEY | {"angular_radius_deg": 25.0}},
}


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize(("colour", "least"), [("grey", 45.0), ("colour", 42.0)])
def test_pbrt_and_the_native_renderer_agree(pbrt, ball, camera, light, colour, least) -> None:  # noqa: F811
    chosen = ball
    if colour == "grey":
        density = ball.density.copy()
        density[..., 1:] = 0.8 * density[..., :1]
        chosen = Medium(**{**vars(ball), "density": density})
    ours = render(chosen, camera, seed=2, samples_per_pixel=4096, **LIGHTS[light])
    theirs = real(chosen, camera, pbrt, samples=4096, **LIGHTS[light])
    assert psnr(ours.rgb, theirs.rgb) > least
    # What pbrt's spectra make of rgb colours (pbrt_scenes/README.md): 4 % here.
    assert np.mean(ours.rgb) == pytest.approx(np.mean(theirs.rgb), rel=0.02 if colour == "grey" else 0.06)
    assert abs(ours.alpha - theirs.alpha).mean() < 0.005


def test_pbrt_sees_an_environment_map_as_we_do(pbrt, ball, camera, tmp_path) -> None:  # noqa: F811
    """A sky that is red on the patient's left, green in front and blue above."""
    OpenEXR = pytest.importorskip("OpenEXR")
    from renderbench.groundtruth.lights import map_directions

    sky = 1.0 + map_directions(64, 128) * (1.0, -1.0, 1.0)
    path = tmp_path / "sky.exr"
    OpenEXR.File({}, {"RGB": sky.astype(np.float32)}).write(str(path))
    light = {"environment_map": str(path)}
    ours = render(ball, camera, seed=2, samples_per_pixel=2048, **light)
    theirs = real(ball, camera, pbrt, samples=2048, **light)
    assert psnr(ours.rgb, theirs.rgb) > 38.0


def test_saturated_colours_do_not_abort_pbrt(pbrt, camera) -> None:  # noqa: F811
    """Every corner of the colour cube in one medium, beside one another."""
    corners = np.array([[i >> 2 & 1, i >> 1 & 1, i & 1] for i in range(8)], dtype=np.float64)
    albedo = corners[np.random.default_rng(2).integers(0, 8, (9, 9, 9))]
    target = medium(np.full((9, 9, 9), 0.5), albedo, np.diag([3.0, 3.0, 3.0, 1.0]))
    (seen,) = sphere_cameras(
        1, center_mm=target.center_mm, radius_mm=20.0, resolution=32, fov_deg=40.0, layout="random", seed=1
    )
    view = real(target, seen, pbrt, samples=256, max_depth=20)
    assert np.isfinite(view.rgb).all()
    assert view.rgb.mean() > 0.05


def test_a_camera_inside_the_medium_is_in_the_medium(pbrt, ball) -> None:  # noqa: F811
    (inside,) = sphere_cameras(
        1, center_mm=ball.center_mm, radius_mm=1.0, resolution=16, fov_deg=90.0, layout="random", seed=3
    )
    view = real(ball, inside, pbrt, samples=16)
    assert view.alpha.min() > 0.99


def test_a_camera_inside_the_medium_sees_what_ours_sees(pbrt) -> None:
    rng = np.random.default_rng(7)
    density = rng.uniform(0.005, 0.05, (9, 9, 9))
    thin = medium(density, np.full((9, 9, 9, 3), 0.8), np.diag([3.0, 3.0, 3.0, 1.0]))
    (inside,) = sphere_cameras(
        1, center_mm=thin.center_mm, radius_mm=4.0, resolution=32, fov_deg=90.0, layout="random", seed=3
    )
    ours = render(thin, inside, seed=2, samples_per_pixel=1024)
    theirs = real(thin, inside, pbrt, samples=1024)
    assert 0.2 < ours.alpha.mean() < 0.9
    assert np.mean(ours.alpha) == pytest.approx(np.mean(theirs.alpha), rel=2e-3)
    assert np.mean(ours.rgb) == pytest.approx(np.mean(theirs.rgb), rel=0.01)
    # At these samples, the noise of both leaves 36 dB.
    assert psnr(ours.rgb, theirs.rgb) > 34.0
