"""The working grid: where its voxels lie, and that every value lies where it did."""

from __future__ import annotations

import numpy as np
import pytest
from scan_images import write_folder

from renderbench.errors import InputError
from renderbench.scans.reading import read_scan
from renderbench.scans.resampling import resample, working_grid
from renderbench.scans.volume import Grid, Scan

SLOPE_HU = np.array([3.0, -5.0, 4.0])


def rotation(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.deg2rad(degrees)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


DIRECTIONS = {
    "canonical": np.eye(3),
    "flipped in x and y": np.diag([-1.0, -1.0, 1.0]),
    "flipped in z": np.diag([1.0, 1.0, -1.0]),
    "sagittal": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
    "coronal, left-handed": np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]]),
    "oblique": rotation((1, 2, 3), 17),
    "oblique and flipped": rotation((-2, 1, 1), 25) @ np.diag([-1.0, 1.0, -1.0]),
}


def grid_of(size, spacing, origin, direction) -> Grid:
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = direction * spacing
    world_from_voxel[:3, 3] = origin
    return Grid(shape=size[::-1], world_from_voxel=world_from_voxel)


def voxels(grid: Grid) -> np.ndarray:
    """(N, 3) indices (i, j, k) in the array's order."""
    k, j, i = np.indices(grid.shape)
    return np.stack([i, j, k], axis=-1).reshape(-1, 3).astype(float)


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_every_value_lies_where_it_did(tmp_path, direction):
    size, spacing, origin = (18, 14, 10), (2.1, 1.2, 3.7), (11.0, -23.0, 41.0)
    source = grid_of(size, spacing, origin, direction)
    centre = source.world(np.array([[8.5, 6.5, 4.5]]))[0]
    ct = ((source.world(voxels(source)) - centre) @ SLOPE_HU).reshape(source.shape)
    labels = (source.world(voxels(source))[:, 0] > centre[0]).reshape(source.shape)
    folder = write_folder(
        tmp_path / "case",
        np.rint(ct).astype(np.int16),
        labels.astype(np.uint8),
        spacing=spacing,
        origin=origin,
        direction=direction,
    )

    scan = resample(read_scan(folder))

    world = scan.grid.world(voxels(scan.grid))
    # Beyond the outermost voxel centres the outermost values go on.
    from_world = np.linalg.inv(source.world_from_voxel)
    index = world @ from_world[:3, :3].T + from_world[:3, 3]
    clamped = np.clip(index, 0, np.array(size) - 1)
    expected = (source.world(clamped) - centre) @ SLOPE_HU
    assert np.abs(scan.ct.ravel() - expected).max() < 1.01  # whole HU twice, once before and once after
    nearest = np.clip(np.rint(index), 0, np.array(size) - 1)
    tie = (np.abs(index - np.floor(index) - 0.5) < 1e-3).any(axis=1)
    wanted = source.world(nearest)[:, 0] > centre[0]
    assert (scan.labels.ravel() == wanted)[~tie].all()


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_axes_are_canonical_and_isotropic(tmp_path, direction):
    scan = resample(read_scan(write_folder(tmp_path / "case", direction=direction)))
    np.testing.assert_allclose(scan.grid.spacing_mm, 1.5, rtol=1e-12)
    np.testing.assert_allclose(scan.grid.direction.T @ scan.grid.direction, np.eye(3), atol=1e-12)
    # Every axis runs nearest its own of left, back and head, and upwards.
    assert (scan.grid.direction.argmax(axis=0) == [0, 1, 2]).all()
    assert scan.ct.shape == scan.labels.shape == scan.grid.shape


def edges(grid: Grid) -> np.ndarray:
    """The two outer corners of the volume: half a voxel beyond the outermost centres."""
    return grid.world(np.array([[-0.5] * 3, np.array(grid.shape[::-1]) - 0.5]))


def test_edges_of_whole_numbers_of_voxels_coincide():
    source = grid_of((10, 21, 8), (3.0, 0.5, 0.75), (1.0, 2.0, 3.0), np.eye(3))
    target = working_grid(source, "case")
    assert target.shape == (4, 7, 20)
    np.testing.assert_allclose(edges(target), edges(source), atol=1e-12)


def test_other_edges_move_evenly_and_by_less_than_half_a_voxel():
    source = grid_of((10, 10, 10), (0.7, 0.8, 0.95), (1.0, 2.0, 3.0), DIRECTIONS["oblique"])
    target = working_grid(source, "case")
    low, high = (edges(target) - edges(source)) @ source.direction
    np.testing.assert_allclose(low, -high, atol=1e-12)
    assert (np.abs(high) <= 0.375).all()


def test_a_volume_that_fills_its_field_of_view_gets_no_rim():
    source = grid_of((9, 9, 9), (2.3, 2.3, 2.3), (0.0, 0.0, 0.0), np.eye(3))
    ct = np.full(source.shape, 40, dtype=np.int16)
    scan = resample(Scan(name="case", ct=ct, labels=np.ones(source.shape, dtype=np.uint8), grid=source))
    assert scan.ct.min() == scan.ct.max() == 40
    assert scan.labels.min() == 1


def test_48_million_voxels_are_counted_as_resampled():
    fits = grid_of((480, 500, 200), (1.5, 1.5, 1.5), (0.0, 0.0, 0.0), np.eye(3))
    assert np.prod(working_grid(fits, "case").shape) == 48_000_000
    # Few voxels now, many at 1.5 mm.
    large = grid_of((100, 100, 100), (6.0, 6.0, 6.0), (0.0, 0.0, 0.0), np.eye(3))
    with pytest.raises(
        InputError, match=r"at most 48 million voxels at 1\.5 mm, found 64\.0 million \(400 × 400"
    ):
        working_grid(large, "case")
