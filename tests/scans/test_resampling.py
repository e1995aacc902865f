"""The working grid: where its voxels lie, and that every value lies where it did."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk
from scan_images import small_ct, small_labels, write_image

from renderbench.errors import Excluded
from renderbench.scans.images import read_image
from renderbench.scans.resampling import resample, resample_ct, resample_labels, working_grid
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


def scan_of(folder, ct, labels, **geometry) -> Scan:
    """The scan that files with these values and this geometry hold."""
    write_image(folder / "ct.nii", ct, **geometry)
    write_image(folder / "labels.nii", labels, **geometry)
    image = read_image(folder / "ct.nii")
    return Scan(
        name="case", ct=image.values, labels=read_image(folder / "labels.nii").values, grid=image.grid
    )


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_every_value_lies_where_it_did(tmp_path, direction):
    size, spacing, origin = (18, 14, 10), (2.1, 1.2, 3.7), (11.0, -23.0, 41.0)
    source = grid_of(size, spacing, origin, direction)
    centre = source.world(np.array([[8.5, 6.5, 4.5]]))[0]
    ct = ((source.world(voxels(source)) - centre) @ SLOPE_HU).reshape(source.shape)
    labels = (source.world(voxels(source))[:, 0] > centre[0]).reshape(source.shape)
    read = scan_of(
        tmp_path,
        np.rint(ct).astype(np.int16),
        labels.astype(np.uint8),
        spacing=spacing,
        origin=origin,
        direction=direction,
    )

    scan = resample(read)

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
    spacing = (2.0, 2.0, 3.0)
    scan = resample(scan_of(tmp_path, small_ct(), small_labels(), spacing=spacing, direction=direction))
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
        Excluded, match=r"at most 48 million voxels at 1\.5 mm, found 64\.0 million \(400 × 400"
    ):
        working_grid(large, "case")


def whole_volume(values: np.ndarray, source: Grid, target: Grid, interpolator: int) -> np.ndarray:
    """What ITK makes of the whole volume at once, on grids whose axes are the world's."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(source.spacing_mm.tolist())
    image.SetOrigin(source.world_from_voxel[:3, 3].tolist())
    resampler = sitk.ResampleImageFilter()
    resampler.SetSize(target.shape[::-1])
    resampler.SetOutputOrigin(target.world_from_voxel[:3, 3].tolist())
    resampler.SetOutputSpacing(target.spacing_mm.tolist())
    resampler.SetInterpolator(interpolator)
    resampler.SetOutputPixelType(sitk.sitkFloat32)
    return sitk.GetArrayFromImage(resampler.Execute(image))


SPACINGS = {
    "finer than the target": (1.1, 0.9, 0.4),
    "odd numbers": (0.703125, 0.83, 1.9),
    "many halves": (0.75, 0.75, 0.5),
    "whole multiples": (3.0, 1.5, 3.0),
    "thick slices": (0.8, 0.8, 10.0),
}


@pytest.mark.parametrize("spacing", SPACINGS.values(), ids=SPACINGS)
def test_slabs_give_what_the_whole_volume_gives(spacing):
    rng = np.random.default_rng(1)
    source = grid_of((31, 22, 140), spacing, (-11.3, 27.7, 1031.123), np.eye(3))
    target = working_grid(source, "case")
    ct = rng.integers(-1024, 3072, source.shape).astype(np.int16)
    expected = np.rint(whole_volume(ct, source, target, sitk.sitkLinear))
    np.testing.assert_array_equal(resample_ct(ct, source, target), expected)

    labels = rng.integers(0, 120, source.shape).astype(np.uint8)
    expected = whole_volume(labels, source, target, sitk.sitkNearestNeighbor)
    from_world = np.linalg.inv(source.world_from_voxel)
    index = target.world(voxels(target)) @ from_world[:3, :3].T + from_world[:3, 3]
    tie = (np.abs(index - np.floor(index) - 0.5) < 1e-6).any(axis=1).reshape(target.shape)
    np.testing.assert_array_equal(resample_labels(labels, source, target)[~tie], expected[~tie])


def test_a_spline_in_slabs_gives_what_the_whole_volume_gives():
    ct = np.random.default_rng(2).integers(-1024, 3072, (140, 22, 31)).astype(np.int16)
    source = grid_of((31, 22, 140), (1.1, 0.9, 0.7), (0.0, 0.0, 0.0), np.eye(3))
    target = working_grid(source, "case")
    found = resample_ct(ct, source, target, "bspline")
    expected = np.clip(whole_volume(ct, source, target, sitk.sitkBSpline), ct.min(), ct.max())
    # Whole HU, and what 16 slices of margin leave of the slices beyond.
    assert np.abs(found - expected).max() < 0.5 + 1e-2
    assert (found != resample_ct(ct, source, target)).any()


def test_a_spline_follows_a_smooth_field_better_and_invents_no_values():
    source = grid_of((40, 40, 40), (2.5, 2.5, 2.5), (0.0, 0.0, 0.0), np.eye(3))
    target = working_grid(source, "case")

    def wave(grid: Grid) -> np.ndarray:
        return (800 * np.sin(grid.world(voxels(grid)) / 3).prod(axis=1)).reshape(grid.shape)

    ct = np.rint(wave(source)).astype(np.int16)
    middle = (slice(10, -10),) * 3
    errors = {
        kind: np.abs(resample_ct(ct, source, target, kind) - wave(target))[middle].max()
        for kind in ("linear", "bspline")
    }
    assert errors["bspline"] < 0.2 * errors["linear"]
    edge = np.where(np.indices(source.shape)[0] < 20, -1000, 1000).astype(np.int16)
    assert np.abs(resample_ct(edge, source, target, "bspline")).max() == 1000


def test_labels_half_way_between_two_voxels_take_the_higher_one():
    source = grid_of((8, 8, 8), (0.75, 0.75, 0.75), (1e3 / 3, -77.7, 0.1), np.eye(3))
    target = working_grid(source, "case")
    labels = np.arange(8**3).reshape(source.shape).astype(np.uint8)
    np.testing.assert_array_equal(resample_labels(labels, source, target), labels[1::2, 1::2, 1::2])


MEMORY = """
import resource
import numpy as np
import SimpleITK
from renderbench.scans.resampling import resample_ct, resample_labels, working_grid
from renderbench.scans.volume import Grid

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

source = Grid(shape=(300, 256, 256), world_from_voxel=np.diag([2.0, 2.0, 1.0, 1.0]))
target = working_grid(source, "case")
ct = np.ones(source.shape, dtype=np.int16)
labels = np.ones(source.shape, dtype=np.uint8)
before = peak()
results = resample_ct(ct, source, target), resample_labels(labels, source, target)
print(peak() - before - sum(result.nbytes for result in results), ct.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is reported in other units elsewhere")
def test_neither_source_nor_result_is_held_twice():
    run = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    extra, source = map(int, run.stdout.split())
    assert extra < source
