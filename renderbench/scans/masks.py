"""Masks to labels: files of label values, or one file a class, to one volume of the 120 labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.groups import LABELS, LABELS_BY_VALUE
from renderbench.scans.images import probe_image, read_image, same_grid
from renderbench.scans.raw import ClassFiles, LabelFile, Masks
from renderbench.scans.volume import Grid, LabelVolume

_REMEDY = "map them to TotalSegmentator's labels (Tables 3 and 4), or set them to 0"
# Beyond this, floating point leaves out whole numbers.
_COUNTABLE = 2.0**53


def read_masks(masks: Masks, grid: Grid) -> LabelVolume:
    """The labels that masks give, on the grid of their CT.

    Args:
        masks: where they lie.
        grid: of the CT.

    Returns:
        (D, H, W) uint8: 0 to 119 (Tables 3 and 4), or ``UNNAMED`` + group.

    Raises:
        InputError: a file cannot be read, lies on another grid, holds values that mean nothing, overlaps
            another class, or all are empty.
    """
    if isinstance(masks, LabelFile):
        labels, where = _from_values(masks, grid), masks.path
    else:
        labels, where = _from_classes(masks, grid), next(iter(masks.files.values())).parent
    if not labels.any():
        raise InputError(
            where, "expected labelled voxels, found none", "segment the scan again, or leave it out"
        )
    return labels


def mask_files(masks: Masks | None) -> tuple[Path, ...]:
    """Every file of the masks, in a fixed order."""
    if masks is None:
        return ()
    return (
        (masks.path,)
        if isinstance(masks, LabelFile)
        else tuple(masks.files[name] for name in sorted(masks.files))
    )


def _from_values(masks: LabelFile, grid: Grid) -> LabelVolume:
    values = _whole_numbers(masks.path, grid)
    sided = masks.sided[0] if masks.sided else ()
    known = {0, *masks.values, *sided} if masks.values else set(range(LABELS[-1].value + 1))
    present = np.unique(values)
    unknown = [value for value in present.tolist() if value not in known]
    if unknown:
        count = int(np.isin(values, unknown).sum())
        listed = ", ".join(map(str, unknown[:5]))
        expected = "labels 0 to 119" if not masks.values else f"values {', '.join(map(str, sorted(known)))}"
        raise InputError(masks.path, f"expected {expected}, found {listed} ({count} voxels)", _REMEDY)
    if not masks.values:
        return values.astype(np.uint8, copy=False)
    table = np.zeros(int(present[-1]) + 1, dtype=np.uint8)
    for value, label in masks.values.items():
        if value < len(table):
            table[value] = label
    if masks.sided:
        for value, label in _sides(values, masks.sided, grid):
            table[value] = label
    return table[values]


def _sides(
    values: NDArray[np.integer], sided: tuple[tuple[int, int], tuple[int, int]], grid: Grid
) -> list[tuple[int, int]]:
    """Label by value of a paired structure: the side of the body that each value's centroid lies on."""
    pair, (right, left) = sided
    centres = {}
    for value in pair:
        voxels = np.argwhere(values == value)
        if len(voxels):
            centres[value] = float(grid.world(voxels.mean(axis=0)[None, ::-1])[0, 0])
    if len(centres) < 2:
        # A single side: the midline of the volume decides.
        middle = float(grid.world((np.array(grid.shape[::-1])[None] - 1) / 2)[0, 0])
        return [(value, left if centre > middle else right) for value, centre in centres.items()]
    lower, higher = sorted(pair, key=lambda value: centres[value])
    return [(lower, right), (higher, left)]  # the world's x grows to the patient's left


def _from_classes(masks: ClassFiles, grid: Grid) -> LabelVolume:
    labels = np.zeros(grid.shape, dtype=np.uint8)
    for name in sorted(masks.files):
        path, label = masks.files[name], masks.values[name]
        values = _whole_numbers(path, grid)
        if values.max(initial=0) > 1:
            raise InputError(
                path, f"expected a mask of 0 and 1, found values up to {values.max()}", "export it as a mask"
            )
        if not label:
            continue
        inside = values != 0
        taken = inside & (labels != 0) & (labels != label)
        overlap = int(np.count_nonzero(taken))
        if overlap:
            other = LABELS_BY_VALUE[int(labels[taken][0])].name
            raise InputError(
                path,
                f"expected masks that do not overlap, found {overlap} voxels that {other} has too",
                "give each voxel to one class",
            )
        labels[inside] = label
    return labels


def _whole_numbers(path: Path, grid: Grid) -> NDArray[np.integer]:
    """The values of a mask file, which must be whole, not negative, and on the CT's grid."""
    # The header first: nothing is allocated for masks of another size.
    same_grid(path, probe_image(path).grid, grid)
    values = read_image(path).values
    if values.dtype.kind == "f":
        whole = np.rint(values)
        wrong = int(np.count_nonzero(whole != values))
        if wrong:
            example = float(values[whole != values].flat[0])
            raise InputError(
                path,
                f"expected whole numbers, found {example:g} ({wrong} voxels)",
                "export the masks without interpolation",
            )
        furthest = float(whole.flat[np.abs(whole).argmax()])
        if abs(furthest) > _COUNTABLE:
            raise InputError(path, f"expected labels, found {furthest:g}", _REMEDY)
        values = whole.astype(np.int64)
    if values.min(initial=0) < 0:
        raise InputError(path, f"expected labels from 0 up, found {values.min()}", "set them to 0")
    return values
