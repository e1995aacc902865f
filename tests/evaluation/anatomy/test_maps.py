"""Primary rays against projections worked out by hand."""

import numpy as np
import pytest

from renderbench.cameras import Camera, look_at, sphere_cameras
from renderbench.evaluation.anatomy.maps import seen_from, visible_of
from renderbench.scans.volume import Grid

OPAQUE = 12.0
LIVER, SPLEEN = 2, 1


def grid_of(shape: tuple[int, int, int], spacing: float = 1.5) -> Grid:
    """Voxel (0, 0, 0) at the world's (10, -20, 30)."""
    world = np.diag([spacing, spacing, spacing, 1.0])
    world[:3, 3] = (10.0, -20.0, 30.0)
    return Grid(shape=shape, world_from_voxel=world)


def camera_at(position, target, size: int = 96, focal: float = 200.0) -> Camera:
    return Camera(
        width=size,
        height=size,
        fx_px=focal,
        fy_px=focal,
        cx_px=size / 2,
        cy_px=size / 2,
        camera_from_world=look_at(position, target),
    )


def two_boxes() -> tuple[np.ndarray, np.ndarray, Grid]:
    """A spleen of 8³ voxels in front of a larger liver, seen along +y (from the front)."""
    groups = np.zeros((40, 50, 40), dtype=np.uint8)
    groups[8:32, 30:45, 8:32] = LIVER
    groups[16:24, 5:13, 16:24] = SPLEEN
    return groups, np.where(groups > 0, OPAQUE, 0.0).astype(np.float32), grid_of(groups.shape)


def projected_rectangle(camera: Camera, corners_mm: np.ndarray) -> np.ndarray:
    """The pixels whose centre lies in the rectangle that two corners of a face span."""
    (left, bottom), (right, top) = np.sort(camera.project(corners_mm)[0], axis=0)
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    return (columns > left) & (columns < right) & (rows > bottom) & (rows < top)


def test_silhouettes_are_projections_and_the_nearer_group_hides_the_other():
    groups, extinction, grid = two_boxes()
    middle = grid.world(np.array([[19.5, 24.5, 19.5]]))[0]
    camera = camera_at(middle - (0, 300, 0), middle)
    shown, depth_mm = seen_from(camera, visible_of(extinction, groups, grid))

    spleen_face = grid.world(np.array([[15.5, 4.5, 15.5], [23.5, 4.5, 23.5]]))
    liver_face = grid.world(np.array([[7.5, 29.5, 7.5], [31.5, 29.5, 31.5]]))
    spleen, liver = (projected_rectangle(camera, face) for face in (spleen_face, liver_face))
    assert (spleen & liver).sum() == spleen.sum() > 50
    expected = np.where(spleen, SPLEEN, np.where(liver, LIVER, 0))
    # Rays that graze a box's side see a corner of it: a pixel's width may differ, no more.
    assert (shown != expected).mean() < 0.02
    assert set(np.unique(shown)) == {0, LIVER, SPLEEN}

    assert depth_mm[spleen & (shown == SPLEEN)] == pytest.approx(300 - 20 * 1.5, abs=0.8)
    inner_liver = liver & ~spleen & (shown == LIVER)
    assert np.median(depth_mm[inner_liver]) == pytest.approx(300 + 5 * 1.5, abs=0.8)
    assert np.isinf(depth_mm[shown == 0]).all()


def test_what_is_hidden_by_selection_hides_nothing():
    groups, extinction, grid = two_boxes()
    middle = grid.world(np.array([[19.5, 24.5, 19.5]]))[0]
    camera = camera_at(middle - (0, 300, 0), middle)
    shown, _ = seen_from(camera, visible_of(extinction * (groups == LIVER), groups, grid))
    assert set(np.unique(shown)) == {0, LIVER}
    assert shown[48, 48] == LIVER


@pytest.mark.parametrize(
    ("sigma", "expected"), [(0.004, 0), (0.02, SPLEEN), (0.05, SPLEEN), (0.1, SPLEEN), (0.04, SPLEEN)]
)
def test_a_pixel_shows_the_group_that_takes_most_of_the_ray(sigma, expected):
    """Slabs of 12 mm each: the front takes 1 - e^-t; the back e^-t of its own 1 - e^-t."""
    groups = np.zeros((9, 16, 9), dtype=np.uint8)
    groups[:, :8], groups[:, 8:] = SPLEEN, LIVER
    extinction = np.full(groups.shape, sigma, dtype=np.float32)
    grid = grid_of(groups.shape)
    middle = grid.world(np.array([[4, 7.5, 4]]))[0]
    camera = camera_at(middle - (0, 200, 0), middle, size=9)
    shown, depth_mm = seen_from(camera, visible_of(extinction, groups, grid))
    assert shown[4, 4] == expected
    through = np.exp(-sigma * 24)
    assert (through > 0.9) == (expected == 0)
    if through < 0.5:
        front_mm = 200 - 12
        assert depth_mm[4, 4] == pytest.approx(front_mm + np.log(2) / sigma, abs=1.5)
    else:
        assert np.isinf(depth_mm[4, 4])


def test_a_dense_back_outweighs_a_thin_front():
    groups = np.zeros((9, 16, 9), dtype=np.uint8)
    groups[:, :8], groups[:, 8:] = SPLEEN, LIVER
    extinction = np.where(groups == LIVER, OPAQUE, 0.02).astype(np.float32)
    grid = grid_of(groups.shape)
    middle = grid.world(np.array([[4, 7.5, 4]]))[0]
    camera = camera_at(middle - (0, 200, 0), middle, size=9)
    assert seen_from(camera, visible_of(extinction, groups, grid))[0][4, 4] == LIVER


def test_skipping_empty_blocks_changes_nothing():
    """A sparse volume from all sides, with every block marked as full and as it is."""
    rng = np.random.default_rng(0)
    groups = np.zeros((40, 33, 50), dtype=np.uint8)
    for corner in rng.integers(0, (34, 27, 44), (12, 3)):
        z, y, x = corner
        groups[z : z + 6, y : y + 6, x : x + 6] = rng.integers(1, 12)
    extinction = np.where(groups > 0, OPAQUE, 0.0).astype(np.float32)
    visible = visible_of(extinction, groups, grid_of(groups.shape))
    assert 0 < visible.blocks.mean() < 0.8
    full = type(visible)(
        extinction=visible.extinction,
        groups=visible.groups,
        blocks=np.ones_like(visible.blocks),
        grid=visible.grid,
    )
    middle = visible.grid.world(np.array([[20, 15, 20]]))[0]
    cameras = sphere_cameras(
        6, center_mm=middle, radius_mm=50, resolution=64, fov_deg=40, layout="random", seed=1
    )
    for camera in cameras:
        (one, near), (other, far) = seen_from(camera, visible), seen_from(camera, full)
        # Samples begin elsewhere after a skip, so a ray may pass a corner or not.
        assert (one == other).mean() > 0.97
        both = np.isfinite(near) & np.isfinite(far) & (one == other)
        assert both.sum() > 100
        assert np.median(np.abs(near[both] - far[both])) < 0.75


def test_a_rotated_grid_is_seen_where_its_voxels_project():
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = turn * 2.0, (5, 6, 7)
    groups = np.zeros((20, 20, 20), dtype=np.uint8)
    groups[4:7, 12:15, 3:6] = LIVER
    groups[13:16, 2:5, 14:17] = SPLEEN
    grid = Grid(shape=groups.shape, world_from_voxel=world)
    visible = visible_of(np.where(groups > 0, OPAQUE, 0).astype(np.float32), groups, grid)
    target = grid.world(np.array([[10, 10, 10]]))[0]
    for position in ((200, 20, 30), (-30, -190, 60), (20, 40, 220)):
        camera = camera_at(position, target, focal=300)
        shown, _ = seen_from(camera, visible)
        for group in (LIVER, SPLEEN):
            voxels = np.argwhere(groups == group)[:, ::-1].astype(float)
            pixels, _ = camera.project(grid.world(voxels))
            rows, columns = np.nonzero(shown == group)
            centre = np.array([columns.mean() + 0.5, rows.mean() + 0.5])
            assert centre == pytest.approx(pixels.mean(axis=0), abs=1.0)
