"""Mitsuba under key lights and environment maps: where they stand and how bright they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.integrate import quad

from renderbench.config import KeyLight
from renderbench.groundtruth import lights
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.mitsuba import MitsubaRenderer, scene
from renderbench.groundtruth.mitsuba.scene import scene_from_world
from renderbench.groundtruth.native import NativeRenderer
from tests.groundtruth.media import medium, settings, telescope
from tests.groundtruth.test_closed_forms import from_above, oblique
from tests.groundtruth.test_mitsuba import rendered, wide_slab
from tests.groundtruth.test_mitsuba_agreement import compare, view_of

TOLERANCE = 3.5


def sunlit_slab(optical_depth: float, cosine: float, light_cosine: float) -> float:
    """Radiance of a slab of albedo 1 after one scattering of irradiance 1 from the viewer's side."""
    slant = 1.0 / cosine + 1.0 / light_cosine
    return quad(lambda depth: np.exp(-depth * slant) / cosine, 0.0, optical_depth)[0] / (4.0 * np.pi)


@pytest.mark.parametrize(("radius_deg", "environment"), [(0.0, 0.0), (1.0, 0.0), (1.0, 0.5)])
def test_a_key_light_on_a_slab(radius_deg: float, environment: float) -> None:
    """With an environment, what it adds is measured by rendering it alone: light is additive."""
    target, light_cosine = wide_slab(1.0), 0.7
    camera = telescope(target, from_above(0.6), resolution=16)
    key = KeyLight(
        towards=(-3.0 * np.sqrt(1 - light_cosine**2), 0.0, 3.0 * light_cosine),
        irradiance=4.0,
        angular_radius_deg=radius_deg,
    )
    changes = {"max_depth": 1, "environment_radiance": environment}
    view = rendered(target, camera, count=64, key_light=key, **changes).halves.reshape(-1, 3)
    expected = 4.0 * sunlit_slab(1.0, 0.6, light_cosine)
    error = view.std(axis=0, ddof=1) / np.sqrt(len(view))
    if environment:
        sky = rendered(target, camera, count=64, seed=2, **changes).halves.reshape(-1, 3)
        expected = expected + sky.mean(axis=0)
        error = np.hypot(error, sky.std(axis=0, ddof=1) / np.sqrt(len(sky)))
    assert (abs(view.mean(axis=0) - expected) < TOLERANCE * error).all()


def panorama() -> NDArray[np.float32]:
    """Every pixel another colour; the brightest on the patient's left."""
    image = np.random.default_rng(3).random((8, 16, 3)).astype(np.float32)
    image[3:5, 3:5] += 4.0
    return image


@pytest.fixture
def map_path(monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a map whose pixels are :func:`panorama`'s; no file is read."""
    monkeypatch.setattr(lights, "read_environment_map", lambda path: panorama())
    return "panorama.exr"


@pytest.mark.parametrize("world_from_voxel", [np.eye(4), oblique()])
def test_a_map_shines_from_where_it_says(map_path: str, world_from_voxel: NDArray[np.float64]) -> None:
    target = medium(np.ones((3, 4, 5)), 0.8, world_from_voxel)
    chosen = settings(environment_map=map_path, environment_radiance=2.0)
    loaded = MitsubaRenderer(target, chosen, variant="scalar_rgb")._scene
    import mitsuba as mi

    directions = lights.map_directions(8, 16).reshape(-1, 3) @ scene_from_world(target)[:3, :3].T
    seen = []
    for direction in directions:
        hit = mi.SurfaceInteraction3f()
        hit.wi = mi.Vector3f((-direction).tolist())
        seen.append(np.array(loaded.environment().eval(hit)))
    np.testing.assert_allclose(seen, 2.0 * panorama().reshape(-1, 3), rtol=1e-3)


def test_a_disc_before_a_map_carries_what_it_hides() -> None:
    image = np.zeros((90, 180, 3), dtype=np.float32)
    image[:, 90:] = (1.0, 2.0, 3.0)
    on_the_right = KeyLight(towards=(-1.0, 0.0, 0.0), irradiance=1.0, angular_radius_deg=20.0)
    assert scene._mean_radiance(image, on_the_right) == pytest.approx([1.0, 2.0, 3.0])
    between = KeyLight(towards=(0.0, -1.0, 0.0), irradiance=1.0, angular_radius_deg=20.0)
    assert scene._mean_radiance(image, between) == pytest.approx([0.5, 1.0, 1.5], rel=0.01)
    tiny = KeyLight(towards=(-1.0, 0.1, 0.2), irradiance=1.0, angular_radius_deg=1e-3)
    assert scene._mean_radiance(image, tiny) == pytest.approx([1.0, 2.0, 3.0])


def lit(target: Medium, **changes: object) -> None:
    compare(target, view_of(target, 16), settings(**changes), "scalar_rgb", count=96)


@pytest.mark.parametrize("radius_deg", [0.0, 15.0])
def test_native_agrees_under_a_key_light(radius_deg: float) -> None:
    key = KeyLight(towards=(1.0, -2.0, 0.5), irradiance=3.0, angular_radius_deg=radius_deg)
    lit(medium(np.full((5, 6, 7), 0.3), 0.7, oblique()), key_light=key)


def test_native_agrees_under_a_map(map_path: str) -> None:
    lit(medium(np.full((5, 6, 7), 0.3), 0.7, oblique()), environment_map=map_path)


def test_a_map_that_is_missing_is_an_input_error(tmp_path: Path) -> None:
    chosen = settings(environment_map=str(tmp_path / "none.exr"))
    for make in (NativeRenderer, MitsubaRenderer):
        with pytest.raises(Exception, match=r"none.exr"):
            make(medium(np.ones((2, 2, 2))), chosen)
