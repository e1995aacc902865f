"""A store is an OME-NGFF 0.5 image, and every level of it lies where the scan lies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr

from renderbench.scans.groups import GROUPS, LABELS_BY_VALUE, groups_of_labels
from renderbench.scans.store import write_scan
from renderbench.scans.store.ngff import anatomy_image, ct_image, halved_ct, halved_labels
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan

SHAPE = (67, 33, 18)


def a_grid(shape: tuple[int, int, int], direction: np.ndarray | None = None) -> Grid:
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = (np.eye(3) if direction is None else direction) * 1.5
    world_from_voxel[:3, 3] = [-12.25, 40, -300]
    return Grid(shape=shape, world_from_voxel=world_from_voxel)


def a_rotation() -> np.ndarray:
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    return rotation * np.sign(np.linalg.det(rotation))


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    random = np.random.default_rng(0)
    scan = Scan(
        name="case",
        ct=random.integers(-1024, 3072, SHAPE).astype(np.int16),
        labels=random.choice(np.array(list(LABELS_BY_VALUE), dtype=np.uint8), SHAPE),
        grid=a_grid(SHAPE, a_rotation()),
    )
    path = tmp_path_factory.mktemp("ngff") / "case.zarr"
    write_scan(
        path,
        scan,
        dataset="trial",
        transfer_functions=[load_transfer_function("seen")],
        digest="abc",
        provenance={},
        seconds={},
    )
    return path


def test_a_store_is_valid_ome_ngff(written):
    models = pytest.importorskip("ome_zarr_models.v05")
    from ome_zarr_models.v05.labels import Labels

    root = zarr.open_group(written, mode="r")
    image = models.Image.from_zarr(root)
    assert image.ome_attributes.version == "0.5"
    assert Labels.from_zarr(root["labels"]).label_paths == ["anatomy", "groups"]
    for name in ("anatomy", "groups"):
        assert models.ImageLabel.from_zarr(root[f"labels/{name}"]).ome_attributes.image_label is not None
    axes = models.Image.from_zarr(root["rgba/seen"]).ome_attributes.multiscales[0].axes
    assert [axis.name for axis in axes] == ["c", "z", "y", "x"]


@pytest.mark.parametrize("image", ["", "labels/anatomy", "labels/groups", "rgba/seen"])
def test_every_level_that_the_metadata_names_is_there(written, image):
    ome = json.loads((written / image / "zarr.json").read_text())["attributes"]["ome"]
    (multiscale,) = ome["multiscales"]
    names = tuple(axis["name"] for axis in multiscale["axes"])
    shapes = []
    for dataset in multiscale["datasets"]:
        array = zarr.open_array(written / image / dataset["path"], mode="r")
        assert array.metadata.dimension_names == names
        shapes.append(array.shape[-3:])
    expected = [SHAPE, (34, 17, 9), (17, 9, 5)]
    assert shapes == (expected[:1] if image.startswith("rgba") else expected)


def test_the_levels_show_the_same_scan(written):
    root = zarr.open_group(written, mode="r")
    for level in ("0", "1", "2"):
        labels = root[f"labels/anatomy/{level}"][...]
        np.testing.assert_array_equal(root[f"labels/groups/{level}"][...], groups_of_labels(labels))
    np.testing.assert_array_equal(root["1"][...], halved_ct(root["0"][...]))
    np.testing.assert_array_equal(root["2"][...], halved_ct(root["1"][...]))
    np.testing.assert_array_equal(root["labels/anatomy/2"][...], halved_labels(root["labels/anatomy/1"][...]))


def transforms(grid: Grid) -> list[tuple[np.ndarray, np.ndarray]]:
    """Scale and translation of every level, along x, y, z."""
    datasets = ct_image("case", grid)["multiscales"][0]["datasets"]
    pairs = [dataset["coordinateTransformations"] for dataset in datasets]
    assert all([each["type"] for each in pair] == ["scale", "translation"] for pair in pairs)
    return [(np.array(one["scale"])[::-1], np.array(two["translation"])[::-1]) for one, two in pairs]


def test_every_level_lies_where_the_voxels_it_was_made_from_lie():
    grid = a_grid((8, 8, 8))
    # A CT that is its own x coordinate keeps telling it, at every level.
    x = np.broadcast_to(np.arange(8, dtype=np.int16) * 100, (8, 8, 8)).copy()
    for level, (scale, translation) in enumerate(transforms(grid)):
        for i in range(x.shape[2]):
            original = x[0, 0, i] / 100
            placed = scale * [i, 0, 0] + translation
            expected = grid.world(np.array([[original, (2**level - 1) / 2, (2**level - 1) / 2]]))[0]
            np.testing.assert_allclose(placed, expected)
        x = halved_ct(x)


def test_an_oblique_scan_is_placed_along_its_own_axes():
    grid = a_grid((8, 8, 8), a_rotation())
    voxel = np.array([3.0, 5.0, 2.0])
    scale, translation = transforms(grid)[0]
    np.testing.assert_allclose(grid.direction @ (scale * voxel + translation), grid.world(voxel[None])[0])


@pytest.mark.parametrize("shape", [(4, 6, 8), (7, 5, 3), (1, 1, 1), (129, 2, 3)])
def test_a_halved_ct_is_the_local_mean(shape):
    ct = np.random.default_rng(0).integers(-32768, 32768, shape).astype(np.int16)
    halved = halved_ct(ct)
    assert halved.dtype == np.int16
    padded = np.pad(ct.astype(np.float64), [(0, size % 2) for size in shape], mode="edge")
    blocks = padded.reshape([part for size in padded.shape for part in (size // 2, 2)])
    np.testing.assert_array_equal(halved, np.rint(blocks.mean(axis=(1, 3, 5))))


@pytest.mark.parametrize("shape", [(4, 6, 8), (7, 5, 3), (1, 1, 1), (129, 2, 3)])
def test_a_halved_label_is_the_most_frequent_and_of_equals_the_greatest(shape):
    labels = np.random.default_rng(0).integers(0, 4, shape).astype(np.uint8) * 39
    halved = halved_labels(labels)
    assert halved.dtype == np.uint8
    padded = np.pad(labels, [(0, size % 2) for size in shape], mode="edge")
    for z, y, x in np.ndindex(halved.shape):
        block = padded[2 * z : 2 * z + 2, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
        counts = np.bincount(block.ravel())
        assert halved[z, y, x] == np.flatnonzero(counts == counts.max()).max()


@pytest.mark.parametrize(
    ("image", "known"), [("anatomy", LABELS_BY_VALUE), ("groups", dict(enumerate(GROUPS)))]
)
def test_every_label_has_its_name_and_a_colour_of_its_own(written, image, known):
    ome = json.loads((written / "labels" / image / "zarr.json").read_text())["attributes"]["ome"]
    label = ome["image-label"]
    names = {each["label-value"]: each["name"] for each in label["properties"]}
    assert names == {value: each.name for value, each in known.items()}
    colours = {each["label-value"]: each["rgba"] for each in label["colors"]}
    assert list(colours) == list(known)
    assert colours[0][3] == 0
    assert all(colours[value][3] == 255 for value in colours if value)


def test_viewers_begin_with_the_colours_alone_since_they_add_channels_up(written):
    ome = json.loads((written / "rgba/seen/zarr.json").read_text())["attributes"]["ome"]
    channels = {each["label"]: (each["color"], each["active"]) for each in ome["omero"]["channels"]}
    assert channels == {
        "red": ("FF0000", True),
        "green": ("00FF00", True),
        "blue": ("0000FF", True),
        "alpha": ("FFFFFF", False),
    }


def test_colours_can_be_told_apart():
    colours = anatomy_image(a_grid(SHAPE))["image-label"]["colors"]
    rgb = np.array([each["rgba"][:3] for each in colours[1:]], dtype=np.float64)
    distances = np.linalg.norm(rgb[:, None] - rgb[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 24
    # Neighbours in the label map are neighbours in the body.
    assert np.linalg.norm(np.diff(rgb, axis=0), axis=1).min() > 100
