"""The Mitsuba renderer by itself: closed forms, what it needs, and that nobody else pays for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from renderbench.cameras import Camera
from renderbench.errors import InputError
from renderbench.groundtruth.backends import make_renderer, renderer_version
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.mitsuba import MitsubaRenderer, variants
from renderbench.groundtruth.mitsuba.scene import separate_albedo
from tests.groundtruth.media import medium, settings, telescope
from tests.groundtruth.test_closed_forms import from_above, oblique, random_medium, single_scattering

# In standard errors; seeds are fixed, so this either holds or does not.
TOLERANCE = 3.5


def wide_slab(optical_depth: float, albedo: float | np.ndarray = 1.0) -> Medium:
    """A slab across z, 6 mm thick and 4 m wide: to Mitsuba's epsilons, kilometres would be too wide."""
    return medium(np.full((6, 4, 4), optical_depth / 6.0), albedo, np.diag([1e3, 1e3, 1.0, 1.0]))


def rendered(target: Medium, camera: Camera, *, count: int, seed: int = 1, **changes: object):
    renderer = MitsubaRenderer(target, settings(**changes), variant="scalar_rgb")
    return renderer.render_pass(camera, seed=seed, first=0, count=count)


@pytest.mark.parametrize(("optical_depth", "cosine"), [(0.5, 1.0), (2.0, 0.5)])
def test_slab_transmittance(optical_depth: float, cosine: float) -> None:
    target = wide_slab(optical_depth)
    view = rendered(target, telescope(target, from_above(cosine), resolution=16), count=32, max_depth=1)
    expected = 1.0 - np.exp(-optical_depth / cosine)
    error = np.sqrt(expected * (1 - expected) / (view.alpha.size * 64))
    assert abs(view.alpha.mean(dtype=np.float64) - expected) < TOLERANCE * error
    assert view.depth_mm is None


@pytest.mark.parametrize("anisotropy", [0.0, 0.6])
def test_single_scattering_in_a_slab(anisotropy: float) -> None:
    """Mitsuba counts otherwise: one scattering too many or too few would show here."""
    albedo = np.array([1.0, 0.6, 0.25])
    target = wide_slab(1.0, albedo)
    camera = telescope(target, from_above(0.6), resolution=16)
    pixels = rendered(target, camera, count=64, max_depth=1, anisotropy=anisotropy).halves.reshape(-1, 3)
    error = pixels.std(axis=0, ddof=1) / np.sqrt(len(pixels))
    expected = albedo * single_scattering(1.0, 0.6, anisotropy)
    assert (abs(pixels.mean(axis=0) - expected) < TOLERANCE * error).all()


def test_white_furnace() -> None:
    target = random_medium(oblique())
    camera = telescope(target, (1.0, 0.2, 0.1), resolution=16, width_mm=1.2 * target.radius_mm)
    view = rendered(target, camera, count=8, max_depth=10_000, environment_radiance=1.75)
    assert 0.2 < view.alpha.mean() < 0.99
    total = view.rgb + 1.75 * (1.0 - view.alpha[..., None])
    assert total == pytest.approx(np.full_like(total, 1.75), rel=1e-4)


def test_neither_threads_nor_repetition_change_a_bit_and_passes_differ() -> None:
    target = random_medium()
    camera = telescope(target, (1.0, 0.2, 0.1), resolution=40, width_mm=1.2 * target.radius_mm)
    one, three = (
        MitsubaRenderer(target, settings(), variant="scalar_rgb", threads=threads) for threads in (1, 3)
    )
    first = one.render_pass(camera, seed=3, first=0, count=2)
    again = three.render_pass(camera, seed=3, first=0, count=2)
    later = one.render_pass(camera, seed=3, first=2, count=2)
    assert first.halves.tobytes() == again.halves.tobytes()
    assert (first.halves[0] != first.halves[1]).any()
    assert (first.halves != later.halves).any()
    assert first.samples == 4


def test_the_albedo_continues_into_empty_voxels() -> None:
    """On the way from a voxel to an empty one, albedo times extinction is then sigma_s interpolated."""
    target = medium(np.ones((1, 1, 1)), (0.8, 0.4, 0.2))
    assert separate_albedo(target.density) == pytest.approx(
        np.broadcast_to(np.float32([0.8, 0.4, 0.2]), (3, 3, 3, 3)), rel=1e-5
    )
    assert not separate_albedo(np.zeros((3, 3, 3, 4), dtype=np.float32)).any()


def test_a_machine_without_mitsuba_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="expected the package mitsuba, found none; run `pip install"):
        make_renderer(settings(name="mitsuba"), random_medium())


def test_an_unknown_variant_is_an_input_error() -> None:
    with pytest.raises(InputError, match="expected one of cuda_ad_rgb, llvm_ad_rgb, scalar_rgb"):
        MitsubaRenderer(random_medium(), settings(), variant="llvm_mono")


def test_an_old_llvm_is_not_used_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(variants.LLVM_VARIABLE, raising=False)
    monkeypatch.setattr(variants, "_candidates", lambda: ["/usr/lib/libLLVM-15.so.1", "/opt/libLLVM-14.so"])
    monkeypatch.setattr(variants, "_llvm_version", lambda path: 15 if "15" in path else None)
    library = variants.llvm_library.__wrapped__()
    assert library.path is None
    assert library.reason == (
        "no libLLVM 16 or newer, only libLLVM-15.so.1 (version 15), libLLVM-14.so (cannot be used)"
    )


def test_the_llvm_that_the_environment_names_is_the_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variants.LLVM_VARIABLE, "/opt/libLLVM.so")
    monkeypatch.setattr(variants, "_llvm_version", lambda path: 19)
    assert variants.llvm_library.__wrapped__().path == "/opt/libLLVM.so"


def test_no_file_is_no_llvm(tmp_path: Path) -> None:
    (tmp_path / "libLLVM-99.so").write_text("not a library")
    assert variants._llvm_version(str(tmp_path / "libLLVM-99.so")) is None


def test_the_scalar_variant_says_that_its_medium_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = {variants.CUDA: "no CUDA GPU", variants.LLVM: "no libLLVM"}
    monkeypatch.setattr("renderbench.groundtruth.mitsuba.variants.unusable_variants", lambda: everything)
    assert renderer_version(settings(name="mitsuba")).endswith("albedo interpolated apart)")
    monkeypatch.setattr("renderbench.groundtruth.mitsuba.variants.unusable_variants", dict)
    assert "apart" not in renderer_version(settings(name="mitsuba"))
    assert renderer_version(settings()) != renderer_version(settings(name="mitsuba"))


def test_who_renders_otherwise_never_imports_mitsuba() -> None:
    code = (
        "import sys, renderbench.groundtruth.stage, renderbench.groundtruth.mitsuba;"
        "print([name for name in ('mitsuba', 'drjit', 'torch') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "[]"
