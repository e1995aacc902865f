import numpy as np
import pytest

from renderbench.config import KeyLight, RendererSettings
from renderbench.groundtruth.lights import map_directions
from renderbench.groundtruth.pbrt.lights import (
    disc_map,
    lights_of,
    octahedral_map,
    sphere_from_square,
    square_from_sphere,
    texel_directions,
    unit,
)


def test_square_and_sphere_are_one_another_inverse_and_areas_are_equal() -> None:
    points = np.random.default_rng(0).random((2, 20_000))
    directions = sphere_from_square(*points)
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1.0)
    np.testing.assert_allclose(square_from_sphere(directions), points, atol=1e-7)
    # Uniform points make uniform directions: every coordinate is uniform on [-1, 1] (Archimedes).
    quantiles = np.sort(directions, axis=0)
    expected = (np.arange(20_000) + 0.5) / 10_000 - 1.0
    assert abs(quantiles - expected[:, None]).max() < 0.03


def test_the_map_has_the_axes_that_pbrt_gives_it() -> None:
    """The middle of the square is +z, its corners -z, u grows towards +x and v towards +y."""
    np.testing.assert_allclose(sphere_from_square(np.array([0.5]), np.array([0.5]))[0], [0, 0, 1], atol=1e-12)
    np.testing.assert_allclose(sphere_from_square(np.array([0.0]), np.array([1.0]))[0], [0, 0, -1], atol=1e-7)
    assert sphere_from_square(np.array([0.9]), np.array([0.5]))[0, 0] > 0.9
    assert sphere_from_square(np.array([0.5]), np.array([0.9]))[0, 1] > 0.9


@pytest.mark.parametrize("height", [2, 16, 100])
def test_an_environment_keeps_its_radiance_in_every_direction(height: int) -> None:
    slope = np.array([0.3, -0.5, 0.8])
    radiance = 1.0 + 0.5 * map_directions(height, 2 * height) @ slope
    image = octahedral_map(np.repeat(radiance[..., None], 3, axis=-1).astype(np.float32))
    expected = 1.0 + 0.5 * texel_directions(len(image)) @ slope
    assert abs(image[..., 1] - expected).max() < 0.8 / height + 0.001
    assert image.mean() == pytest.approx(1.0, abs=0.3 / height)


def test_a_key_light_smaller_than_a_texel_keeps_its_irradiance(monkeypatch) -> None:
    monkeypatch.setattr("renderbench.groundtruth.pbrt.lights._LARGEST_MAP", 256)
    key = KeyLight(towards=(1.0, -2.0, 0.5), irradiance=3.0, angular_radius_deg=0.2)
    image = disc_map(key)
    assert len(image) == 256
    cosines = texel_directions(256) @ unit(key.towards)
    assert (image[..., 0] * cosines).sum() * 4 * np.pi / 256**2 == pytest.approx(3.0, rel=1e-2)


@pytest.mark.parametrize("radius", [10.0, 60.0])
def test_a_soft_key_light_gives_its_irradiance_from_its_disc(radius: float) -> None:
    key = KeyLight(towards=(1.0, -2.0, 0.5), irradiance=3.0, angular_radius_deg=radius)
    image = disc_map(key)
    cosines = texel_directions(len(image)) @ unit(key.towards)
    received = (image[..., 0] * np.maximum(cosines, 0.0)).sum() * 4 * np.pi / len(image) ** 2
    assert received == pytest.approx(3.0, rel=1e-3)
    assert image.max() == pytest.approx(3.0 / (np.pi * np.sin(np.radians(radius)) ** 2), rel=0.02)
    texel_deg = np.degrees(np.sqrt(4 * np.pi)) / len(image)
    assert not image[cosines < np.cos(np.radians(radius + 2 * texel_deg))].any()


def test_an_environment_and_a_soft_key_light_share_one_map(tmp_path) -> None:
    soft = {"towards": (0, -2, 0), "irradiance": 3.0, "angular_radius_deg": 20.0}
    (both,) = lights_of(lit(key_light=soft, environment_radiance=0.5)).maps.values()
    alone = disc_map(KeyLight.model_validate(soft))
    np.testing.assert_allclose(both, alone + 0.5, rtol=1e-6)
    OpenEXR = pytest.importorskip("OpenEXR")
    sky = tmp_path / "sky.exr"
    OpenEXR.File({}, {"RGB": np.full((8, 16, 3), 0.5, dtype=np.float32)}).write(str(sky))
    scaled = lit(environment_radiance=1.0, environment_map=str(sky))
    (level,) = lights_of(scaled).maps.values()
    (mapped,) = lights_of(
        scaled.model_copy(update={"key_light": KeyLight.model_validate(soft)})
    ).maps.values()
    np.testing.assert_allclose(mapped, alone + level.mean(), rtol=1e-5)


@pytest.mark.parametrize("size", [16, 99, 400])
def test_a_map_may_be_finer_than_its_environment(size: int) -> None:
    slope = np.array([0.3, -0.5, 0.8])
    radiance = 1.0 + 0.5 * map_directions(16, 32) @ slope
    image = octahedral_map(np.repeat(radiance[..., None], 3, axis=-1).astype(np.float32), least=size)
    assert len(image) == size
    assert abs(image[..., 1] - 1.0 - 0.5 * texel_directions(size) @ slope).max() < 0.06


def lit(**changes: object) -> RendererSettings:
    return RendererSettings.model_validate({"environment_radiance": 1.5} | changes)


def test_lights_as_pbrt_says_them() -> None:
    constant = lights_of(lit())
    assert constant.text == 'LightSource "infinite" "rgb L" [1 1 1] "float scale" [1.5]'
    assert (constant.seen, constant.maps) == (1.5, {})
    parallel = {"towards": (0, -2, 0), "irradiance": 3.0}
    distant = lights_of(lit(key_light=parallel, environment_radiance=0))
    assert distant.text == (
        'LightSource "distant" "point3 from" [0.0 -1.0 0.0] "point3 to" [0 0 0] "rgb L" [1 1 1] '
        '"float scale" [3.0]'
    )
    assert distant.seen == 0.0, "a camera does not see a light of parallel rays"
    soft = lights_of(lit(key_light=parallel | {"angular_radius_deg": 20}), folder="../lights/")
    (name,) = soft.maps
    assert f'"string filename" "../lights/{name}"' in soft.text
    assert soft.text.count("LightSource") == 1, "pbrt weighs a second infinite light wrongly"
    assert soft.seen is None, "a soft light is in the picture, and has to be taken out of it"
    stronger = lights_of(lit(key_light=parallel | {"angular_radius_deg": 20, "irradiance": 4.0}))
    assert name not in stronger.maps, "a file's name tells its content"
