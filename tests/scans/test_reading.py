"""Good scans are read as they lie; each bad one is one clear line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from scan_images import patch_header, small_ct, small_labels, write_folder, write_image

from renderbench.errors import InputError
from renderbench.scans.reading import Preparation, read_scan
from renderbench.scans.sources.folders import find_folders
from renderbench.scans.volume import Scan

# Byte offsets in a NIfTI-1 header.
PIXDIM, VOX_OFFSET, QFORM_CODE, SFORM_CODE, SROW_X = 76, 108, 252, 254, 280
NAN = float("nan")


# The working grid: what is read is not resampled.
WORKING = {"spacing": (1.5, 1.5, 1.5)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "case")


def read(folder: Path) -> Scan:
    """The scan in a folder, as stage 1 finds and reads it."""
    scans, faults = find_folders(folder.parent, split="test", series=None)
    for fault in faults:
        raise fault
    (found,) = (scan for scan in scans if scan.name == folder.name)
    return read_scan(found, Preparation())[0]


def test_values_axes_and_position_are_those_of_the_file(tmp_path):
    scan = read(write_folder(tmp_path / "case", **WORKING))
    assert scan.name == "case"
    assert scan.ct.dtype == np.int16
    assert scan.labels.dtype == np.uint8
    np.testing.assert_array_equal(scan.ct, small_ct())
    np.testing.assert_array_equal(scan.labels, small_labels())
    np.testing.assert_allclose(scan.grid.spacing_mm, [1.5, 1.5, 1.5])
    np.testing.assert_allclose(scan.grid.world_from_voxel[:3, 3], [10, -20, 30])


def test_a_direction_of_minus_one_is_undone(tmp_path):
    scan = read(write_folder(tmp_path / "case", direction=np.diag([-1.0, -1.0, 1.0]), **WORKING))
    np.testing.assert_array_equal(scan.ct, small_ct()[:, ::-1, ::-1])
    np.testing.assert_array_equal(scan.labels, small_labels()[:, ::-1, ::-1])
    np.testing.assert_allclose(scan.grid.world_from_voxel[:3, 3], [10 - 19 * 1.5, -20 - 15 * 1.5, 30])


def test_uncompressed_files_and_floating_point_are_read(tmp_path):
    ct = small_ct().astype(np.float32) + 0.25
    write_image(tmp_path / "case" / "ct.nii", ct, **WORKING)
    write_image(tmp_path / "case" / "labels.nii", small_labels().astype(np.float64), **WORKING)
    scan = read(tmp_path / "case")
    np.testing.assert_array_equal(scan.ct, small_ct())
    np.testing.assert_array_equal(scan.labels, small_labels())


def test_values_beyond_a_12_bit_ct_are_clipped(tmp_path):
    ct = small_ct().astype(np.int32)
    ct[0, 0, :2] = -3024, 100_000
    scan = read(write_folder(tmp_path / "case", ct, **WORKING))
    assert scan.ct[0, 0, :2].tolist() == [-1024, 3071]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.float64])
def test_every_type_of_number_is_read(tmp_path, dtype):
    values = (small_ct() % 120).astype(dtype)
    scan = read(write_folder(tmp_path / "case", values, small_labels().astype(dtype), **WORKING))
    np.testing.assert_array_equal(scan.ct, values)
    np.testing.assert_array_equal(scan.labels, small_labels())


def test_a_header_with_only_a_qform_is_read(folder):
    expected = read(folder).grid
    for name in ("ct.nii.gz", "labels.nii.gz"):
        patch_header(folder / name, "h", SFORM_CODE, 0)
    np.testing.assert_allclose(read(folder).grid.world_from_voxel, expected.world_from_voxel, atol=1e-5)


def rewrite(name, values):
    return lambda folder: write_image(folder / name, values)


def header(name, layout, offset, *values):
    return lambda folder: patch_header(folder / name, layout, offset, *values)


def both(*edits):
    def apply(folder):
        for edit in edits:
            edit(folder)

    return apply


def cut(name, keep):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:keep])


def flip(name, position):
    def apply(folder):
        content = bytearray((folder / name).read_bytes())
        content[position] ^= 0xFF
        (folder / name).write_bytes(content)

    return apply


def uncompressed(name, keep):
    def apply(folder):
        content = gzip.decompress((folder / name).read_bytes())
        (folder / name).unlink()
        (folder / name.removesuffix(".gz")).write_bytes(content[:keep])

    return apply


def text(name, content):
    return lambda folder: (folder / name).write_bytes(content)


def edited(values, index, value, dtype=None):
    copy = values.astype(dtype or values.dtype)
    copy[index] = value
    return copy


CT, LABELS = "ct.nii.gz", "labels.nii.gz"
CORNER = (0, 0, 0)
BAD = {
    "no ct": (
        lambda folder: (folder / CT).unlink(),
        r"case: expected.*found labels\.nii\.gz; add ct\.nii\.gz",
    ),
    "no labels": (
        lambda folder: (folder / LABELS).unlink(),
        r"scan case: expected masks, found none; add them",
    ),
    "text": (
        text(CT, b"not an image\n" * 100),
        r"ct\.nii\.gz: expected a NIfTI image, found a file that does not begin",
    ),
    "gzipped text": (
        text(LABELS, gzip.compress(b"no\n" * 500)),
        r"labels\.nii\.gz: expected a NIfTI image",
    ),
    "empty": (text(CT, b""), r"ct\.nii\.gz: expected a NIfTI image"),
    "half a file": (cut(CT, 3000), r"ct\.nii\.gz: .*truncated one \(the gzip stream ends early\)"),
    "last bytes gone": (cut(LABELS, -4), r"labels\.nii\.gz: .*truncated"),
    "half a plain file": (
        uncompressed(CT, 4000),
        r"ct\.nii: .*truncated one \(3648 of 7680 bytes of voxels\)",
    ),
    "a damaged byte": (flip(CT, 3000), r"ct\.nii\.gz: .*damaged"),
    "two-dimensional": (
        rewrite(CT, small_ct()[0]),
        r"ct\.nii\.gz: expected a 3-D image, found 20 × 16 voxels",
    ),
    "one slice": (
        rewrite(CT, small_ct()[:1]),
        r"ct\.nii\.gz: expected a 3-D image, found 20 × 16 × 1 voxels",
    ),
    "four-dimensional": (
        rewrite(CT, np.stack([small_ct()] * 2)),
        r"ct\.nii\.gz: expected a 3-D image, found 20 × 16 × 12 × 2 voxels",
    ),
    "complex": (header(CT, "2h", 70, 32, 64), r"one number per voxel, found NIfTI datatype 32"),
    "no place for voxels": (
        header(CT, "f", VOX_OFFSET, NAN),
        "voxels behind the header, found them at byte nan",
    ),
    "zero spacing": (header(CT, "f", PIXDIM + 8, 0.0), r"positive voxel spacing, found \(2, 0, 3\) mm"),
    "negative spacing": (header(CT, "f", PIXDIM + 4, -2.0), r"positive voxel spacing, found \(-2, 2, 3\) mm"),
    "spacing is no number": (header(CT, "f", PIXDIM + 4, NAN), r"positive voxel spacing, found \(nan"),
    "sheared": (
        header(CT, "f", SROW_X + 4, 0.062),
        r"direction is not orthonormal \(max \|RRᵀ-I\| = 0\.031\)",
    ),
    "sheared, no qform": (
        both(header(CT, "f", SROW_X + 4, 0.062), header(CT, "h", QFORM_CODE, 0)),
        r"direction is not orthonormal \(max \|RRᵀ-I\| = 0\.031\)",
    ),
    "singular": (header(CT, "f", SROW_X, 0.0), "expected an invertible orientation"),
    "no orientation": (header(CT, "2h", QFORM_CODE, 0, 0), "expected an orientation, found none"),
    "sform scales unlike pixdim": (header(CT, "f", SROW_X, -5.0), "sform, qform and pixdim to agree"),
    "sform unlike qform": (
        both(header(CT, "4f", SROW_X, 2.0, 0, 0, 0), header(CT, "2h", QFORM_CODE, 1, 2)),
        "sform, qform and pixdim to agree",
    ),
    "not finite": (
        rewrite(CT, edited(small_ct(), CORNER, NAN, np.float32)),
        r"ct\.nii\.gz: expected finite values, found 1 voxels",
    ),
    "infinite": (rewrite(CT, edited(small_ct(), CORNER, np.inf, np.float32)), "expected finite values"),
    "one value": (rewrite(CT, np.zeros_like(small_ct())), "found the one value 0 everywhere"),
    "too large": (
        lambda folder: write_folder(folder, spacing=(60, 60, 60)),
        r"case: expected at most 48 million voxels at 1\.5 mm, found 245\.8 million",
    ),
    "labels of another size": (
        rewrite(LABELS, small_labels()[1:]),
        r"labels\.nii\.gz: expected the CT's grid of 20 × 16 × 12 voxels, found 20 × 16 × 11",
    ),
    "labels of another spacing": (
        lambda folder: write_image(folder / LABELS, small_labels(), spacing=(2, 2, 3.1)),
        r"labels\.nii\.gz: expected the CT's grid, found one whose voxels lie up to 1\.1 mm off",
    ),
    "labels of another origin": (
        lambda folder: write_image(folder / LABELS, small_labels(), origin=(10, -20, 35)),
        r"labels\.nii\.gz: expected the CT's grid, found one whose voxels lie up to 5 mm off",
    ),
    "labels of another direction": (
        lambda folder: write_image(folder / LABELS, small_labels(), direction=np.diag([-1.0, 1, 1])),
        r"labels\.nii\.gz: expected the CT's grid",
    ),
    "label too large": (
        rewrite(LABELS, edited(small_labels(), CORNER, 120)),
        r"labels\.nii\.gz: expected labels 0 to 119, found 120 \(1 voxels\)",
    ),
    "label negative": (
        rewrite(LABELS, edited(small_labels(), CORNER, -1, np.int16)),
        "expected labels from 0 up, found -1",
    ),
    "label fractional": (
        rewrite(LABELS, edited(small_labels(), CORNER, 2.5, np.float32)),
        r"expected whole numbers, found 2\.5",
    ),
    "label not finite": (rewrite(LABELS, edited(small_labels(), CORNER, NAN, np.float32)), "finite values"),
}


@pytest.mark.parametrize(("spoil", "words"), BAD.values(), ids=BAD)
def test_a_bad_scan_is_one_line_and_nothing_else(folder, capfd, spoil, words):
    spoil(folder)
    with pytest.raises(InputError, match=words) as caught:
        read(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert caught.value.remedy
    assert capfd.readouterr() == ("", "")


def test_a_name_that_cannot_be_a_path(tmp_path):
    with pytest.raises(InputError, match="rename the scan"):
        read(write_folder(tmp_path / "case 1"))


def found(raw: Path) -> list[str]:
    return [scan.name for scan in find_folders(raw, split="test", series=None)[0]]


def test_scans_are_found_by_name_and_other_folders_left_alone(tmp_path):
    for name in ("b", "a"):
        write_folder(tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "readme.txt").touch()
    assert found(tmp_path) == ["a", "b"]


def test_raw_folders_without_scans(tmp_path):
    with pytest.raises(InputError, match=r"--raw .*absent: expected a folder of scans, found nothing"):
        found(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="found none in 1 entries"):
        found(tmp_path)
    with pytest.raises(InputError, match=r"found ct\.nii\.gz directly in it; give its parent"):
        found(write_folder(tmp_path / "case"))


def test_the_real_ct_lies_as_a_patient_does(real_ct):
    scan = read(real_ct / "ct-abdomen")
    # 3 mm voxels, so twice as many.
    assert scan.ct.shape == (224, 202, 244)
    assert len(np.unique(scan.labels)) - 1 == 61

    def centroid(label):
        k, j, i = np.nonzero(scan.labels == label)
        return scan.grid.world(np.stack([i, j, k], axis=1).astype(float)).mean(axis=0)

    liver, spleen, sacrum, bladder = (centroid(label) for label in (5, 1, 25, 21))
    assert liver[0] < spleen[0]  # +x is the patient's left
    assert bladder[1] < sacrum[1]  # +y is the patient's back
    assert sacrum[2] < liver[2]  # +z is the patient's head
