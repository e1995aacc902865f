"""Two renderers that share no code but the medium give the same images, channel by channel.

The scalar variant, which runs anywhere, is another medium where two materials meet; media of one albedo
are the same to it. What has several is compared under LLVM, where the machine has that.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import MediumSettings, RendererSettings
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.groundtruth.mitsuba import MitsubaRenderer
from renderbench.groundtruth.mitsuba.variants import LLVM, SCALAR, unusable_variants
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.renderer import RenderPass, combined
from renderbench.layout import Root
from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.stage import prepare_dataset
from renderbench.scans.store import ScanStore
from renderbench.scans.transfer import load_transfer_function
from tests.groundtruth.media import medium, settings
from tests.groundtruth.test_closed_forms import oblique, random_medium

# In standard errors; seeds are fixed, so this either holds or does not.
TOLERANCE = 3.5


@pytest.fixture(scope="module")
def llvm() -> str:
    if LLVM in unusable_variants():
        pytest.skip(f"Mitsuba's {LLVM} does not run here: {unusable_variants()[LLVM]}")
    return LLVM


def view_of(target: Medium, size: int = 20, **changes: object) -> Camera:
    (camera,) = sphere_cameras(
        1,
        center_mm=target.center_mm,
        radius_mm=0.7 * target.radius_mm,
        resolution=size,
        fov_deg=40.0,
        layout="random",
        seed=3,
    )
    return dataclasses.replace(camera, **changes)


def compare(
    target: Medium,
    camera: Camera,
    chosen: RendererSettings,
    variant: str,
    *,
    count: int,
    passes: int = 1,
) -> tuple[RenderPass, RenderPass]:
    """Render by both, assert that image and channel means agree within their noise, and return the views."""
    reference = NativeRenderer(target, chosen).render_pass(camera, seed=1, first=0, count=4 * count)
    renderer = MitsubaRenderer(target, chosen, variant=variant)
    other = combined(
        [renderer.render_pass(camera, seed=1, first=part * count, count=count) for part in range(passes)]
    )
    difference = (other.rgb.astype(np.float64) - reference.rgb).reshape(-1, 3)
    noise = _noise(reference) + _noise(other)
    scores = difference.mean(axis=0) / np.sqrt(noise.sum(axis=0)) * len(difference)
    assert (abs(scores) < TOLERANCE).all(), f"channel means differ by {scores} standard errors"
    # Pixel by pixel nothing is left over that noise does not explain; two halves tell it to a few percent.
    power = (difference**2).sum(axis=0) / noise.sum(axis=0)
    spread = np.sqrt((noise**2).sum(axis=0)) / noise.sum(axis=0)
    assert (abs(power - 1.0) < 2.0 * TOLERANCE * spread).all(), f"{power} times the noise, ± {spread}"
    return reference, other


def _noise(view: RenderPass) -> NDArray[np.float64]:
    """(pixels, 3) the estimated variance of the mean of the halves."""
    return ((view.halves[0].astype(np.float64) - view.halves[1]) ** 2).reshape(-1, 3) / 4.0


def grey_sphere() -> Medium:
    """Homogeneous, of radius 5 voxels."""
    steps = np.stack(np.meshgrid(*(np.arange(-5, 6),) * 3, indexing="ij"), axis=-1)
    return medium(np.where(np.linalg.norm(steps, axis=-1) <= 5.0, 0.3, 0.0), 0.8)


def random_colours() -> Medium:
    """Neighbours of very different extinction and albedo: interpolating these apart is far off here."""
    rng = np.random.default_rng(5)
    sigma_t = np.where(rng.random((7, 8, 9)) < 0.4, rng.exponential(0.4, (7, 8, 9)), 0.0)
    return medium(sigma_t, rng.random((7, 8, 9, 3)), oblique())


def test_a_homogeneous_sphere_and_its_transmittance() -> None:
    target = grey_sphere()
    reference, other = compare(target, view_of(target), settings(), SCALAR, count=128)
    assert other.alpha.mean() == pytest.approx(reference.alpha.mean(), rel=0.005)


@pytest.mark.parametrize("anisotropy", [0.0, 0.5])
def test_a_random_grey_medium(anisotropy: float) -> None:
    target = random_medium(oblique(), 0.7)
    compare(target, view_of(target), settings(anisotropy=anisotropy), SCALAR, count=96)


def test_a_general_camera() -> None:
    """Principal point off the centre, pixels that are not square, an image that is not."""
    target = random_medium(albedo=0.7)
    camera = view_of(target, height=14, cx_px=8.0, cy_px=9.0)
    compare(target, camera, settings(), SCALAR, count=96)
    oblong = dataclasses.replace(camera, fy_px=1.4 * camera.fy_px)
    reference, other = compare(target, oblong, settings(), SCALAR, count=64)
    assert np.corrcoef(reference.alpha.ravel(), other.alpha.ravel())[0, 1] > 0.98


def test_colours_between_voxels(llvm: str) -> None:
    target = random_colours()
    compare(target, view_of(target), settings(), llvm, count=512)


def test_a_large_image_is_rendered_in_launches(llvm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("renderbench.groundtruth.mitsuba.renderer._LAUNCH", 20 * 8 * 100)
    target = random_colours()
    compare(target, view_of(target), settings(), llvm, count=150)


def real_crop(real_ct: Path, folder: Path) -> Medium:
    """6 cm of a real abdomen with six groups of organs, at full density."""
    root = Root(folder)
    prepare_dataset("folder", raw=real_ct, root=root)
    scan = ScanStore.open(root.scan("folder", "ct-abdomen"))
    corner, side = (160, 84, 80), 40
    part = tuple(slice(first, first + side) for first in corner)
    return medium_from_rgba(
        scan.rgba("seen")[(slice(None), *part)],
        scan.groups()[part],
        select_groups("all"),
        scan.grid.cropped(corner, (side, side, side)),
        MediumSettings(),
    )


def coarse_phantom() -> Medium:
    """At 6 mm; the reference length is as long in voxels as with 1.5 mm."""
    scan = phantom_scan(0, spacing_mm=6.0)
    groups = groups_of_labels(scan.labels)
    rgba = load_transfer_function("seen").apply(scan.ct, groups)
    return medium_from_rgba(
        rgba.astype(np.float32), groups, select_groups("all"), scan.grid, MediumSettings(reference_mm=1.5)
    )


def test_a_coarse_phantom(llvm: str) -> None:
    target = coarse_phantom()
    compare(target, view_of(target), RendererSettings(), llvm, count=16)


@pytest.mark.slow
def test_a_crop_of_a_real_ct(llvm: str, real_ct: Path, tmp_path: Path) -> None:
    """Some minutes: many samples, until the images are as near as 8-bit references must be."""
    target = real_crop(real_ct, tmp_path)
    reference, other = compare(target, view_of(target, 24), RendererSettings(), llvm, count=512, passes=4)
    error = (srgb_from_linear(reference.rgb).astype(np.float64) - srgb_from_linear(other.rgb)) ** 2
    assert -10.0 * np.log10(error.mean()) > 44.0
