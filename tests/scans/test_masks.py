"""Masks to labels: values, classes, sides, and what they may not be."""

from __future__ import annotations

import numpy as np
import pytest
from scan_images import SRC_SIZE, small_ct, small_labels, write_image

from renderbench.errors import InputError
from renderbench.scans.groups import UNNAMED
from renderbench.scans.images import read_image
from renderbench.scans.masks import mask_files, read_masks
from renderbench.scans.raw import ClassFiles, LabelFile

SHAPE = SRC_SIZE[::-1]
SIDED = ((2, 3), (78, 77))


@pytest.fixture
def grid(tmp_path):
    write_image(tmp_path / "ct.nii.gz", small_ct())
    return read_image(tmp_path / "ct.nii.gz").grid


def block(*where: slice) -> np.ndarray:
    mask = np.zeros(SHAPE, dtype=np.uint8)
    mask[where] = 1
    return mask


def test_values_are_taken_as_they_are_or_by_their_meaning(tmp_path, grid):
    path = tmp_path / "labels.nii.gz"
    write_image(path, small_labels())
    np.testing.assert_array_equal(read_masks(LabelFile(path=path, values={}), grid), small_labels())
    mapped = read_masks(LabelFile(path=path, values={5: 1, 1: UNNAMED + 7}), grid)
    np.testing.assert_array_equal(mapped == 1, small_labels() == 5)
    np.testing.assert_array_equal(mapped == UNNAMED + 7, small_labels() == 1)


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([-1.0, -1.0, 1.0])])
@pytest.mark.parametrize("published", [{2: "left", 3: "right"}, {2: "right", 3: "left"}])
def test_the_sides_of_a_pair_are_where_they_lie(tmp_path, direction, published):
    """Whichever way round a dataset numbers its hips, and whichever way its axes run."""
    write_image(tmp_path / "ct.nii.gz", small_ct(), direction=direction)
    grid = read_image(tmp_path / "ct.nii.gz").grid
    x = grid.world(np.array([[0.0, 0, 0], [SRC_SIZE[0] - 1.0, 0, 0]]))[:, 0]
    assert x[1] > x[0]
    canonical = np.zeros(SHAPE, dtype=np.uint8)
    for value, side in published.items():
        canonical[..., slice(12, 18) if side == "left" else slice(2, 8)] = value
    flipped = canonical[:, ::-1, ::-1] if direction[0, 0] < 0 else canonical
    write_image(tmp_path / "labels.nii.gz", np.ascontiguousarray(flipped), direction=direction)
    masks = LabelFile(path=tmp_path / "labels.nii.gz", values={1: 25}, sided=SIDED)
    labels = read_masks(masks, grid)
    assert (labels[..., 12:18] == 77).all()
    assert (labels[..., 2:8] == 78).all()


def test_a_single_side(tmp_path, grid):
    write_image(tmp_path / "labels.nii.gz", 3 * block(..., slice(2, 6)))
    labels = read_masks(LabelFile(path=tmp_path / "labels.nii.gz", values={1: 25}, sided=SIDED), grid)
    assert np.unique(labels).tolist() == [0, 78]


def test_classes_by_name(tmp_path, grid):
    files = {}
    for name, where in (("liver", slice(0, 4)), ("spleen", slice(6, 9)), ("face", slice(10, 12))):
        files[name] = tmp_path / f"{name}.nii.gz"
        write_image(files[name], block(where))
    masks = ClassFiles(files=files, values={"liver": 5, "spleen": 1, "face": 0})
    labels = read_masks(masks, grid)
    np.testing.assert_array_equal(labels, 5 * block(slice(0, 4)) + block(slice(6, 9)))
    assert [path.name for path in mask_files(masks)] == ["face.nii.gz", "liver.nii.gz", "spleen.nii.gz"]


def test_classes_of_one_label_may_overlap_and_others_may_not(tmp_path, grid):
    names = ("heart_atrium_left", "heart_ventricle_left")
    files = {name: tmp_path / f"{name}.nii.gz" for name in names}
    write_image(files[names[0]], block(slice(0, 4)))
    write_image(files[names[1]], block(slice(3, 6)))
    read_masks(ClassFiles(files=files, values=dict.fromkeys(names, 51)), grid)
    expected = f"expected masks that do not overlap, found {SHAPE[1] * SHAPE[2]} voxels that spleen has too"
    with pytest.raises(InputError, match=expected):
        read_masks(ClassFiles(files=files, values=dict(zip(names, (1, 5), strict=True))), grid)


def test_what_a_mask_may_not_be(tmp_path, grid):
    path = tmp_path / "labels.nii.gz"

    def fails(values: np.ndarray, match: str, meaning: dict[int, int] | None = None, **geometry) -> None:
        write_image(path, values, **geometry)
        with pytest.raises(InputError, match=match):
            read_masks(LabelFile(path=path, values=meaning or {}), grid)

    fails(np.zeros(SHAPE, np.uint8), "expected labelled voxels, found none")
    fails(200 * block(0), "expected labels 0 to 119, found 200")
    fails(9 * block(0), r"expected values 0, 1, found 9 \(320 voxels\)", {1: 5})
    fails(block(0) * np.float32(1.5), r"expected whole numbers, found 1.5 \(320 voxels\)")
    fails(-block(0).astype(np.int16), "expected labels from 0 up, found -1")
    fails(block(0)[:, :, :-1], "expected the CT's grid")
    fails(block(0), "expected the CT's grid", origin=(12.0, -20.0, 30.0))
    write_image(path, 2 * block(0))
    with pytest.raises(InputError, match="expected a mask of 0 and 1, found values up to 2"):
        read_masks(ClassFiles(files={"liver": path}, values={"liver": 5}), grid)
