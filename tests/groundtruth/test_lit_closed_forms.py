"""Key lights and environment maps against what is known exactly; seeds are fixed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.integrate import quad

from renderbench.cameras import Camera
from renderbench.groundtruth.lights import map_directions, pixel_solid_angles
from renderbench.groundtruth.medium import Medium
from tests.groundtruth.media import mean_and_error, medium, render, settings, slab, telescope, write_map
from tests.groundtruth.test_closed_forms import (
    agree,
    from_above,
    h_function,
    oblique,
    random_medium,
)

DARK = {"environment_radiance": 0.0}


def key(towards: tuple[float, ...], irradiance: float = 1.0, radius_deg: float = 0.0) -> dict[str, object]:
    return {"towards": towards, "irradiance": irradiance, "angular_radius_deg": radius_deg}


def phase(cosine: float | np.ndarray, g: float) -> float | np.ndarray:
    return (1 - g * g) / (4 * np.pi) / (1 + g * g - 2 * g * cosine) ** 1.5


def flux_and_error(target: Medium, camera: Camera, **changes: object) -> tuple[np.ndarray, np.ndarray]:
    """Radiance over the frame's area (mm²), rgb, and its standard error from the halves, pixel by pixel."""
    halves = render(target, camera, **({"seed": 9} | changes)).halves.astype(np.float64)
    distance = np.linalg.norm(camera.position_mm - target.center_mm)
    area = (camera.width * distance / camera.fx_px) ** 2
    error = np.sqrt(((halves[0] - halves[1]) ** 2 / 4).sum(axis=(0, 1))) / camera.width**2
    return halves.mean(axis=(0, 1, 2)) * area, error * area


@pytest.mark.parametrize(
    ("cosine", "light_cosine", "g"), [(1.0, 0.7, 0.6), (0.5, 1.0, 0.0), (0.6, 0.3, -0.4)]
)
def test_a_directional_light_scattered_once_by_a_slab(cosine: float, light_cosine: float, g: float) -> None:
    albedo, depth = np.array([1.0, 0.6, 0.25]), 1.5
    target = slab(depth, albedo)
    towards, seen_from = from_above(light_cosine), from_above(cosine)
    mean, error = mean_and_error(
        target,
        telescope(target, seen_from),
        max_depth=1,
        anisotropy=g,
        samples_per_pixel=2304,
        key_light=key(towards, 2.5),
        **DARK,
    )
    ways = 1 / cosine + 1 / light_cosine
    turned = -float(np.dot(towards, seen_from))
    expected = albedo * 2.5 * phase(turned, g) / cosine * (1 - np.exp(-depth * ways)) / ways
    agree(mean, expected, error, precision=0.001)


@pytest.mark.parametrize(
    ("cosine", "light_cosine"), [pytest.param(1.0, 0.6, marks=pytest.mark.slow), (0.4, 1.0)]
)
def test_a_directional_light_on_a_half_space_to_all_orders(cosine: float, light_cosine: float) -> None:
    """Chandrasekhar's law of diffuse reflection; the dark channels go through Russian roulette."""
    albedo = np.array([0.9, 0.5, 0.15])
    target = slab(60.0, albedo)
    camera = telescope(target, from_above(cosine))
    light = key(from_above(light_cosine), 4.0)
    mean, error = mean_and_error(target, camera, max_depth=100_000, key_light=light, **DARK)
    expected = [
        4.0
        * a
        / (4 * np.pi)
        * light_cosine
        / (cosine + light_cosine)
        * h_function(a, cosine)
        * h_function(a, light_cosine)
        for a in albedo
    ]
    agree(mean, expected, error, precision=0.005)


@pytest.mark.parametrize(
    "radius_deg",
    [pytest.param(10.0, marks=pytest.mark.slow), 60.0, pytest.param(89.0, marks=pytest.mark.slow)],
)
def test_a_soft_light_scattered_once_by_a_slab(radius_deg: float) -> None:
    """A disc of the sky overhead, of radiance irradiance / (pi sin^2 radius)."""
    target, depth, edge = slab(1.5), 1.5, np.cos(np.radians(radius_deg))
    light = key((0, 0, 1), 2.0, radius_deg)
    changes = DARK | {"max_depth": 1, "samples_per_pixel": 2304, "key_light": light}
    mean, error = mean_and_error(target, telescope(target, (0, 0, 1)), **changes)
    ways = quad(lambda mu: (1 - np.exp(-depth * (1 + 1 / mu))) / (1 + 1 / mu), edge, 1.0)[0]
    expected = 2.0 / (np.pi * (1 - edge**2)) * 2 * np.pi * ways / (4 * np.pi)
    agree(mean, expected, error, precision=0.001)


@pytest.mark.slow
def test_a_soft_light_of_little_radius_is_a_directional_light() -> None:
    target = random_medium(oblique(), 0.8)
    camera = telescope(target, (0.3, -1.0, 0.4), width_mm=1.5 * target.radius_mm)
    changes = {"samples_per_pixel": 1024, "seed": 4, "environment_radiance": 0.0}
    (sharp, error), (soft, soft_error) = (
        flux_and_error(target, camera, key_light=key((1.0, -0.5, 0.2), 1.0, radius), **changes)
        for radius in (0.0, 0.2)
    )
    agree(sharp, soft, np.hypot(error, soft_error))


@pytest.mark.parametrize("with_map", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_lights_add_up(tmp_path: Path, with_map: bool) -> None:
    target = random_medium(oblique(), 0.8)
    camera = telescope(target, (0.3, -1.0, 0.4), width_mm=1.5 * target.radius_mm)
    light = key((1.0, -0.5, 0.2), 3.0, 10.0)
    sky = {"environment_map": write_map(tmp_path, spots())} if with_map else {}
    (both, error), *parts = (
        flux_and_error(target, camera, samples_per_pixel=512, seed=seed, **changes)
        for seed, changes in enumerate([sky | {"key_light": light}, sky, DARK | {"key_light": light}])
    )
    alone = parts[0][0] + parts[1][0]
    agree(both, alone, np.sqrt(error**2 + parts[0][1] ** 2 + parts[1][1] ** 2))


@pytest.mark.slow
def test_light_and_camera_may_change_places() -> None:
    """Reciprocity, to all orders: as much goes from the light to the camera as back."""
    target = random_medium(oblique(), np.array([0.9, 0.7, 0.3]))
    one, other = (0.3, -1.0, 0.4), (1.0, 0.5, 0.2)
    (there, error), (back, back_error) = (
        flux_and_error(
            target,
            telescope(target, seen_from, width_mm=2 * target.radius_mm),
            max_depth=1000,
            anisotropy=0.4,
            samples_per_pixel=1024,
            key_light=key(lit_from),
            **DARK,
        )
        for seen_from, lit_from in ((one, other), (other, one))
    )
    agree(there, back, np.hypot(error, back_error), precision=0.005)


@pytest.mark.slow
def test_a_bright_upper_half_of_the_sky_on_a_half_space(tmp_path: Path) -> None:
    """A half-space sees no more of it than of a sky that is as bright all over."""
    albedo = np.array([0.9, 0.5, 0.15])
    target = slab(60.0, albedo)
    upper = np.where(map_directions(512, 1024)[..., 2:] > 0, 2.0, 0.0) * np.ones(3)
    sky = {"environment_map": write_map(tmp_path, upper)}
    mean, error = mean_and_error(target, telescope(target, from_above(0.4)), max_depth=100_000, **sky)
    expected = [2 * (1 - np.sqrt(1 - each) * h_function(each, 0.4)) for each in albedo]
    agree(mean, expected, error, precision=0.005)


def spots(height: int = 16) -> np.ndarray:
    """A dim sky of several colours with a few pixels far brighter, one of them at a pole."""
    rng = np.random.default_rng(2)
    values = rng.random((height, 2 * height, 3))
    for row, column in ((3, 5), (6, 30), (9, 17), (0, 11)):
        values[row, column] = (60.0, 40.0, 20.0)
    return values.astype(np.float32)


@pytest.mark.parametrize("g", [pytest.param(0.0, marks=pytest.mark.slow), 0.5])
def test_a_map_of_bright_spots_scattered_once_by_a_slab(tmp_path: Path, g: float) -> None:
    """Against a quadrature that interpolates the map by itself."""
    radiance, depth, cosine = spots(), 1.5, 0.8
    rows, columns = 16 * 32, 32 * 32
    y = (np.arange(rows) + 0.5) / 32 - 0.5
    x = (np.arange(columns) + 0.5) / 32 - 0.5
    above, before = np.floor(y).astype(int), np.floor(x).astype(int)
    fy, fx = (y - above)[:, None, None], (x - before)[:, None]
    wrapped = radiance[np.clip([above, above + 1], 0, 15)][:, :, np.array([before, before + 1]) % 32]
    upper, lower = ((1 - fx) * wrapped[i][:, 0] + fx * wrapped[i][:, 1] for i in range(2))
    sky = (1 - fy) * upper + fy * lower

    directions, seen_from = map_directions(rows, columns), np.array(from_above(cosine))
    mu = np.maximum(np.abs(directions[..., 2]), 1e-9)
    ways = 1 / cosine + 1 / mu
    through = np.where(
        directions[..., 2] > 0,
        (1 - np.exp(-depth * ways)) / ways,
        (np.exp(-depth / mu) - np.exp(-depth / cosine)) / (1 / cosine - 1 / mu),
    )
    weight = (
        through / cosine * phase(-(directions @ seen_from), g) * pixel_solid_angles(rows, columns)[:, None]
    )
    expected = (sky * weight[..., None]).sum(axis=(0, 1))

    target = slab(depth)
    changes = {"environment_map": write_map(tmp_path, radiance), "samples_per_pixel": 1024}
    mean, error = mean_and_error(target, telescope(target, seen_from), max_depth=1, anisotropy=g, **changes)
    agree(mean, expected, error, precision=0.004)


def test_a_constant_map_is_the_constant_environment(tmp_path: Path) -> None:
    target = random_medium(oblique(), 0.8)
    camera = telescope(target, (1.0, 0.2, 0.1), width_mm=1.2 * target.radius_mm)
    sky = {"environment_map": write_map(tmp_path, np.full((8, 16, 3), 0.75))}
    by_map = render(target, camera, seed=4, samples_per_pixel=32, environment_radiance=2.0, **sky)
    constant = render(target, camera, seed=4, samples_per_pixel=32, environment_radiance=1.5)
    np.testing.assert_allclose(by_map.halves, constant.halves, rtol=2e-6)
    assert (by_map.alpha == constant.alpha).all()


@pytest.mark.parametrize("g", [pytest.param(0.0, marks=pytest.mark.slow), 0.7])
def test_white_furnace_of_two_maps(tmp_path: Path, g: float) -> None:
    """Two skies that add up to a constant one make a furnace together, whatever each of them does."""
    target = random_medium(oblique())
    camera = telescope(target, (1.0, 0.2, 0.1), width_mm=1.2 * target.radius_mm)
    sky = np.where(map_directions(8, 16) @ (0.5, 0.7, 0.5) > 0.9, 9.0, 0.3)[..., None] * np.ones(3)
    changes = {"max_depth": 100_000, "samples_per_pixel": 512, "anisotropy": g}
    views, errors = [], []
    for seed, values in enumerate((sky, 10.0 - sky)):
        path = write_map(tmp_path, values)
        view = render(target, camera, seed=seed, environment_map=path, **changes)
        views.append(view.rgb.mean(axis=(0, 1), dtype=np.float64) + 0.0)
        errors.append(np.sqrt(((view.halves[0] - view.halves[1]) ** 2 / 4).sum(axis=(0, 1))) / 32**2)
        met = view.alpha.mean(dtype=np.float64)
        errors.append(10.0 * np.sqrt((view.alpha * (1 - view.alpha)).sum() / 512) / 32**2)
    agree(sum(views), 10.0 * met, np.sqrt(sum(np.square(each) for each in errors)))


def test_every_light_is_hidden(tmp_path: Path) -> None:
    target = medium(np.full((3, 3, 3), 0.5))
    camera = telescope(target, (0, -1, 0), width_mm=12.0)
    lights = {"environment_map": write_map(tmp_path, spots()), "key_light": key((0, 1, 0), 5.0, 30.0)}
    view = render(target, camera, seed=1, samples_per_pixel=16, **lights)
    assert view.rgb[view.alpha == 0].max() == 0.0
    assert (view.alpha == 0).mean() > 0.5
    assert view.rgb.max() > 0.0


@pytest.mark.parametrize("light", ["key", "map"])
@pytest.mark.parametrize(
    ("towards", "column", "row"),
    [((1, 0, 0), 1, None), ((-1, 0, 0), 0, None), ((0, 0, 1), None, 0), ((0, 0, -1), None, 1)],
)
def test_light_falls_on_the_side_that_it_comes_from(
    tmp_path: Path, light: str, towards: tuple[int, ...], column: int | None, row: int | None
) -> None:
    """Seen from the front, the patient's left (+x) is the image's right, and the head is up."""
    target = medium(np.full((8, 8, 8), 2.0), 0.8, oblique())
    camera = telescope(target, (0, -1, 0), width_mm=1.5 * target.radius_mm)
    spot = np.where(map_directions(16, 32) @ np.array(towards) > 0.9, 10.0, 0.0)[..., None] * np.ones(3)
    lit = (
        DARK | {"key_light": key(towards)}
        if light == "key"
        else {"environment_map": write_map(tmp_path, spot)}
    )
    rgb = render(target, camera, seed=1, samples_per_pixel=32, **lit).rgb
    sides = rgb.reshape(2, 16, 2, 16, 3).mean(axis=(1, 3, 4))
    across = sides.mean(axis=1) if column is None else sides.mean(axis=0)
    bright = row if column is None else column
    assert across[bright] > 1.5 * across[1 - bright]


def test_threads_change_nothing_under_any_light(tmp_path: Path) -> None:
    target = random_medium(oblique(), 0.8)
    camera = telescope(target, (0.3, -1.0, 0.4), width_mm=1.5 * target.radius_mm)
    lights = {"environment_map": write_map(tmp_path, spots()), "key_light": key((1, 1, 1), 2.0, 5.0)}
    one, three = (
        render(target, camera, seed=5, threads=threads, samples_per_pixel=8, **lights) for threads in (1, 3)
    )
    assert one.halves.tobytes() == three.halves.tobytes()


def test_settings_keep_their_lights() -> None:
    assert settings(key_light=key((0, 0, 1))).key_light is not None
