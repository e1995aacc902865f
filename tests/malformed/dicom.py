"""Malformed DICOM series as CT: what scanners, archives and discs do to them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
from pydicom import Dataset

from tests.malformed.case import Bad, Edit, Group, as_pipe, linked_to
from tests.scans.dicom_files import (
    MR_IMAGE,
    PATIENT,
    SECONDARY_CAPTURE,
    compress,
    write_enhanced,
    write_other,
    write_series,
)
from tests.scans.scan_images import small_ct, small_labels, write_image

SPACING, ORIGIN = (0.8, 0.7, 2.5), (-10.0, -20.0, 30.0)


def series(folder: Path, **options: object) -> list[Path]:
    """A sound series with labels, unless told otherwise."""
    files = write_series(folder, small_ct(), **options)  # type: ignore[arg-type]
    write_image(folder / "labels.nii.gz", small_labels(), spacing=SPACING, origin=ORIGIN)
    return files


def bad(*words: str, after: Edit | None = None, **options: object) -> Bad:
    """A series that is written with options, or changed once it is written; ``after`` gets its sixth file."""

    def make(folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom's, of what is malformed here
            files = series(folder, **options)
        if after:
            after(files[5])

    return Bad(make=make, words=words)


def tagged(keyword: str, value: object, *words: str) -> Bad:
    """A series whose sixth slice has another value of a tag, or None of it."""

    def edit(dataset: Dataset, k: int) -> None:
        if k == 5 and value is None:
            delattr(dataset, keyword)
        elif k == 5:
            setattr(dataset, keyword, value)

    return bad(*words, edit=edit)


def moved(where: str, *words: str) -> Bad:
    """A series whose sixth slice lies elsewhere."""
    return tagged("ImagePositionPatient", where.split(), *words)


def cut(keep: float) -> Edit:
    return lambda path: os.truncate(path, int(path.stat().st_size * keep))


def tilted(dataset: Dataset, k: int) -> None:
    dataset.ImagePositionPatient = [ORIGIN[0], ORIGIN[1] + k * 0.8, ORIGIN[2] + k * SPACING[2]]


def of_other_sizes(dataset: Dataset, k: int) -> None:
    if k > 6:
        dataset.Rows, dataset.Columns = 20, 16


def frames(count: int | str) -> Edit:
    def make(folder: Path) -> None:
        write_enhanced(
            folder / "all.dcm", small_ct(), edit=lambda dataset: setattr(dataset, "NumberOfFrames", count)
        )

    return make


def two_in_one_place(folder: Path) -> None:
    """Two phases under one UID, one on top of the other."""
    series(folder)
    write_series(
        folder / "late",
        small_ct() // 2,
        edit=lambda dataset, k: setattr(dataset, "SOPInstanceUID", f"1.2.3.{k + 1}"),
    )


DICOM: Group = {
    # Slices that are no stack.
    "missing-slice": bad("expected a slice every 2.5 mm, found 1 missing", "40 and 45 mm", after=os.unlink),
    "uneven": moved("-10 -20 43.5", "expected evenly spaced slices"),
    "position-twice": moved("-10 -20 40", "expected one slice at each position", "40 mm"),
    "uid-twice": Bad(
        make=lambda folder: [series(folder), write_series(folder / "copy", small_ct())],
        words=("expected every slice once, found 12 of 12 twice", "SOPInstanceUID"),
    ),
    "two-phases": Bad(make=two_in_one_place, words=("expected one slice at each position, found 12",)),
    "shifted-sideways": moved("-7 -20 42.5", "shifted sideways by up to 3 mm"),
    "tilted-gantry": bad("found a gantry tilt of 17.7°", edit=tilted),
    "one-slice": Bad(make=lambda folder: write_series(folder, small_ct()[:1]), words=("found one slice",)),
    "mixed-sizes": bad("expected slices of one size", "(20, 16) in 7", edit=of_other_sizes),
    "mixed-spacing": tagged("PixelSpacing", [0.9, 0.9], "expected slices of one pixel spacing"),
    "mixed-orientation": tagged(
        "ImageOrientationPatient", [0, 1, 0, 1, 0, 0], "expected slices of one orientation"
    ),
    # Tags.
    "no-position": tagged("ImagePositionPatient", None, "the tag ImagePositionPatient in every slice"),
    "no-orientation": tagged("ImageOrientationPatient", None, "the tag ImageOrientationPatient"),
    "no-spacing": tagged("PixelSpacing", None, "the tag PixelSpacing in every slice"),
    "no-slope": tagged("RescaleSlope", None, "the tag RescaleSlope in every slice"),
    "no-rows": tagged("Rows", None, "the tag Rows in every slice"),
    "zero-spacing": tagged("PixelSpacing", [0, 0.7], "expected a positive PixelSpacing"),
    "nan-spacing": tagged("PixelSpacing", ["nan", "0.7"], "2 finite numbers as PixelSpacing"),
    "nan-position": tagged("ImagePositionPatient", ["1", "nan", "1"], "3 finite numbers"),
    "slope-zero": tagged("RescaleSlope", 0, "a RescaleSlope other than 0"),
    "slope-nan": tagged("RescaleSlope", "nan", "1 finite numbers as RescaleSlope"),
    "sheared-axes": tagged("ImageOrientationPatient", [1, 0, 0, 0.5, 1, 0], "orthonormal"),
    "rows-65535": tagged("Rows", 65535, "expected 2 to 8192 rows and columns, found 65535 × 20"),
    "rows-zero": tagged("Rows", 0, "expected 2 to 8192 rows and columns, found 0 × 20"),
    "rows-more-than-there": tagged("Rows", 8192, "found a truncated one"),
    "bits-8": tagged("BitsAllocated", 8, "expected pixels of 16 bits"),
    "bits-stored-20": tagged("BitsStored", 20, "expected pixels of 16 bits, found 20 bits"),
    # Files.
    "slice-cut": bad("expected whole slices, found a truncated or damaged one (at 42.5 mm", after=cut(0.8)),
    "slice-cut-in-its-header": bad("the tag BitsStored in every slice, found none", after=cut(0.5)),
    "slice-empty": bad("found 1 that cannot (IM0005)", after=lambda path: os.truncate(path, 0)),
    "slice-of-noise": bad(
        "found 1 that cannot",
        after=lambda path: path.write_bytes(
            path.read_bytes()[:140] + np.random.default_rng(0).bytes(900)
        ),
    ),
    "slice-dangling": bad("found 1 that cannot", after=linked_to("nowhere")),
    "slice-pipe": bad("found 1 that cannot", after=as_pipe),
    "slice-endless": bad("found 1 ", after=linked_to("/dev/zero")),
    "jpeg-cut": bad(
        "found a truncated or damaged one (at 42.5 mm",
        after=lambda path: [compress(path, "JPEG2000"), cut(0.8)(path)],
    ),
    "magnetic-resonance": bad("found other DICOM files (12 MR)", modality="MR", sop_class=MR_IMAGE),
    "report-alone": Bad(
        make=lambda folder: write_other(folder / "report.dcm"),
        words=("expected a CT series, found other DICOM files (1 SR)",),
    ),
    "screenshots": bad("expected a CT series", modality="OT", sop_class=SECONDARY_CAPTURE),
    "frames-without-positions": Bad(make=frames(50), words=("a position for each of 50 slices",)),
    "frames-a-billion": Bad(make=frames(2**31 - 1), words=("a position for each of 2147483647 slices",)),
    "frames-none": Bad(make=frames("0"), words=("found one slice",)),
    "labels-elsewhere": Bad(
        make=lambda folder: [series(folder), write_image(folder / "labels.nii.gz", small_labels())],
        words=("/labels.nii.gz: ", "expected the CT's grid"),
    ),
}  # fmt: skip

SECRETS = (PATIENT, "Jane", "Doe", "PID-4711", "19700101", "1.2.826.0.1.3680043")
"""What no line and no record may repeat."""
