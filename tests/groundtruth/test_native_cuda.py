"""The CUDA part of the native renderer, with a device or without one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.groundtruth.native import NativeRenderer, devices
from renderbench.groundtruth.native.cuda import Obstacle, cuda_obstacle, obstacles
from renderbench.groundtruth.native.rays import Rays
from renderbench.groundtruth.native.scene import scene_of
from tests.groundtruth.media import medium, settings, write_map

# The tests among them need a device, and are skipped without one.
from tests.groundtruth.on_cuda import (  # noqa: F401
    LIGHTS,
    camera,
    target,
    test_cuda_and_cpu_trace_the_same_paths,
    test_launches_and_bands_change_nothing,
)

REPOSITORY = Path(__file__).parents[2]
NONE = Obstacle(found="none at all", remedy="buy one")
# libdevice's sine and cosine reduce arguments above 105 615, of which there are none, in float64 by this.
HALF_PI_OVER_2_63 = "0d3BF921FB54442D19"


def tiny(**changes: object) -> NativeRenderer:
    return NativeRenderer(medium(np.ones((1, 1, 1))), settings(), threads=1, **changes)


def test_under_the_simulator() -> None:
    pytest.importorskip("numba.cuda")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "-W",
        "ignore",
    ]
    done = subprocess.run(
        [*command, "tests/groundtruth/on_cuda.py"],
        cwd=REPOSITORY,
        env=os.environ | {"NUMBA_ENABLE_CUDASIM": "1"},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b5 passed", done.stdout)
    assert "skipped" not in done.stdout


def test_the_kernel_compiles_without_a_device_and_keeps_to_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba_cuda")
    from numba import cuda
    from numba.cuda.cudadrv import nvvm

    if not nvvm.is_available():
        pytest.skip("no NVVM")
    # Device functions are compiled for the device at hand; this stands in for it.
    device = SimpleNamespace(compute_capability=(8, 0))
    monkeypatch.setattr("numba.cuda.dispatcher.get_current_device", lambda: device)
    from renderbench.groundtruth.native.cuda.kernel import add_samples

    scene = scene_of(medium(np.ones((1, 1, 1))), settings())
    rays = Rays(start=np.eye(3, dtype="f4"), direction=np.eye(3, dtype="f4"), plane_mm=np.float32(1.0))
    sums, means = np.zeros((2, 1, 1, 5)), np.zeros((2, 1, 1, 5), np.float32)
    passed = (sums, means, 0, 0, 0, 1, np.uint64(0), rays, scene.density, scene.majorants)
    passed += (scene.voxels_per_mm, scene.max_depth, scene.anisotropy, scene.lights)
    ptx, _ = cuda.compile_ptx(add_samples.py_func, tuple(numba.typeof(each) for each in passed), cc=(8, 0))
    assert ptx.count(".entry") == 1
    wide = re.findall(r"\b((?:add|sub|mul|div|fma|sqrt|rcp|rsqrt|min|max)\.\S*f64)\s+([^;]*);", ptx)
    unexpected = [
        (operation, operands)
        for operation, operands in wide
        if not (operation.startswith("mul") and HALF_PI_OVER_2_63 in operands)
    ]
    # The five sums of a pixel, and the divisions that make them means.
    assert sorted(operation for operation, _ in unexpected) == ["add.f64"] * 5 + ["div.rn.f64"] * 5


@pytest.mark.parametrize("lights", LIGHTS)
def test_no_array_is_empty(tmp_path: Path, lights: str) -> None:
    """numba-cuda launches no kernel with an empty array, and only a device would tell."""
    changes = dict(LIGHTS[lights])
    if changes.get("environment_map"):
        changes["environment_map"] = write_map(tmp_path, np.ones((2, 4, 3)))
    scene = scene_of(medium(np.ones((1, 1, 1))), settings(**changes))
    arrays = [scene.density, scene.majorants, scene.voxels_per_mm, *scene.lights]
    assert min(each.size for each in arrays) > 0


def test_a_device_that_cannot_be_used_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "cuda_obstacle", lambda scene: NONE)
    monkeypatch.setenv("RENDERBENCH_DEVICE", "cuda")
    with pytest.raises(InputError) as caught:
        tiny()
    assert str(caught.value) == (
        "RENDERBENCH_DEVICE: expected a CUDA device for the native renderer, found none at all; "
        "buy one, or set RENDERBENCH_DEVICE=cpu"
    )


def test_devices_of_another_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDERBENCH_DEVICE", "gpu")
    with pytest.raises(InputError, match="RENDERBENCH_DEVICE: expected cpu or cuda, found 'gpu'"):
        tiny()


def test_the_cpu_is_taken_where_it_is_asked_for_and_where_nothing_else_can_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tiny(device="cpu").device == "cpu"
    monkeypatch.delenv("RENDERBENCH_DEVICE", raising=False)
    monkeypatch.setattr(devices, "cuda_obstacle", lambda scene: NONE)
    assert tiny().device == "cpu"


def test_a_scene_that_the_device_cannot_hold_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = pytest.importorskip("numba.cuda")
    monkeypatch.setattr(obstacles, "_trial", lambda: None)
    context = SimpleNamespace(get_memory_info=lambda: (100_000_000, 8_000_000_000))
    monkeypatch.setattr(cuda, "current_context", lambda: context)
    found = cuda_obstacle(scene_of(medium(np.ones((1, 1, 1))), settings()))
    assert found is not None
    assert found.found == "0.1 GB of free memory on it where 0.3 GB are needed"


def test_a_trial_that_fails_is_an_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = pytest.importorskip("numba.cuda")
    monkeypatch.setattr(cuda, "is_available", lambda: True)

    def fails(scene: object) -> None:
        raise RuntimeError("CUDA_ERROR_UNSUPPORTED_PTX_VERSION\nand more")

    monkeypatch.setattr(obstacles, "CudaTracer", fails)
    obstacles._trial.cache_clear()
    try:
        found = cuda_obstacle()
    finally:
        obstacles._trial.cache_clear()
    assert found is not None
    assert "a trial failed (RuntimeError: CUDA_ERROR_UNSUPPORTED_PTX_VERSION)" in found.found
