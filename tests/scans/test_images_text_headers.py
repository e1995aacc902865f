"""NRRD and MetaImage: what is read is what ITK reads, and what ITK hides is refused."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from scan_images import read_by_itk, small_ct, write_image

from renderbench.errors import Excluded, InputError
from renderbench.scans.images import probe_image, read_image

OBLIQUE = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
DIRECTIONS = {
    "canonical": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "permuted": np.eye(3)[[2, 0, 1]] * [1, -1, 1],
    "oblique": OBLIQUE,
}
SUFFIXES = [".nrrd", ".nhdr", ".mha", ".mhd"]


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
@pytest.mark.parametrize("compress", [False, True], ids=["raw", "compressed"])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_itk_writes_is_read_as_itk_reads_it(tmp_path, suffix, compress, direction):
    path = tmp_path / f"ct{suffix}"
    write_image(path, small_ct(), direction=direction, compress=compress)
    image = read_image(path)
    values, world_from_voxel = read_by_itk(path)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == np.int16
    np.testing.assert_allclose(image.grid.world_from_voxel, world_from_voxel, atol=1e-6)
    info = probe_image(path)
    np.testing.assert_array_equal(info.grid.world_from_voxel, image.grid.world_from_voxel)
    assert info.grid.shape == image.values.shape
    assert info.title == ("NRRD" if suffix in (".nrrd", ".nhdr") else "MetaImage")
    assert set(info.files) == set(tmp_path.iterdir())
    assert info.files[0] == path


@pytest.mark.parametrize("suffix", [".nrrd", ".mha"])
@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64, np.uint64, np.float32, np.float64]
)
def test_every_type_of_number(tmp_path, suffix, dtype):
    values = (small_ct() % 120).astype(dtype)
    path = tmp_path / f"ct{suffix}"
    write_image(path, values)
    image = read_image(path)
    np.testing.assert_array_equal(image.values, values)
    assert image.values.dtype == dtype


NRRD = """NRRD0004
# a comment
type: short
dimension: 3
space: left-posterior-superior
sizes: 20 16 12
space directions: (2,0,0) (0,2,0) (0,0,3)
kinds: domain domain domain
endian: little
encoding: raw
space origin: (10,-20,30)
Segment0_Name:=liver

"""
METAIMAGE = """ObjectType = Image
NDims = 3
BinaryData = True
BinaryDataByteOrderMSB = False
CompressedData = False
TransformMatrix = 1 0 0 0 1 0 0 0 1
Offset = 10 -20 30
ElementSpacing = 2 2 3
DimSize = 20 16 12
ElementType = MET_SHORT
ElementDataFile = LOCAL
"""
VOXELS = small_ct().tobytes()


def edited(header: str, *edits: tuple[str, str]) -> str:
    """The header with lines replaced: (beginning of a line, the new line or nothing)."""
    for start, line in edits:
        header, count = re.subn(rf"^{re.escape(start)}.*\n", line and f"{line}\n", header, flags=re.MULTILINE)
        assert count == 1, start
    return header


def nrrd(folder: Path, *edits: tuple[str, str], voxels: bytes = VOXELS) -> Path:
    path = folder / "ct.nrrd"
    path.write_bytes(edited(NRRD, *edits).encode() + voxels)
    return path


def mha(folder: Path, *edits: tuple[str, str], voxels: bytes = VOXELS) -> Path:
    path = folder / "ct.mha"
    path.write_bytes(edited(METAIMAGE, *edits).encode() + voxels)
    return path


@pytest.mark.parametrize(
    ("space", "signs"),
    [("LPS", (1, 1, 1)), ("right-anterior-superior", (-1, -1, 1)), ("left-anterior-superior", (1, -1, 1))],
)
def test_spaces_of_nrrd(tmp_path, space, signs):
    path = nrrd(tmp_path, ("space:", f"space: {space}"))
    image = read_image(path)
    values, world_from_voxel = read_by_itk(path)
    np.testing.assert_array_equal(image.values, values)
    np.testing.assert_allclose(image.grid.world_from_voxel, world_from_voxel)
    low = np.array([10, -20, 30]) * signs - np.where(np.array(signs) < 0, [38, 30, 33], 0)
    np.testing.assert_allclose(image.grid.world_from_voxel[:3, 3], low)


@pytest.mark.parametrize(
    ("make", "edit"),
    [
        (nrrd, ("kinds:", 'space units: "cm" "cm" "cm"')),
        (mha, ("NDims", "DistanceUnits = cm")),
    ],
)
def test_units_of_length_count(tmp_path, make, edit):
    grid = read_image(make(tmp_path, edit)).grid
    np.testing.assert_allclose(grid.spacing_mm, [20, 20, 30])
    np.testing.assert_allclose(grid.world_from_voxel[:3, 3], [100, -200, 300])


@pytest.mark.parametrize(
    ("make", "edit"),
    [(nrrd, ("endian:", "endian: big")), (mha, ("BinaryDataB", "BinaryDataByteOrderMSB = True"))],
)
def test_big_endian_voxels(tmp_path, make, edit):
    path = make(tmp_path, edit, voxels=small_ct().astype(">i2").tobytes())
    np.testing.assert_array_equal(read_image(path).values, small_ct())


def test_a_scaling_in_a_metaimage_is_applied(tmp_path):
    path = mha(
        tmp_path, ("NDims", "ElementToIntensityFunctionOffset = -1024\nElementToIntensityFunctionSlope = 2")
    )
    image = read_image(path)
    np.testing.assert_array_equal(image.values, 2 * small_ct() - 1024)
    assert image.values.dtype == np.int16


def test_bytes_before_the_voxels_are_skipped(tmp_path):
    for make, field in ((nrrd, "byte skip: {}"), (mha, "HeaderSize = {}")):
        anchor = "kinds:" if make is nrrd else "NDims"
        for skip in (100, -1):
            path = make(tmp_path, (anchor, field.format(skip)), voxels=bytes(100) + VOXELS)
            np.testing.assert_array_equal(read_image(path).values, small_ct())


NAN_AT_0 = np.where(np.arange(20 * 16 * 12) == 0, np.nan, small_ct().ravel()).astype(np.float32).tobytes()
COMPRESSED = ("CompressedData =", "CompressedData = True")
GZIPPED = ("encoding:", "encoding: gzip")
BAD_NRRD = {
    "text": ([("NRRD", "hello")], VOXELS, "expected an NRRD image, found a file that does not begin"),
    "vectors": (
        [("sizes:", "sizes: 3 20 16 12"), ("kinds:", "kinds: vector domain domain domain")],
        VOXELS,
        r"one number per voxel, found 3 × 20 × 16 × 12 \(kinds: vector domain",
    ),
    "one slice": ([("sizes:", "sizes: 20 16 1")], VOXELS, "expected a 3-D image, found 20 × 16 × 1"),
    "a negative size": ([("sizes:", "sizes: 20 -16 12")], VOXELS, "expected a 3-D image, found 20 × -16"),
    "sizes in words": ([("sizes:", "sizes: a b c")], VOXELS, "whole numbers as 'sizes', found 'a b c'"),
    "an absurd size": ([("sizes:", "sizes: 90000 90000 9")], VOXELS, "at most 4 billion voxels"),
    "no sizes": ([("sizes:", "")], VOXELS, "the field 'sizes' in its header, found none"),
    "a block": ([("type:", "type: block")], VOXELS, "one number per voxel, found type 'block'"),
    "no byte order": ([("endian:", "")], VOXELS, "the field 'endian'"),
    "hexadecimal": ([("encoding:", "encoding: hex")], VOXELS, "raw or gzip, found the encoding 'hex'"),
    "truncated": ([], VOXELS[:-5], r"truncated one \(7675 of 7680 bytes of voxels\)"),
    "truncated gzip": ([GZIPPED], gzip.compress(VOXELS)[:-9], "the gzip stream ends early"),
    "too few voxels in the gzip": ([GZIPPED], gzip.compress(VOXELS[:-5]), r"truncated one \(7675 of 7680"),
    "too much for the gzip": (
        [GZIPPED, ("sizes:", "sizes: 2000 1000 1000")],
        gzip.compress(VOXELS),
        "compressed bytes cannot hold 4000000000",
    ),
    "no gzip": ([GZIPPED], VOXELS, "expected an undamaged gzip stream"),
    "no space": ([("space:", "")], VOXELS, "expected an orientation in the patient .* found 'none'"),
    "a space of its own": ([("space:", "space: 3D-right-handed")], VOXELS, "found '3D-right-handed'"),
    "no directions": ([("space directions:", "")], VOXELS, "the field 'space directions'"),
    "a direction of none": (
        [("space directions:", "space directions: none (0,2,0) (0,0,3)")],
        VOXELS,
        "3 space directions, found 'none",
    ),
    "no number": (
        [("space directions:", "space directions: (nan,0,0) (0,2,0) (0,0,3)")],
        VOXELS,
        r"positive voxel spacing, found \(nan",
    ),
    "no extent": (
        [("space directions:", "space directions: (0,0,0) (0,2,0) (0,0,3)")],
        VOXELS,
        r"positive voxel spacing, found \(0, 2, 3\)",
    ),
    "parallel": (
        [("space directions:", "space directions: (2,0,0) (2,0,0) (0,0,3)")],
        VOXELS,
        "an invertible orientation",
    ),
    "sheared": (
        [("space directions:", "space directions: (2,0,0) (0.1,2,0) (0,0,3)")],
        VOXELS,
        "direction is not orthonormal",
    ),
    "a strange unit": ([("kinds:", 'space units: "s" "s" "s"')], VOXELS, "units of length"),
    "no number among the voxels": ([("type:", "type: float")], NAN_AT_0, "1 voxels of NaN or infinity"),
    "lines to skip": ([("kinds:", "line skip: 3")], VOXELS, "found line skip 3, byte skip 0"),
    "data above": ([("kinds:", "data file: ../secret.raw")], b"", r"the name '\.\./secret\.raw'"),
    "data elsewhere": ([("kinds:", "data file: /etc/passwd")], b"", "the name '/etc/passwd'"),
    "data on another drive": ([("kinds:", "datafile: C:\\\\a.raw")], b"", r"the name 'C:"),
    "data missing": (
        [("kinds:", "data file: gone.raw")],
        b"",
        r"in gone\.raw beside the header, found no such",
    ),
    "a list of files": ([("kinds:", "data file: slice%03d.raw 1 12 1")], b"", "found a list of files"),
    "another list": ([("kinds:", "data file: LIST")], b"a.raw\n", "found a list of files"),
}
BAD_METAIMAGE = {
    "text": ([("ObjectType", "hello")], VOXELS, "expected a MetaImage, found a file that does not begin"),
    "a mesh": ([("ObjectType", "ObjectType = Mesh")], VOXELS, "expected a MetaImage"),
    "vectors": ([("NDims", "ElementNumberOfChannels = 3")], VOXELS, "one number per voxel, found 3 of type"),
    "an array type": ([("ElementType", "ElementType = MET_SHORT_ARRAY")], VOXELS, "'MET_SHORT_ARRAY'"),
    "an ambiguous type": ([("ElementType", "ElementType = MET_LONG")], VOXELS, "'MET_LONG'"),
    "two-dimensional": ([("DimSize", "DimSize = 20 192")], VOXELS, "expected a 3-D image, found 20 × 192"),
    "four-dimensional": ([("DimSize", "DimSize = 20 16 6 2")], VOXELS, "found 20 × 16 × 6 × 2"),
    "an absurd size": ([("DimSize", "DimSize = 90000 90000 9")], VOXELS, "at most 4 billion voxels"),
    "text voxels": ([("BinaryData =", "BinaryData = False")], VOXELS, "expected binary voxels"),
    "a flag of none": ([("BinaryData =", "BinaryData = perhaps")], VOXELS, "BinaryData = True or False"),
    "truncated": ([], VOXELS[:-5], r"truncated one \(7675 of 7680 bytes of voxels\)"),
    "truncated zlib": ([COMPRESSED], zlib.compress(VOXELS)[:-9], "the zlib stream ends early"),
    "no checksum": ([COMPRESSED], zlib.compress(VOXELS)[:-2], "the zlib stream ends early"),
    "a wrong checksum": ([COMPRESSED], zlib.compress(VOXELS)[:-4] + bytes(4), "undamaged zlib stream"),
    "no zlib": ([COMPRESSED], VOXELS, "undamaged zlib stream"),
    "too few voxels in the zlib": ([COMPRESSED], zlib.compress(VOXELS[:-5]), r"truncated one \(7675 of 7680"),
    "no extent": ([("ElementSpacing", "ElementSpacing = 2 0 3")], VOXELS, r"spacing, found \(2, 0, 3\)"),
    "no number": ([("ElementSpacing", "ElementSpacing = 2 nan 3")], VOXELS, r"spacing, found \(2, nan, 3\)"),
    "too few numbers": ([("Offset", "Offset = 1 2")], VOXELS, "3 numbers as 'Offset', found '1 2'"),
    "no spacing": ([("ElementSpacing", "")], VOXELS, "the field ElementSpacing in its header"),
    "no orientation": ([("TransformMatrix", "")], VOXELS, "the field TransformMatrix in its header"),
    "singular": (
        [("TransformMatrix", "TransformMatrix = 1 0 0 1 0 0 0 0 1")],
        VOXELS,
        "an invertible orientation",
    ),
    "zero": (
        [("TransformMatrix", "TransformMatrix = 0 0 0 0 0 0 0 0 0")],
        VOXELS,
        "an? .*(positive|invertible)",
    ),
    "sheared": (
        [("TransformMatrix", "TransformMatrix = 1 0 0 0.1 1 0 0 0 1")],
        VOXELS,
        "direction is not orthonormal",
    ),
    "a strange unit": ([("NDims", "DistanceUnits = inch")], VOXELS, "found 'inch'"),
    "no scale": ([("NDims", "ElementToIntensityFunctionSlope = nan")], VOXELS, "a finite scaling"),
    "no number among the voxels": ([("ElementType", "ElementType = MET_FLOAT")], NAN_AT_0, "1 voxels of NaN"),
    "data above": (
        [("ElementDataFile", "ElementDataFile = ../../etc/passwd")],
        b"",
        "beside the header, found",
    ),
    "data elsewhere": ([("ElementDataFile", "ElementDataFile = /etc/passwd")], b"", "the name '/etc/passwd'"),
    "data missing": ([("ElementDataFile", "ElementDataFile = gone.raw")], b"", "found no such file"),
    "data is a folder": ([("ElementDataFile", "ElementDataFile = .")], b"", "found no such file"),
    "a list of files": ([("ElementDataFile", "ElementDataFile = LIST")], b"a.raw\n", "a list of files"),
    "a pattern": ([("ElementDataFile", "ElementDataFile = %03d.raw 1 12 1")], b"", "a list of files"),
    "a skipped header inside zlib": ([COMPRESSED, ("NDims", "HeaderSize = 9")], VOXELS, "found 9 bytes"),
}
BAD = {
    **{f"nrrd: {name}": (nrrd, *case) for name, case in BAD_NRRD.items()},
    **{f"metaimage: {name}": (mha, *case) for name, case in BAD_METAIMAGE.items()},
}


@pytest.mark.parametrize(("make", "edits", "voxels", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line(tmp_path, capfd, make, edits, voxels, words):
    path = make(tmp_path, *edits, voxels=voxels)
    with pytest.raises(InputError, match=rf"ct\.(nrrd|mha): .*{words}") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert isinstance(caught.value, Excluded) == ("orthonormal" in words)


@pytest.mark.parametrize("suffix", [".nhdr", ".mhd"])
def test_data_in_another_file(tmp_path, suffix):
    path = tmp_path / f"ct{suffix}"
    write_image(path, small_ct())
    (tmp_path / "ct.raw").write_bytes(VOXELS[:-1])
    with pytest.raises(InputError, match=r"ct\.raw: expected a whole file, found a truncated one \(7679 of"):
        probe_image(path)
    (tmp_path / "ct.raw").unlink()
    with pytest.raises(InputError, match=rf"ct{suffix}: expected voxels in ct\.raw beside the header"):
        probe_image(path)
    write_image(path, small_ct())
    (tmp_path / "voxels").mkdir()
    (tmp_path / "ct.raw").rename(tmp_path / "voxels" / "ct.raw")
    path.write_text(path.read_text().replace("ct.raw", "voxels/ct.raw"))
    np.testing.assert_array_equal(read_image(path).values, small_ct())
