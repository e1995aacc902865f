"""Malformed masks beside a sound CT: one file of label values, or one file a class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.malformed.case import (
    Bad,
    Edit,
    Group,
    as_folder,
    as_pipe,
    content,
    inside,
    linked_to,
    padded,
    spoilt,
)
from tests.malformed.nifti import SCALING, nifti_header, patched
from tests.scans.scan_images import small_ct, small_labels, write_image

LABELS = "labels.nii.gz"
ANOTHER_GRID = "expected the CT's grid"


def placed(**geometry: object) -> Edit:
    """The labels on another grid."""
    return lambda path: write_image(path, small_labels(), **geometry)  # type: ignore[arg-type]


def values(change: Callable[[np.ndarray], np.ndarray]) -> Edit:
    """Other labels on the same grid."""
    return lambda path: write_image(path, change(small_labels()))


def one_voxel(value: float, dtype: type) -> Edit:
    """Labels with one voxel of another value."""

    def change(labels: np.ndarray) -> np.ndarray:
        changed = labels.astype(dtype)
        changed[0, 0, 0] = value
        return changed

    return values(change)


def classes(*words: str, **masks: np.ndarray | Edit) -> Bad:
    """A CT with one mask a class; a mask is an array, or how to spoil that of a liver."""

    def make(folder: Path) -> None:
        write_image(folder / "ct.nii.gz", small_ct())
        (folder / "segmentations").mkdir()
        for name, mask in masks.items():
            path = folder / "segmentations" / f"{name}.nii.gz"
            write_image(path, mask if isinstance(mask, np.ndarray) else LIVER)
            if not isinstance(mask, np.ndarray):
                mask(path)

    return Bad(make=make, words=words)


def both_kinds(folder: Path) -> None:
    classes(liver=LIVER).make(folder)
    write_image(folder / LABELS, small_labels())


def without(file: str) -> Edit:
    def make(folder: Path) -> None:
        write_image(folder / "ct.nii.gz", small_ct())
        write_image(folder / LABELS, small_labels())
        (folder / file).unlink()

    return make


LIVER, SPLEEN = ((small_labels() == value).astype(np.uint8) for value in (5, 1))
MIRROR = np.diag([-1.0, 1.0, 1.0])

MASKS: Group = {
    # Where they lie.
    "another-size": spoilt(
        LABELS, values(lambda each: each[:, :, 1:]), ANOTHER_GRID, "20 × 16 × 12 voxels, found 19 × 16 × 12"
    ),
    "half-a-voxel-off": spoilt(LABELS, placed(origin=(11, -20, 30)), ANOTHER_GRID, "up to 1 mm off"),
    "mirrored": spoilt(LABELS, placed(direction=MIRROR), ANOTHER_GRID, "up to 38 mm off"),
    "another-spacing": spoilt(LABELS, placed(spacing=(2, 2, 3.1)), ANOTHER_GRID, "up to 1.1 mm off"),
    "turned": spoilt(LABELS, placed(direction=np.eye(3)[[1, 0, 2]]), ANOTHER_GRID, "found 16 × 20 × 12"),
    "labels-of-two-times": spoilt(
        LABELS, values(lambda each: np.stack([each] * 2)), "expected a 3-D image, found 20 × 16 × 12 × 2"
    ),
    "labels-flat": spoilt(LABELS, values(lambda each: each[0]), "expected a 3-D image, found 20 × 16 voxels"),
    "labels-far-too-large": spoilt(
        LABELS, padded(nifti_header((1300, 1300, 1300)), 4 * 10**6), ANOTHER_GRID, "1300 × 1300 × 1300"
    ),
    # What they say.
    "label-120": spoilt(LABELS, one_voxel(120, np.uint8), "expected labels 0 to 119, found 120 (1 voxels)"),
    "label-255": spoilt(LABELS, one_voxel(255, np.uint8), "expected labels 0 to 119, found 255 (1 voxels)"),
    "label-beyond-bytes": spoilt(LABELS, one_voxel(261, np.uint16), "found 261 (1 voxels)"),
    "label-negative": spoilt(LABELS, one_voxel(-1, np.int16), "expected labels from 0 up, found -1"),
    "label-fraction": spoilt(LABELS, one_voxel(4.5, np.float32), "expected whole numbers, found 4.5 (1 v"),
    "label-nan": spoilt(LABELS, one_voxel(np.nan, np.float32), "expected finite values"),
    "label-1e30": spoilt(LABELS, one_voxel(1e30, np.float64), "expected labels, found 1e+30"),
    "label-minus-1e30": spoilt(LABELS, one_voxel(-1e30, np.float64), "expected labels, found -1e+30"),
    "label-most-of-64-bits": spoilt(LABELS, one_voxel(2**64 - 1, np.uint64), "found 18446744073709551615"),
    "labels-are-the-ct": spoilt(LABELS, lambda path: write_image(path, small_ct()), "from 0 up, found -1000"),
    "labels-scaled": spoilt(LABELS, patched("2f", SCALING, 0.5, 0), "expected whole numbers, found 2.5"),
    "labels-scaled-by-nan": spoilt(LABELS, patched("2f", SCALING, np.nan, 0), "expected a finite scaling"),
    "labels-empty": spoilt(LABELS, values(np.zeros_like), "expected labelled voxels, found none"),
    # What is left of them.
    "labels-cut": spoilt(LABELS, inside(lambda raw: raw[:2000]), "truncated", "1648 of 3840 bytes"),
    "labels-text": spoilt(LABELS, content(lambda _: b"liver: yes\n" * 40), "expected a NIfTI image"),
    "labels-folder": spoilt(LABELS, as_folder, "expected a file, found a folder"),
    "labels-dangling": spoilt(LABELS, linked_to("nowhere"), "expected a file, found a link to nothing"),
    "labels-pipe": spoilt(LABELS, as_pipe, "expected a file, found a pipe"),
    "no-labels": Bad(make=without(LABELS), words=("expected masks, found none", "--segment")),
    "no-ct": Bad(make=without("ct.nii.gz"), words=("expected ct.nii.gz", "add ct.nii.gz")),
    # One file a class.
    "classes-overlap": classes(
        "segmentations/spleen.nii.gz", "do not overlap", "10 voxels that liver has too",
        liver=LIVER, spleen=SPLEEN | (LIVER & (np.cumsum(LIVER).reshape(LIVER.shape) <= 10)),
    ),
    "class-unknown": classes(
        "segmentations/livr.nii.gz", "117 class names, found 'livr'", "did you mean 'liver'?", livr=LIVER
    ),
    "class-of-255": classes(
        "segmentations/liver.nii.gz", "expected a mask of 0 and 1, found values up to 255", liver=LIVER * 255
    ),
    "class-negative": classes("liver.nii.gz", "from 0 up, found -1", liver=-LIVER.astype(np.int8)),
    "class-in-probabilities": classes(
        "liver.nii.gz", "expected whole numbers, found 0.75", liver=LIVER * np.float32(0.75)
    ),
    "class-of-another-size": classes(
        "spleen.nii.gz", ANOTHER_GRID, "20 × 15 × 12", liver=LIVER, spleen=SPLEEN[:, 1:]
    ),
    "class-far-too-large": classes(
        "liver.nii.gz", ANOTHER_GRID, liver=padded(nifti_header((1300, 1300, 1300)), 4 * 10**6)
    ),
    "classes-empty": classes("segmentations", "expected labelled voxels, found none", liver=LIVER * 0),
    "no-classes": classes("segmentations", "expected one mask a class, found none"),
    "class-dangling": classes("liver.nii.gz", "found a link to nothing", liver=linked_to("nowhere")),
    "class-folder": classes("liver.nii.gz", "found a folder", spleen=SPLEEN, liver=as_folder),
    "labels-and-classes": Bad(make=both_kinds, words=("one set of masks", LABELS, "segmentations/")),
}  # fmt: skip
