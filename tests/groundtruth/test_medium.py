import numpy as np
import pytest

from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.groundtruth.colour import linear_from_srgb
from renderbench.groundtruth.medium import extinction, medium_from_rgba
from renderbench.scans.groups import GROUP_INDEX, select_groups
from renderbench.scans.volume import Grid

SHAPE = (7, 9, 11)
SKELETON, MUSCLE = GROUP_INDEX["skeleton"], GROUP_INDEX["muscle"]


@pytest.fixture
def grid() -> Grid:
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = 1.5 * turn
    world_from_voxel[:3, 3] = (10.0, 20.0, 30.0)
    return Grid(shape=SHAPE, world_from_voxel=world_from_voxel)


@pytest.fixture
def rgba() -> np.ndarray:
    volume = np.random.default_rng(1).random((4, *SHAPE)).astype(np.float32)
    inside = np.zeros(SHAPE, dtype=bool)
    inside[1:5, 2:8, 3:10] = True
    volume[3] *= inside
    return volume


@pytest.fixture
def groups() -> np.ndarray:
    labelled = np.full(SHAPE, MUSCLE, dtype=np.uint8)
    labelled[3] = SKELETON
    return labelled


def test_extinction_reproduces_alpha_over_the_reference_length() -> None:
    settings = MediumSettings(reference_mm=0.5, alpha_max=0.9)
    alpha = np.array([0.0, 1e-4, 0.3, 0.9, 1.0], dtype=np.float32)
    sigma_t = extinction(alpha, settings)
    assert sigma_t.dtype == np.float32
    assert 1 - np.exp(-0.5 * sigma_t.astype(np.float64)) == pytest.approx([0, 1e-4, 0.3, 0.9, 0.9], rel=1e-5)


def test_density_is_cropped_ringed_and_stays_where_it_was(rgba, groups, grid) -> None:
    settings = MediumSettings()
    medium = medium_from_rgba(rgba, groups, select_groups("all"), grid, settings)
    assert medium.density.shape == (6, 8, 9, 4)
    assert medium.density.dtype == np.float32
    assert medium.density.flags.c_contiguous
    for axis in range(3):
        assert not medium.density.take([0, -1], axis=axis).any()

    inner = medium.density[1:-1, 1:-1, 1:-1]
    shown = (slice(1, 5), slice(2, 8), slice(3, 10))
    assert inner[..., 0] == pytest.approx(extinction(rgba[3][shown], settings))
    albedo = np.moveaxis(linear_from_srgb(rgba[:3])[(slice(None), *shown)], 0, -1)
    assert inner[..., 1:] == pytest.approx(albedo * inner[..., :1], rel=1e-5)

    moved = Grid(shape=(6, 8, 9), world_from_voxel=medium.world_from_voxel)
    assert moved.world(np.array([[1.0, 1.0, 1.0]])) == pytest.approx(grid.world(np.array([[3.0, 2.0, 1.0]])))


def test_a_selection_hides_the_other_groups_and_has_its_own_sphere(rgba, groups, grid) -> None:
    everything = medium_from_rgba(rgba, groups, select_groups("all"), grid, MediumSettings())
    skeleton = medium_from_rgba(rgba, groups, select_groups("skeleton"), grid, MediumSettings())
    assert skeleton.density.shape == (3, 8, 9, 4)
    assert (skeleton.density[1] == everything.density[3]).all()
    assert skeleton.radius_mm < everything.radius_mm


def test_the_sphere_holds_the_medium_tightly(rgba, groups, grid) -> None:
    medium = medium_from_rgba(rgba, groups, select_groups("all"), grid, MediumSettings())
    visible = np.argwhere(medium.density[..., 0] > 0)[:, ::-1]
    positions = Grid(shape=SHAPE, world_from_voxel=medium.world_from_voxel).world(visible.astype(float))
    farthest = np.linalg.norm(positions - medium.center_mm, axis=1).max()
    assert medium.radius_mm == pytest.approx(farthest + 1.5)


def test_a_scan_that_shows_nothing_is_an_input_error(rgba, groups, grid) -> None:
    with pytest.raises(InputError, match=r"^ct_7: groups 'spleen': expected at least one visible voxel"):
        medium_from_rgba(rgba, groups, select_groups("spleen"), grid, MediumSettings(), subject="ct_7")
