"""The walk on CUDA against the walk on CPU, for a device or for numba's simulator of one.

``test_native_cuda.py`` runs these under the simulator, and directly where there is a device.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from renderbench.cameras import Camera
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.native.cuda import cuda_obstacle, tracer
from renderbench.groundtruth.renderer import RenderPass
from tests.groundtruth.media import medium, settings, telescope, write_map
from tests.groundtruth.test_closed_forms import oblique

KEY = {"towards": (1.0, 1.0, 1.0), "irradiance": 2.0}
LIGHTS = {
    "environment": {},
    "sun": {"key_light": KEY, "environment_radiance": 0.0},
    "soft key and environment": {"key_light": KEY | {"angular_radius_deg": 5.0}, "anisotropy": 0.4},
    "map": {"environment_map": True, "anisotropy": -0.3},
}


@pytest.fixture(scope="module")
def target() -> Medium:
    if cuda_obstacle() is not None:
        pytest.skip("no CUDA device")
    rng = np.random.default_rng(5)
    sigma_t = np.where(rng.random((5, 6, 7)) < 0.5, rng.exponential(0.5, (5, 6, 7)), 0.0)
    return medium(sigma_t, (0.9, 0.7, 0.3), oblique())


@pytest.fixture(scope="module")
def camera(target: Medium) -> Camera:
    """Six pixels by five, no multiple of a block."""
    facing = telescope(target, (0.3, -1.0, 0.4), resolution=6, width_mm=1.5 * target.radius_mm)
    return replace(facing, height=5)


def rendered(target: Medium, camera: Camera, device: str, folder: Path, **changes: Any) -> RenderPass:
    if changes.pop("environment_map", False):
        sky = np.where(np.random.default_rng(1).random((8, 16, 1)) < 0.1, 30.0, 0.5) * np.ones(3)
        changes["environment_map"] = write_map(folder, sky)
    renderer = NativeRenderer(target, settings(**changes), threads=1, device=device)
    assert renderer.device.partition(":")[0] == device
    return renderer.render_pass(camera, seed=3, first=5, count=2)


@pytest.mark.parametrize("lights", LIGHTS)
def test_cuda_and_cpu_trace_the_same_paths(
    target: Medium, camera: Camera, lights: str, tmp_path: Path
) -> None:
    ours, theirs = (
        rendered(target, camera, device, tmp_path, **LIGHTS[lights]) for device in ("cuda", "cpu")
    )
    assert theirs.rgb.max() > 0.05
    differ = (abs(ours.halves - theirs.halves) > 1e-4 * (1 + theirs.halves)).any(axis=-1)
    # Rounding may turn a path, but not two of these few.
    assert differ.sum() <= 1
    if not differ.any():
        np.testing.assert_array_equal(ours.alpha, theirs.alpha)
        np.testing.assert_allclose(ours.depth_mm, theirs.depth_mm, rtol=1e-5)


def test_launches_and_bands_change_nothing(
    target: Medium, camera: Camera, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rendered(target, camera, "cuda", tmp_path)
    # One sample a launch, two rows a band.
    monkeypatch.setattr(tracer, "_LAUNCH_S", 0.0)
    monkeypatch.setattr(tracer, "_MOST_THREADS", 2 * 2 * camera.width)
    parts = rendered(target, camera, "cuda", tmp_path)
    assert parts.halves.tobytes() == whole.halves.tobytes()
    assert parts.alpha.tobytes() == whole.alpha.tobytes()
