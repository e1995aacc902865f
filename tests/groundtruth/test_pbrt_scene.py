"""What our pbrt scenes say, by reading their text."""

import gzip
import re

import numpy as np
import pytest

from renderbench.cameras import Camera, look_at
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt.media import FLOOR, coefficients, write_medium
from renderbench.groundtruth.pbrt.scene import BUBBLE_MM, is_inside, view_scene
from tests.groundtruth.media import medium

SCENE = {"lights": "", "medium": "m.pbrt.gz", "inside": False, "max_depth": 6, "samples": 8}


def bracketed(text: str, name: str) -> np.ndarray:
    """The numbers in brackets after ``name``."""
    return np.array(re.search(rf"{name}\"?\s*\[([^\]]*)\]", text)[1].split(), dtype=np.float64)


@pytest.fixture
def camera() -> Camera:
    """Neither square nor centred, with two focal lengths: the general pinhole camera."""
    return Camera(
        width=120,
        height=80,
        fx_px=150.0,
        fy_px=170.0,
        cx_px=52.5,
        cy_px=47.25,
        camera_from_world=look_at((200.0, -310.0, 150.0), (10.0, 20.0, -5.0)),
    )


@pytest.fixture
def oblique() -> Medium:
    """A mirrored, rotated grid of three spacings and three sizes, every voxel another colour."""
    rng = np.random.default_rng(3)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    placed = np.eye(4)
    placed[:3, :3] = rotation * (1.5, 1.2, 2.0) * np.sign(np.linalg.det(rotation)) * (1, 1, -1)
    placed[:3, 3] = (100.0, -50.0, 20.0)
    assert np.linalg.det(placed) < 0
    return medium(rng.uniform(0.1, 3.0, (3, 4, 5)), rng.uniform(0.05, 0.95, (3, 4, 5, 3)), placed)


def read(path) -> str:
    with gzip.open(path, "rt") as stream:
        return stream.read()


def test_pbrt_sees_points_where_our_camera_projects_them(camera) -> None:
    """By pbrt's own rules: camera from world, then the screen window at distance 1, +y up."""
    text = view_scene(camera, **SCENE)
    assert bracketed(text, "float fov") == pytest.approx(90)
    left, right, low, high = bracketed(text, "float screenwindow")
    camera_from_world = bracketed(text, "Transform").reshape(4, 4).T
    points = np.random.default_rng(1).normal(scale=40.0, size=(50, 3))
    seen = points @ camera_from_world[:3, :3].T + camera_from_world[:3, 3]
    column = (seen[:, 0] / seen[:, 2] - left) / (right - left) * camera.width
    row = (high - seen[:, 1] / seen[:, 2]) / (high - low) * camera.height
    expected, depth = camera.project(points)
    assert (depth > 0).all()
    np.testing.assert_allclose(np.stack([column, row], axis=1), expected, atol=1e-9)
    assert np.linalg.det(camera_from_world) == pytest.approx(-1), "pbrt's camera is left-handed"


def test_the_view_says_everything_that_pbrt_would_otherwise_default(camera) -> None:
    text = view_scene(camera, **SCENE)
    assert bracketed(text, "xresolution") == [120]
    assert bracketed(text, "yresolution") == [80]
    assert bracketed(text, "maxdepth") == [6]
    assert bracketed(text, "pixelsamples") == [8]
    assert 'PixelFilter "box" "float xradius" [0.5] "float yradius" [0.5]' in text
    assert 'Integrator "volpath"' in text
    assert 'Include "m.pbrt.gz"' in text
    assert '"integer seed"' not in text, "it would override the command line's"
    assert "$" not in text
    # pbrt rounds the samples of a zsobol or sobol sampler down to a power of two without a word.
    assert 'Sampler "paddedsobol"' in text


def test_a_camera_in_the_medium_says_so(oblique, camera) -> None:
    inner = Camera(**{**vars(camera), "camera_from_world": look_at(oblique.center_mm, (0.0, 0.0, 0.0))})
    assert is_inside(inner, oblique)
    assert not is_inside(camera, oblique)
    text = view_scene(inner, **SCENE | {"inside": True})
    bubble = text[text.index("Include") :]
    assert bracketed(bubble, "Transform")[12:15] == pytest.approx(inner.position_mm)
    assert bracketed(bubble, "radius") == [BUBBLE_MM]
    assert 'MediumInterface "" "ct"' in bubble, "within the bubble nothing, around it the medium"
    assert '"ct"' not in view_scene(camera, **SCENE)


def test_the_empty_scene_has_no_medium(camera) -> None:
    text = view_scene(camera, **SCENE | {"medium": None, "inside": True})
    assert "Include" not in text
    assert '"ct"' not in text


def test_voxels_lie_where_pbrt_looks_for_them(oblique, tmp_path) -> None:
    """x fastest, and the middle of voxel (i, j, k) where the grid has it in the world."""
    text = read(write_medium(tmp_path, oblique, anisotropy=0.25))
    nx, ny, nz = (int(bracketed(text, f"integer n{axis}")[0]) for axis in "xyz")
    assert (nz, ny, nx) == oblique.density.shape[:3]
    assert bracketed(text, "float g") == [0.25]
    sigma_a, sigma_s = (bracketed(text, f"rgb sigma_{each}").reshape(nz, ny, nx, 3) for each in "as")
    np.testing.assert_allclose(sigma_s, oblique.density[..., 1:], rtol=1e-4)
    np.testing.assert_allclose(sigma_a + sigma_s, np.tile(oblique.density[..., :1], 3), rtol=2e-4)
    assert not sigma_s[[0, -1]].any()
    low, high = bracketed(text, "point3 p0"), bracketed(text, "point3 p1")
    index = np.array([2, 1, 3])
    middle = low + (index + 0.5) / (nx, ny, nz) * (high - low)
    world_from_medium = bracketed(text, "Transform").reshape(4, 4).T
    world = world_from_medium[:3, :3] @ middle + world_from_medium[:3, 3]
    expected = oblique.world_from_voxel[:3, :3] @ index + oblique.world_from_voxel[:3, 3]
    np.testing.assert_allclose(world, expected, atol=1e-9)


@pytest.mark.parametrize("mirror", [1.0, -1.0])
def test_the_bounding_box_is_closed_and_faces_outward(oblique, tmp_path, mirror) -> None:
    """A box with a normal inward would make the medium vanish without an error."""
    placed = oblique.world_from_voxel.copy()
    placed[:3, 0] *= mirror
    turned = Medium(**{**vars(oblique), "world_from_voxel": placed})
    text = read(write_medium(tmp_path, turned, anisotropy=0.0))
    corners = bracketed(text, "point3 P").reshape(-1, 3)
    triangles = bracketed(text, "integer indices").astype(int).reshape(-1, 3)
    assert triangles.shape == (12, 3)
    edges = {(a, b) for triangle in triangles for a, b in zip(triangle, np.roll(triangle, -1), strict=True)}
    assert len(edges) == 36, "every edge once in each direction"
    assert {(b, a) for a, b in edges} == edges
    first, second, third = np.moveaxis(corners[triangles], 1, 0)
    volume = np.einsum("ni,ni->n", first, np.cross(second, third)).sum() / 6.0
    shape = np.array(turned.density.shape[:3])
    assert volume == pytest.approx(shape.prod() * abs(np.linalg.det(placed[:3, :3])))


def test_no_colour_is_fully_saturated() -> None:
    """And black, white and empty stay what they are."""
    voxels = np.array(
        [[2, 2, 0, 0], [1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0.5, 0.25, 1]], dtype=np.float32
    )
    absorption, scattering = coefficients(voxels)
    np.testing.assert_allclose(scattering[0], [2, 2 * FLOOR, 2 * FLOOR])
    np.testing.assert_allclose(absorption[0], [2 * FLOOR, 2, 2])
    assert not absorption[1].any()
    assert not scattering[2].any()
    assert not absorption[3].any()
    assert not scattering[3].any()
    np.testing.assert_allclose(absorption[4], [0.5, 0.75, 0.75 * FLOOR])


def test_a_medium_is_written_once_and_again_when_it_changes(oblique, tmp_path) -> None:
    path = write_medium(tmp_path, oblique, anisotropy=0.0)
    stamp = path.stat().st_mtime_ns
    assert write_medium(tmp_path, oblique, anisotropy=0.0) == path
    assert path.stat().st_mtime_ns == stamp
    assert write_medium(tmp_path, oblique, anisotropy=0.1) != path
    changed = oblique.density.copy()
    changed[1, 1, 1, 0] *= 1.5
    assert write_medium(tmp_path, Medium(**{**vars(oblique), "density": changed}), anisotropy=0.0) != path
    assert len(list(tmp_path.iterdir())) == 3


def test_a_medium_cut_short_is_not_left_behind(oblique, tmp_path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("renderbench.groundtruth.pbrt.media._write_triples", full)
    with pytest.raises(OSError, match="No space left"):
        write_medium(tmp_path, oblique, anisotropy=0.0)
    assert list(tmp_path.iterdir()) == []
