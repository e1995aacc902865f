"""NIfTI: what is read is what ITK reads, and what ITK hides is refused."""

from __future__ import annotations

import gzip
import itertools
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scan_images import patch_header, read_by_itk, small_ct, write_image

from renderbench.errors import Excluded, InputError
from renderbench.scans.images import is_image, probe_image, read_image, same_grid
from renderbench.scans.volume import Grid

# Byte offsets in a NIfTI-1 header.
DIM, PIXDIM, VOX_OFFSET, SCALING, UNITS, QFORM_CODE, SFORM_CODE, SROW_X = 40, 76, 108, 112, 123, 252, 254, 280
NAN = float("nan")


def rotations() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    matrices = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(12)]
    return [matrix * rng.choice([-1.0, 1.0], 3) for matrix in matrices]


ORIENTATIONS = [
    np.eye(3)[list(order)] * sign
    for order in itertools.permutations(range(3))
    for sign in itertools.product((1.0, -1.0), repeat=3)
]


@pytest.mark.parametrize("direction", [*ORIENTATIONS, *rotations()], ids=str)
def test_every_orientation_is_read_as_itk_reads_it(tmp_path, direction):
    path = tmp_path / "ct.nii"
    write_image(path, small_ct(), direction=direction, spacing=(0.7, 1.1, 2.5))
    image = read_image(path)
    values, world_from_voxel = read_by_itk(path)
    np.testing.assert_array_equal(image.values, values)
    np.testing.assert_allclose(image.grid.world_from_voxel, world_from_voxel, atol=1e-4)
    assert image.values.flags.c_contiguous
    assert image.grid.shape == image.values.shape
    # And the direction is exactly orthonormal, which that in the file is not.
    np.testing.assert_allclose(image.grid.direction.T @ image.grid.direction, np.eye(3), atol=1e-12)
    probed = probe_image(path)
    assert probed.grid.shape == image.grid.shape
    np.testing.assert_array_equal(probed.grid.world_from_voxel, image.grid.world_from_voxel)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_every_type_and_byte_order(tmp_path, dtype, order):
    stored = (small_ct() % 120).astype(order + dtype)
    path = tmp_path / "ct.nii.gz"
    path.write_bytes(gzip.compress(nifti_1(stored, order=order) + stored.tobytes()))
    image = read_image(path)
    np.testing.assert_array_equal(image.values, stored[:, ::-1, ::-1])
    assert image.values.dtype == np.dtype(dtype)
    assert probe_image(path).dtype == np.dtype(order + dtype)


CODES = {
    "u1": 2,
    "i2": 4,
    "i4": 8,
    "f4": 16,
    "f8": 64,
    "i1": 256,
    "u2": 512,
    "u4": 768,
    "i8": 1024,
    "u8": 1280,
}


def nifti_1(stored: np.ndarray, *, order: str = "<", slope: float = 0.0, intercept: float = 0.0) -> bytes:
    """A NIfTI-1 header for (D, H, W) values, with the identity as its sform."""
    header = bytearray(352)
    put = lambda layout, offset, *values: struct.pack_into(order + layout, header, offset, *values)  # noqa: E731
    put("i", 0, 348)
    put("4h", DIM, 3, *stored.shape[::-1])
    put("2h", 70, CODES[stored.dtype.str[1:]], 8 * stored.dtype.itemsize)
    put("4f", PIXDIM, 1, 1, 1, 1)
    put("3f", VOX_OFFSET, 352, slope, intercept)
    put("h", SFORM_CODE, 1)
    put("12f", SROW_X, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0)
    header[344:348] = b"n+1\0"
    return bytes(header)


def nifti_2(stored: np.ndarray, *, order: str = "<") -> bytes:
    """The same as NIfTI-2, with a header extension."""
    header = bytearray(576)
    put = lambda layout, offset, *values: struct.pack_into(order + layout, header, offset, *values)  # noqa: E731
    put("i", 0, 540)
    header[4:12] = b"n+2\0\r\n\x1a\n"
    put("2h", 12, CODES[stored.dtype.str[1:]], 8 * stored.dtype.itemsize)
    put("4q", 16, 3, *stored.shape[::-1])
    put("4d", 104, 1, 0.5, 0.6, 0.7)
    put("q2d", 168, 576, 2.0, -1024.0)
    put("2i", 344, 0, 1)
    put("12d", 400, 0.5, 0, 0, 10, 0, 0.6, 0, 20, 0, 0, 0.7, 30)
    put("i", 500, 2)
    return bytes(header)


@pytest.mark.parametrize("order", ["<", ">"])
def test_nifti_2_which_itk_refuses_is_read(tmp_path, order):
    stored = small_ct().astype(order + "i2")
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_2(stored, order=order) + stored.tobytes())
    image = read_image(path)
    np.testing.assert_array_equal(image.values, 2 * small_ct()[:, ::-1, ::-1] - 1024)
    assert image.values.dtype == np.int16
    np.testing.assert_allclose(image.grid.spacing_mm, [0.5, 0.6, 0.7])
    np.testing.assert_allclose(image.grid.world_from_voxel[:3, 3], [-10 - 19 * 0.5, -20 - 15 * 0.6, 30])
    assert probe_image(path).title == "NIfTI-2"


@pytest.mark.parametrize(
    ("slope", "intercept", "dtype"),
    [
        (0.0, 7.0, np.uint16),  # no scaling, says the standard
        (1.0, 0.0, np.uint16),
        (1.0, -1024.0, np.int16),
        (100.0, 3.0, np.int32),
        (0.5, 0.0, np.float32),
        (1.0, 0.25, np.float32),
    ],
)
def test_scaling_keeps_integers_where_it_can(tmp_path, slope, intercept, dtype):
    stored = (small_ct() + 1000).astype(np.uint16)
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_1(stored, slope=slope, intercept=intercept) + stored.tobytes())
    image = read_image(path)
    expected = stored[:, ::-1, ::-1] * (slope or 1.0) + (intercept if slope else 0)
    np.testing.assert_array_equal(image.values, expected)
    if slope:  # ITK adds the intercept all the same
        np.testing.assert_array_equal(image.values, read_by_itk(path)[0])
    assert image.values.dtype == dtype


def test_integers_that_outgrow_their_type_widen_it_block_by_block(tmp_path, monkeypatch):
    monkeypatch.setattr("renderbench.scans.images.assembly._BLOCK_BYTES", 1)
    stored = np.zeros((4, 3, 2), dtype=np.uint16)
    stored[1], stored[2], stored[3] = 40_000, 5, 60_000
    path = tmp_path / "ct.nii"
    path.write_bytes(nifti_1(stored, slope=1, intercept=-1024) + stored.tobytes())
    values = read_image(path).values
    assert values.dtype == np.int32
    assert values[:, 0, 0].tolist() == [-1024, 38_976, -1019, 58_976]


def test_blocks_of_any_size_give_the_same_image(tmp_path, monkeypatch):
    path = tmp_path / "ct.nii.gz"
    write_image(path, small_ct(), direction=np.eye(3)[[2, 0, 1]] * [1, -1, -1])
    whole = read_image(path).values
    monkeypatch.setattr("renderbench.scans.images.assembly._BLOCK_BYTES", 5 * 20 * 16 * 2)
    np.testing.assert_array_equal(read_image(path).values, whole)


@pytest.mark.parametrize(("units", "scale"), [(0, 1.0), (1, 1000.0), (2, 1.0), (3, 0.001)])
def test_units_of_length_count(tmp_path, units, scale):
    path = tmp_path / "ct.nii.gz"
    write_image(path, small_ct())
    patch_header(path, "b", UNITS, units | 8)  # and seconds
    grid = read_image(path).grid
    np.testing.assert_allclose(grid.spacing_mm, np.array([2, 2, 3]) * scale)
    np.testing.assert_allclose(grid.world_from_voxel[:3, 3], np.array([10, -20, 30]) * scale, rtol=1e-6)


def test_compression_is_known_by_content_not_by_name(tmp_path):
    plain, compressed = tmp_path / "a.nii.gz", tmp_path / "b.nii"
    write_image(tmp_path / "ct.nii.gz", small_ct())
    content = (tmp_path / "ct.nii.gz").read_bytes()
    compressed.write_bytes(content)
    plain.write_bytes(gzip.decompress(content))
    for path in (plain, compressed):
        np.testing.assert_array_equal(read_image(path).values, small_ct())


def test_a_stream_of_several_gzip_members_is_read(tmp_path):
    path = tmp_path / "ct.nii.gz"
    write_image(tmp_path / "ct.nii", small_ct())
    content = (tmp_path / "ct.nii").read_bytes()
    path.write_bytes(gzip.compress(content[:3000]) + gzip.compress(content[3000:]) + bytes(64))
    np.testing.assert_array_equal(read_image(path).values, small_ct())


def patched(layout: str, offset: int, *values: float):
    return lambda path: patch_header(path, layout, offset, *values)


def content(edit):
    return lambda path: path.write_bytes(edit(path.read_bytes()))


def inside(edit):
    return content(lambda stored: gzip.compress(edit(gzip.decompress(stored))))


def flipped(position: int):
    return content(
        lambda stored: bytes(byte ^ (0xFF * (i == position % len(stored))) for i, byte in enumerate(stored))
    )


def rewritten(values):
    return lambda path: write_image(path, values)


def both(*edits):
    return lambda path: [edit(path) for edit in edits]


def with_value(value: float) -> np.ndarray:
    values = small_ct().astype(np.float32)
    values[0, 0, 0] = value
    return values


SHEARED = r"direction is not orthonormal \(max \|RRᵀ-I\| = 0\.031\)"
BAD = {
    "text": (
        content(lambda _: b"not an image\n" * 100),
        "expected a NIfTI image, found a file that does not",
    ),
    "gzipped text": (content(lambda _: gzip.compress(b"no\n" * 500)), "expected a NIfTI image"),
    "empty": (content(lambda _: b""), "expected a NIfTI image"),
    "a header alone": (
        content(lambda stored: gzip.decompress(stored)[:348]),
        r"truncated one \(0 of 7680 bytes",
    ),
    "half a file": (content(lambda stored: stored[:3000]), r"truncated one \(the gzip stream ends early\)"),
    "only the magic": (content(lambda stored: stored[:2]), r"truncated one \(the gzip stream ends early\)"),
    "no checksum": (content(lambda stored: stored[:-4]), "truncated"),
    "half inside": (inside(lambda raw: raw[:4000]), r"truncated one \(3648 of 7680 bytes of voxels\)"),
    "half a plain file": (
        content(lambda stored: gzip.decompress(stored)[:4000]),
        r"truncated one \(3648 of 7680 bytes of voxels\)",
    ),
    "a damaged byte": (flipped(3000), "damaged"),
    "a damaged checksum": (flipped(-6), "damaged one .*CRC"),
    "something behind the stream": (content(lambda stored: stored + b"junk" * 20), "damaged"),
    "two-dimensional": (rewritten(small_ct()[0]), "expected a 3-D image, found 20 × 16 voxels"),
    "one slice": (rewritten(small_ct()[:1]), "expected a 3-D image, found 20 × 16 × 1 voxels"),
    "four-dimensional": (rewritten(np.stack([small_ct()] * 2)), "found 20 × 16 × 12 × 2 voxels"),
    "no dimensions": (patched("h", DIM, -3), "expected a 3-D image, found -3 dimensions"),
    "a negative size": (patched("h", DIM + 4, -16), "expected a 3-D image, found 20 × -16 × 12 voxels"),
    "a zero size": (patched("h", DIM + 6, 0), "expected a 3-D image, found 20 × 16 × 0 voxels"),
    "an absurd size": (
        patched("3h", DIM + 2, *[32767] * 3),
        r"at most 4 billion voxels, found 32767 × 32767",
    ),
    "more than the stream can hold": (
        patched("3h", DIM + 2, 2000, 1000, 1000),
        "compressed bytes cannot hold",
    ),
    "complex": (patched("2h", 70, 32, 64), "one number per voxel, found NIfTI datatype 32"),
    "no place for voxels": (patched("f", VOX_OFFSET, NAN), "behind the header, found them at byte nan"),
    "voxels far away": (patched("f", VOX_OFFSET, 1e30), "truncated one .* cannot hold"),
    "slope is no number": (patched("2f", SCALING, NAN, 0), "a finite scaling, found slope nan"),
    "intercept is infinite": (
        patched("2f", SCALING, 1, np.inf),
        "a finite scaling, found slope 1 and intercept inf",
    ),
    "zero spacing": (patched("f", PIXDIM + 8, 0.0), r"positive voxel spacing, found \(2, 0, 3\) mm"),
    "negative spacing": (patched("f", PIXDIM + 4, -2.0), r"positive voxel spacing, found \(-2, 2, 3\) mm"),
    "spacing is no number": (patched("f", PIXDIM + 4, NAN), r"positive voxel spacing, found \(nan"),
    "sheared": (patched("f", SROW_X + 4, 0.062), SHEARED),
    "sheared, no qform": (both(patched("f", SROW_X + 4, 0.062), patched("h", QFORM_CODE, 0)), SHEARED),
    "singular": (patched("f", SROW_X, 0.0), "expected an invertible orientation"),
    "sform is no number": (patched("f", SROW_X + 12, NAN), "expected an invertible orientation"),
    "no orientation": (patched("2h", QFORM_CODE, 0, 0), "expected an orientation, found none"),
    "sform scales unlike pixdim": (patched("f", SROW_X, -5.0), "sform, qform and pixdim to agree"),
    "sform unlike qform": (
        both(patched("4f", SROW_X, 2.0, 0, 0, 0), patched("h", QFORM_CODE, 1)),
        "sform, qform and pixdim to agree",
    ),
    "not finite": (rewritten(with_value(NAN)), "expected finite values, found 1 voxels of NaN or infinity"),
    "infinite": (rewritten(with_value(-np.inf)), "expected finite values"),
}


@pytest.mark.parametrize(("spoil", "words"), BAD.values(), ids=BAD)
def test_a_bad_file_is_one_line(tmp_path, capfd, spoil, words):
    path = tmp_path / "ct.nii.gz"
    write_image(path, small_ct())
    spoil(path)
    with pytest.raises(InputError, match=rf"ct\.nii\.gz: .*{words}") as caught:
        read_image(path)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
    assert isinstance(caught.value, Excluded) == (words == SHEARED)


def test_a_qform_alone_is_enough(tmp_path):
    path = tmp_path / "ct.nii.gz"
    write_image(path, small_ct(), direction=rotations()[0])
    expected = read_image(path).grid
    patch_header(path, "2h", QFORM_CODE, 1, 0)
    np.testing.assert_allclose(read_image(path).grid.world_from_voxel, expected.world_from_voxel, atol=1e-4)


def test_what_is_an_image(tmp_path):
    for name in ("a.nii.gz", "b.NII", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "c.nii").mkdir()
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_image(path)] == ["a.nii.gz", "b.NII"]
    with pytest.raises(InputError, match="expected an image, found nothing"):
        probe_image(tmp_path / "absent.nii")
    with pytest.raises(InputError, match=r"expected an image \(\.nii\.gz, .* found another file"):
        read_image(tmp_path / "notes.txt")


def grid(shape=(12, 16, 20), shift=0.0, spacing=2.0) -> Grid:
    world_from_voxel = np.diag([spacing, spacing, spacing, 1.0])
    world_from_voxel[0, 3] = shift
    return Grid(shape=shape, world_from_voxel=world_from_voxel)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (grid(shape=(11, 16, 20)), "the CT's grid of 20 × 16 × 12 voxels, found 20 × 16 × 11"),
        (grid(shift=0.21), "voxels lie up to 0.21 mm off"),
        (grid(spacing=2.1), "voxels lie up to 2.66 mm off"),
    ],
)
def test_labels_must_lie_on_the_grid_of_their_ct(found, words):
    with pytest.raises(
        InputError, match=rf"labels\.nii: expected {words}|labels\.nii: expected the CT's grid.*{words}"
    ):
        same_grid(Path("labels.nii"), found, grid())


def test_a_grid_off_by_less_than_a_tenth_of_a_voxel_is_the_same():
    same_grid(Path("labels.nii"), grid(shift=0.19), grid())


MEMORY = """
import resource, sys
from pathlib import Path
from renderbench.scans.images import probe_image, read_image

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

probe_image(Path(sys.argv[1]))
before = peak()
image = read_image(Path(sys.argv[1]))
print(peak() - before - image.values.nbytes)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is reported in other units elsewhere")
def test_the_voxels_are_held_once(tmp_path):
    path = tmp_path / "ct.nii.gz"
    write_image(path, np.zeros((256, 256, 256), dtype=np.int16), direction=np.eye(3)[[2, 0, 1]] * [-1, 1, -1])
    run = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < 16 << 20  # blocks of 4 MiB, against 32 MiB of voxels
