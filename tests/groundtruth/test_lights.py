"""Lights: which maps are read, which way they face, how the tracer looks them up and draws from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from scipy.stats import chi2

from renderbench.errors import InputError
from renderbench.groundtruth.lights import (
    environment_digest,
    map_directions,
    pixel_solid_angles,
    read_environment_map,
)
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.native.illumination import illumination, sky_light, towards_key, towards_sky
from tests.groundtruth.media import medium, settings, write_map


def random_map(height: int = 16) -> np.ndarray:
    return np.random.default_rng(3).exponential(1.0, (height, 2 * height, 3)).astype(np.float32) ** 2


def rotation() -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(8).normal(size=(3, 3)))[0]


@njit
def looked_up(directions: np.ndarray, lights: Any) -> np.ndarray:
    out = np.empty((len(directions), 4), dtype=np.float32)
    for index in range(len(directions)):
        u, v, w = directions[index]
        out[index] = sky_light(u, v, w, lights)
    return out


@njit
def drawn_from_sky(uniforms: np.ndarray, lights: Any) -> np.ndarray:
    out = np.empty((len(uniforms), 3), dtype=np.float32)
    for index in range(len(uniforms)):
        a, b, c, d = uniforms[index]
        out[index] = towards_sky(a, b, c, d, lights)
    return out


@njit
def drawn_from_key(uniforms: np.ndarray, lights: Any) -> np.ndarray:
    out = np.empty((len(uniforms), 4), dtype=np.float32)
    for index in range(len(uniforms)):
        out[index] = towards_key(uniforms[index, 0], uniforms[index, 1], lights)
    return out


def uniforms(count: int, dimensions: int) -> np.ndarray:
    steps = np.random.default_rng(1).integers(0, 2**24, (count, dimensions))
    return (steps / 2.0**24).astype(np.float32)


def test_the_map_faces_the_patients_front_with_the_left_on_the_left() -> None:
    directions = map_directions(64, 128)
    near = {"rel": 0, "abs": 0.05}
    assert directions[32, 64] == pytest.approx([0, -1, 0], **near), "middle: anterior"
    assert directions[32, 32] == pytest.approx([1, 0, 0], **near), "left of it: the patient's left"
    assert directions[32, 96] == pytest.approx([-1, 0, 0], **near)
    assert directions[32, 0] == pytest.approx([0, 1, 0], **near)
    assert directions[0, 5] == pytest.approx([0, 0, 1], **near), "top: the head"
    assert np.linalg.norm(directions, axis=-1) == pytest.approx(np.ones((64, 128)))
    assert pixel_solid_angles(64, 128).sum() * 128 == pytest.approx(4 * np.pi)


def test_the_tracer_sees_each_pixel_where_it_is(tmp_path: Path) -> None:
    radiance, turned = random_map(), rotation()
    lights = illumination(
        settings(environment_map=write_map(tmp_path, radiance), environment_radiance=2.0), turned
    )
    directions = (map_directions(16, 32).reshape(-1, 3) @ turned.T).astype(np.float32)
    seen = looked_up(directions, lights)[:, :3].reshape(radiance.shape)
    np.testing.assert_allclose(seen, 2 * radiance, rtol=1e-4, atol=1e-4)


def test_the_map_is_interpolated_around_the_back_and_up_to_the_poles(tmp_path: Path) -> None:
    radiance = random_map()
    lights = illumination(settings(environment_map=write_map(tmp_path, radiance)), np.eye(3))
    polar = np.pi * 7.5 / 16
    around = np.array([[0, np.sin(polar), np.cos(polar)], [0, 0, 1]], dtype=np.float32)
    seen = looked_up(around, lights)[:, :3]
    assert seen[0] == pytest.approx((radiance[7, 0] + radiance[7, -1]) / 2, rel=1e-3)
    low, high = radiance[0].min(axis=0), radiance[0].max(axis=0)
    assert ((low <= seen[1]) & (seen[1] <= high)).all()


def test_what_is_above_the_mean_is_drawn_with_the_density_that_is_claimed(tmp_path: Path) -> None:
    radiance, turned = random_map(8), rotation()
    lights = illumination(settings(environment_map=write_map(tmp_path, radiance)), turned)
    density = lights.sky[..., 3].astype(np.float64)
    chances = density * pixel_solid_angles(8, 16)[:, None]
    assert chances.sum() == pytest.approx(1.0, abs=1e-6)
    grey = radiance.mean(axis=-1)
    mean = (grey * pixel_solid_angles(8, 16)[:, None]).sum() / (4 * np.pi)
    np.testing.assert_allclose(
        density * (grey - mean).max(), np.maximum(grey - mean, 0) * density.max(), atol=1e-4
    )

    count = 200_000
    drawn = drawn_from_sky(uniforms(count, 4), lights)
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.ones(count), abs=1e-5)
    # Rounding moves a direction on the edge of its pixel into the next one.
    assert (looked_up(drawn, lights)[:, 3] > 0).mean() > 0.9999
    world = drawn @ turned
    columns = ((0.5 - np.arctan2(world[:, 0], -world[:, 1]) / (2 * np.pi)) * 16).astype(int)
    rows = (np.arccos(np.clip(world[:, 2], -1, 1)) / np.pi * 8).astype(int)
    counts = np.histogram2d(rows, columns, bins=(8, 16), range=((0, 8), (0, 16)))[0]
    likely = chances * count > 10
    scores = (counts[likely] - count * chances[likely]) ** 2 / (count * chances[likely])
    assert scores.sum() < chi2.ppf(0.999, likely.sum() - 1)
    # Uniform within a pixel: the mean of the directions is the pixels' own.
    height = (world[:, 2] * np.ones(count)).mean()
    edges = np.cos(np.pi * np.arange(9) / 8)
    expected = (chances.sum(axis=1) * (edges[:-1] + edges[1:]) / 2).sum()
    assert abs(height - expected) < 3.5 * world[:, 2].std() / np.sqrt(count)


def test_a_constant_map_is_not_looked_for(tmp_path: Path) -> None:
    lights = illumination(settings(environment_map=write_map(tmp_path, np.full((4, 8, 3), 0.7))), np.eye(3))
    assert lights.columns.size == 1
    assert lights.sky[..., 3].max() == 0.0


@pytest.mark.parametrize("radius_deg", [0.01, 20.0, 85.0])
def test_the_key_light_is_drawn_uniformly_from_its_disc(radius_deg: float) -> None:
    towards, turned, count = np.array([1.0, -2.0, 0.5]), rotation(), 100_000
    key = {"towards": tuple(towards), "irradiance": 3.0, "angular_radius_deg": radius_deg}
    lights = illumination(settings(key_light=key), turned)
    drawn = drawn_from_key(uniforms(count, 2), lights).astype(np.float64)
    directions = drawn[:, :3] @ turned
    axis = towards / np.linalg.norm(towards)
    sines = np.linalg.norm(directions - (directions @ axis)[:, None] * axis, axis=1)
    spread = 1 - np.cos(np.radians(radius_deg))
    # By the sine: 1 - cos loses its digits at small angles.
    shorts = sines**2 / (1 + np.clip(directions @ axis, -1, 1))
    assert shorts.max() < spread * (1 + 1e-3)
    assert shorts.mean() == pytest.approx(spread / 2, rel=0.01)
    assert np.abs(directions.mean(axis=0) - axis * (1 - spread / 2)).max() < 0.02 * np.sqrt(spread) + 1e-6
    # Irradiance of a surface that faces the light: the mean of weight times cosine.
    assert (drawn[:, 3] * (1 - shorts)).mean() == pytest.approx(3.0, rel=0.005)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda image: image[:, :-2], r"twice as wide as high, found 30 x 16"),
        (lambda image: np.where(image == image[3, 4], np.nan, image), r"found nan at column 4, row 3"),
        (lambda image: np.where(image == image[3, 4], np.inf, image), r"found inf at column 4, row 3"),
        (lambda image: image - 0.01, r"of at least 0, found -0\.0"),
        (lambda image: image * 0, r"black all over"),
        (lambda image: np.ones((4097, 8194, 3), np.float16), r"at most 8192 columns, found 8194"),
    ],
)
def test_maps_that_no_light_makes_are_refused(tmp_path: Path, change: Any, problem: str) -> None:
    path = write_map(tmp_path, change(random_map()))
    with pytest.raises(InputError, match=rf"environment map .*map\.exr: expected .*{problem}"):
        NativeRenderer(medium(np.ones((2, 2, 2))), settings(environment_map=path))


def test_files_that_are_no_maps_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(InputError, match=r"found none \(No such file"):
        read_environment_map(tmp_path / "absent.exr")
    (tmp_path / "other.exr").write_bytes(b"#?RADIANCE\n")
    with pytest.raises(InputError, match="found another format; convert it"):
        read_environment_map(tmp_path / "other.exr")
    whole = Path(write_map(tmp_path, random_map())).read_bytes()
    for length in (6, 60, len(whole) // 2):
        (tmp_path / "half.exr").write_bytes(whole[:length])
        with pytest.raises(InputError, match="found a damaged one"):
            read_environment_map(tmp_path / "half.exr")
    other = write_map(tmp_path, random_map()[..., 0], "Z")
    with pytest.raises(InputError, match="expected the channels R, G and B, or Y, found Z"):
        read_environment_map(Path(other))
    capfd.readouterr()  # OpenEXR's own words about damaged files


def test_grey_and_half_precision_maps_are_maps(tmp_path: Path) -> None:
    grey = random_map()[..., 0]
    assert (read_environment_map(Path(write_map(tmp_path, grey, "Y"))) == grey[..., None]).all()
    half = random_map().astype(np.float16)
    read = read_environment_map(Path(write_map(tmp_path, half)))
    assert read.dtype == np.float32
    assert (read == half).all()


def test_the_digest_is_of_the_content(tmp_path: Path) -> None:
    chosen = settings(environment_map=write_map(tmp_path, random_map()))
    first = environment_digest(chosen)
    write_map(tmp_path, 2 * random_map())
    assert first != environment_digest(chosen)
    assert environment_digest(settings()) is None
