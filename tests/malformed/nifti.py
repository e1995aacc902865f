"""Malformed NIfTI images as CT."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from pathlib import Path

import numpy as np

from tests.malformed.case import Bad, Edit, Group, as_folder, as_pipe, content, inside, linked_to, spoilt
from tests.scans.scan_images import patch_header, small_ct, write_folder, write_image

# Byte offsets in a NIfTI-1 header.
SIZEOF_HDR, DIM, DATATYPE, BITPIX, PIXDIM, VOX_OFFSET, SCALING, XYZT_UNITS = 0, 40, 70, 72, 76, 108, 112, 123
QFORM_CODE, SFORM_CODE, SROW_X, MAGIC = 252, 254, 280, 344
NAN, INF = float("nan"), float("inf")


def patched(layout: str, offset: int, *values: float | bytes) -> Edit:
    """Overwrites fields of the header."""
    return lambda path: patch_header(path, layout, offset, *values)


def rewritten(values: np.ndarray) -> Edit:
    """Other values on the same grid."""
    return lambda path: write_image(path, values)


def with_one(value: float, dtype: type = np.float32) -> np.ndarray:
    """The CT with one voxel of another value."""
    values = small_ct().astype(dtype)
    values[3, 4, 5] = value
    return values


def put(layout: str, offset: int, *values: float) -> Edit:
    """As ``patched``, in the other byte order."""

    def edit(stored: bytes) -> bytes:
        raw = bytearray(stored)
        struct.pack_into(f">{layout}", raw, offset, *values)
        return bytes(raw)

    return inside(edit)


def zipped(path: Path) -> None:
    """A zip by the name of an image."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../evil.nii", path.read_bytes())
    path.write_bytes(packed.getvalue())


def all_of(*edits: Edit) -> Edit:
    return lambda path: [edit(path) for edit in edits]


def nifti_header(sizes: tuple[int, int, int]) -> bytes:
    """The header of an uncompressed NIfTI-1 image of 16-bit voxels of 0.1 mm."""
    header = bytearray(352)
    struct.pack_into("<i", header, SIZEOF_HDR, 348)
    struct.pack_into("<4h", header, DIM, 3, *sizes)
    struct.pack_into("<2h", header, DATATYPE, 4, 16)
    struct.pack_into("<4f", header, PIXDIM, 1, 0.1, 0.1, 0.1)
    struct.pack_into("<f", header, VOX_OFFSET, 352)
    struct.pack_into("<2h", header, QFORM_CODE, 0, 1)
    struct.pack_into("<12f", header, SROW_X, 0.1, 0, 0, 0, 0, 0.1, 0, 0, 0, 0, 0.1, 0)
    header[MAGIC : MAGIC + 4] = b"n+1\0"
    return bytes(header)


def nifti_2(path: Path) -> None:
    """A NIfTI-2 file whose spacing no float could hold, nor any grid."""
    header = bytearray(544)
    struct.pack_into("<i", header, 0, 540)
    header[4:12] = b"n+2\0\r\n\x1a\n"
    struct.pack_into("<2h4q", header, 12, 4, 16, 3, *small_ct().shape[::-1])
    struct.pack_into("<4d", header, 104, 1, 1e300, 1e300, 1e300)
    struct.pack_into("<q", header, 168, 544)
    struct.pack_into("<2i", header, 344, 0, 1)
    struct.pack_into("<12d", header, 400, 1e300, 0, 0, 0, 0, 1e300, 0, 0, 0, 0, 1e300, 0)
    path.write_bytes(bytes(header) + small_ct().tobytes())


def measured_in(unit: int) -> Edit:
    """A scan with its millimetres called something else: 1 is metres, 3 micrometres."""

    def make(folder: Path) -> None:
        write_folder(folder)
        for name in ("ct.nii.gz", "labels.nii.gz"):
            patch_header(folder / name, "b", XYZT_UNITS, unit)

    return make


TRUNCATED = "found a truncated one"
NO_IMAGE = "expected a NIfTI image, found a file that does not begin with its header"
CT = "ct.nii.gz"

NIFTI: Group = {
    # What is no image at all.
    "text": spoilt(CT, content(lambda _: b"this is not a scan\n" * 40), NO_IMAGE),
    "empty-file": spoilt(CT, content(lambda _: b""), NO_IMAGE),
    "zip": spoilt(CT, zipped, NO_IMAGE),
    "gzipped-text": spoilt(CT, content(lambda _: gzip.compress(b"no\n" * 500)), NO_IMAGE),
    "gzip-of-nothing": spoilt(CT, content(lambda _: gzip.compress(b"")), NO_IMAGE),
    "short-header": spoilt(CT, inside(lambda raw: raw[:200]), NO_IMAGE),
    "header-in-two-orders": spoilt(CT, put("i", SIZEOF_HDR, 349), NO_IMAGE),
    "magic-of-a-pair": spoilt(CT, patched("4s", MAGIC, b"ni1\0"), NO_IMAGE),
    "an-html-page": spoilt(CT, content(lambda _: b"<!DOCTYPE html><title>404</title>" * 20), NO_IMAGE),
    # What is not all there.
    "half-a-stream": spoilt(CT, content(lambda stored: stored[: len(stored) // 2]), TRUNCATED, "ends early"),
    "no-checksum": spoilt(CT, content(lambda stored: stored[:-8]), TRUNCATED),
    "half-the-voxels": spoilt(CT, inside(lambda raw: raw[:4000]), TRUNCATED, "3648 of 7680 bytes"),
    "header-alone": spoilt(CT, inside(lambda raw: raw[:352]), TRUNCATED, "0 of 7680 bytes"),
    "flipped-byte": spoilt(
        CT, content(lambda raw: raw[:3000] + bytes([raw[3000] ^ 0xFF]) + raw[3001:]), "damaged"
    ),
    "wrong-checksum": spoilt(CT, content(lambda raw: raw[:-8] + bytes(4) + raw[-4:]), "damaged"),
    "garbage-behind": spoilt(CT, content(lambda raw: raw + b"garbage" * 9), "damaged"),
    "second-member-cut": spoilt(
        CT,
        content(lambda raw: gzip.compress(gzip.decompress(raw)[:2000]) + gzip.compress(b"x" * 9000)[:20]),
        TRUNCATED,
    ),
    # What no file can hold.
    "two-dimensions": spoilt(CT, rewritten(small_ct()[0]), "expected a 3-D image, found 20 × 16 voxels"),
    "one-slice": spoilt(CT, rewritten(small_ct()[:1]), "expected a 3-D image, found 20 × 16 × 1 voxels"),
    "no-slices": spoilt(CT, patched("h", DIM + 6, 0), "found 20 × 16 × 0 voxels"),
    "negative-size": spoilt(CT, patched("h", DIM + 4, -16), "found 20 × -16 × 12 voxels"),
    "four-dimensions": spoilt(CT, rewritten(np.stack([small_ct()] * 2)), "found 20 × 16 × 12 × 2 voxels"),
    "minus-three-dimensions": spoilt(CT, patched("h", DIM, -3), "expected a 3-D image"),
    "thirty-thousand-dimensions": spoilt(
        CT,
        patched("h", DIM, 30_000),
        "30000 dimensions",
    ),
    "30000-cubed": spoilt(CT, patched("3h", DIM + 2, *[30_000] * 3), "at most 4 billion voxels", "damaged"),
    "1500-cubed": spoilt(CT, patched("3h", DIM + 2, *[1500] * 3), TRUNCATED, "compressed bytes cannot hold"),
    # What is no number, or no Hounsfield unit.
    "complex": spoilt(CT, patched("2h", DATATYPE, 32, 64), "expected one number per voxel", "datatype 32"),
    "rgb": spoilt(CT, patched("2h", DATATYPE, 128, 24), "expected one number per voxel", "datatype 128"),
    "rgba": spoilt(CT, patched("2h", DATATYPE, 2304, 32), "expected one number per voxel", "datatype 2304"),
    "no-datatype": spoilt(CT, patched("2h", DATATYPE, 0, 0), "expected one number per voxel", "datatype 0"),
    "bitpix-unlike-datatype": spoilt(
        CT,
        patched("2h", DATATYPE, 2, 16),
        "bitpix",
    ),
    "one-nan": spoilt(CT, rewritten(with_one(NAN)), "expected finite values", "found 1 voxels of NaN"),
    "one-infinity": spoilt(CT, rewritten(with_one(-INF)), "expected finite values, found 1 voxels"),
    "all-nan": spoilt(CT, rewritten(np.full_like(small_ct(), NAN, np.float32)), "found 3840 voxels of NaN"),
    "one-value": spoilt(
        CT, rewritten(np.full_like(small_ct(), -1024)), "expected Hounsfield units", "-1024 everywhere"
    ),
    "slope-nan": spoilt(CT, patched("2f", SCALING, NAN, 0), "expected a finite scaling, found slope nan"),
    "slope-inf": spoilt(CT, patched("2f", SCALING, INF, 0), "expected a finite scaling, found slope inf"),
    "intercept-nan": spoilt(CT, patched("2f", SCALING, 1, NAN), "expected a finite scaling", "intercept nan"),
    "slope-overflows": spoilt(
        CT,
        patched("2f", SCALING, 3e38, 0),
        "expected finite values",
    ),
    # What lies nowhere.
    "zero-spacing": spoilt(CT, patched("f", PIXDIM + 8, 0.0), "positive voxel spacing, found (2, 0, 3) mm"),
    "negative-spacing": spoilt(
        CT, patched("f", PIXDIM + 4, -2.0), "positive voxel spacing, found (-2, 2, 3)"
    ),
    "nan-spacing": spoilt(CT, patched("f", PIXDIM + 12, NAN), "positive voxel spacing, found (2, 2, nan) mm"),
    "infinite-spacing": spoilt(CT, patched("f", PIXDIM + 12, INF), "positive voxel spacing", "inf"),
    "spacing-of-metres": Bad(
        make=measured_in(1), words=("spacing-of-metres: ", "at most 48 million voxels at 1.5 mm")
    ),
    "spacing-of-micrometres": Bad(
        make=measured_in(3),
        words=("0.04 × 0.032 × 0.036 mm",),
    ),
    "spacing-beyond-numbers": spoilt(
        CT,
        nifti_2,
        "spacing",
    ),
    "sheared": spoilt(CT, patched("f", SROW_X + 4, 0.062), "direction is not orthonormal"),
    "singular": spoilt(CT, patched("f", SROW_X, 0.0), "invertible orientation"),
    "nan-origin": spoilt(CT, patched("f", SROW_X + 12, NAN), "invertible orientation"),
    "no-orientation": spoilt(CT, patched("2h", QFORM_CODE, 0, 0), "expected an orientation, found none"),
    "two-orientations": spoilt(
        CT,
        all_of(patched("4f", SROW_X, 2, 0, 0, 0), patched("h", QFORM_CODE, 1)),
        "sform, qform and pixdim to agree",
    ),
    "qform-with-zero-spacing": spoilt(
        CT, all_of(patched("2h", QFORM_CODE, 1, 0), patched("f", PIXDIM + 4, 0)), "positive voxel spacing"
    ),
    "voxels-inside-the-header": spoilt(CT, patched("f", VOX_OFFSET, 12), "behind the header", "byte 12"),
    "voxels-nowhere": spoilt(CT, patched("f", VOX_OFFSET, NAN), "behind the header", "byte nan"),
    "voxels-far-away": spoilt(CT, patched("f", VOX_OFFSET, 1e30), TRUNCATED),
    # What cannot be opened.
    "a-folder": spoilt(CT, as_folder, "expected a file, found a folder"),
    "a-pipe": spoilt(CT, as_pipe, "expected a file, found a pipe"),
    "endless": spoilt(CT, linked_to("/dev/zero"), "expected a file, found a device"),
    "dangling": spoilt(CT, linked_to("../nowhere/ct.nii.gz"), "expected a file, found a link to nothing"),
    "a-link-to-itself": spoilt(CT, linked_to("ct.nii.gz"), "expected a file, found a link to nothing"),
}
