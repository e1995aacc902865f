"""Reading a scan: a folder with ``ct.nii.gz`` and ``labels.nii.gz``, brought to canonical axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.scans.groups import LABELS
from renderbench.scans.nifti import ORTHONORMAL_TOLERANCE, check_nifti
from renderbench.scans.resampling import working_grid
from renderbench.scans.volume import Grid, LabelVolume, Scan, Volume

HU_RANGE = (-1024, 3071)
"""What a 12-bit CT can hold; below lies the padding outside the field of view, above is metal."""

# Two grids, or two accounts of one grid, agree when no voxel is further off than this share of a voxel.
_SAME_GRID = 0.1

_SUFFIXES = (".nii.gz", ".nii")


@dataclass(frozen=True, kw_only=True)
class ScanFiles:
    """The files of one scan."""

    ct: Path
    labels: Path


def read_scan(folder: Path) -> Scan:
    """Read the scan in ``folder``, named after it.

    Axes are permuted and flipped to the order closest to LPS, so that ``ct[k, j, i]`` grows towards
    the patient's left, back and head with i, j and k; an oblique scan stays oblique. HU are clipped to
    -1024 to 3071 before anything interpolates them.

    Raises:
        InputError: whatever is wrong with the scan, in one line.
    """
    checked_name(folder.name, "scan")
    files = scan_files(folder)
    ct_image, grid = _read(files.ct)
    working_grid(grid, folder.name)
    ct = _hounsfield(files.ct, ct_image)
    labels_image, labels_grid = _read(files.labels)
    _require_same_grid(files.labels, labels_grid, grid)
    return Scan(name=folder.name, ct=ct, labels=_labels(files.labels, labels_image), grid=grid)


def find_scans(raw: Path) -> list[Path]:
    """The sub-folders of ``raw`` that hold a CT or labels, by name.

    Raises:
        InputError: ``raw`` is no folder, or has no such sub-folder.
    """
    subject = f"--raw {raw}"
    if not raw.is_dir():
        found = "a file" if raw.exists() else "nothing"
        raise InputError(subject, f"expected a folder of scans, found {found}", "correct the path")
    folders = sorted(entry for entry in raw.iterdir() if entry.is_dir())
    scans = [folder for folder in folders if _find(folder, "ct") or _find(folder, "labels")]
    if not scans:
        here = _find(raw, "ct")
        raise InputError(
            subject,
            "expected sub-folders with ct.nii.gz and labels.nii.gz, found "
            + (f"{here.name} directly in it" if here else f"none in {len(folders)} sub-folders"),
            "give its parent folder" if here else "put each scan into a sub-folder of its own",
        )
    return scans


def scan_files(folder: Path) -> ScanFiles:
    """The CT and the labels in ``folder``.

    Raises:
        InputError: the folder or one of them is missing.
    """
    if not folder.is_dir():
        raise InputError(folder, "expected the folder of a scan, found none", "correct the path")
    ct, labels = _find(folder, "ct"), _find(folder, "labels")
    if ct is None or labels is None:
        missing = "ct.nii.gz" if ct is None else "labels.nii.gz"
        present = ", ".join(sorted(entry.name for entry in folder.iterdir())) or "an empty folder"
        raise InputError(folder, f"expected ct.nii.gz and labels.nii.gz, found {present}", f"add {missing}")
    return ScanFiles(ct=ct, labels=labels)


def _find(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in _SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def _read(path: Path) -> tuple[NDArray, Grid]:
    """The image's values (D, H, W) in canonical axis order, and where they lie."""
    header = check_nifti(path)
    if header.direction_error > ORTHONORMAL_TOLERANCE:
        raise InputError(
            path,
            f"direction is not orthonormal (max |RRᵀ-I| = {header.direction_error:.2g})",
            "re-export it without shear, or resample it onto orthogonal axes",
        )
    try:
        with _quiet():
            image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1]
        raise InputError(
            path, f"expected an image that ITK can read, found: {reason}", "re-export it"
        ) from None
    declared = Grid(shape=header.shape[::-1], world_from_voxel=header.world_from_voxel)
    apart_mm = _corner_distance(_grid_of(image), declared)
    if apart_mm > _SAME_GRID * header.spacing_mm.min():
        raise InputError(
            path,
            f"expected sform, qform and pixdim to agree, found positions {apart_mm:.3g} mm apart",
            "re-export it with one orientation",
        )
    oriented = sitk.DICOMOrient(image, "LPS")
    return sitk.GetArrayFromImage(oriented), _grid_of(oriented)


def _grid_of(image: sitk.Image) -> Grid:
    # Headers keep float32: the nearest orthonormal direction is exact again.
    left, _, right = np.linalg.svd(np.array(image.GetDirection()).reshape(3, 3))
    world_from_voxel = np.eye(4)
    world_from_voxel[:3, :3] = left @ right * image.GetSpacing() + 0.0
    world_from_voxel[:3, 3] = image.GetOrigin()
    width, height, depth = image.GetSize()
    return Grid(shape=(depth, height, width), world_from_voxel=world_from_voxel)


def _corner_distance(one: Grid, other: Grid) -> float:
    """How far apart (mm) the same corner voxel lies on two grids of one shape, at most."""
    depth, height, width = one.shape
    corners = np.array(
        [(i, j, k) for i in (0, width - 1) for j in (0, height - 1) for k in (0, depth - 1)], dtype=np.float64
    )
    return float(np.linalg.norm(one.world(corners) - other.world(corners), axis=1).max())


def _require_same_grid(path: Path, labels: Grid, ct: Grid) -> None:
    if labels.shape != ct.shape:
        raise InputError(
            path,
            f"expected the CT's grid of {_size(ct)} voxels, found {_size(labels)}",
            "resample the labels onto the CT (nearest neighbour)",
        )
    apart_mm = _corner_distance(labels, ct)
    if apart_mm > _SAME_GRID * ct.spacing_mm.min():
        raise InputError(
            path,
            f"expected the CT's grid, found one whose voxels lie up to {apart_mm:.3g} mm off",
            "resample the labels onto the CT (nearest neighbour)",
        )


def _size(grid: Grid) -> str:
    return " × ".join(map(str, grid.shape[::-1]))


def _hounsfield(path: Path, values: NDArray) -> Volume:
    if values.min() == values.max():
        raise InputError(
            path,
            f"expected Hounsfield units, found the one value {values.min():g} everywhere",
            "export it again",
        )
    low, high = HU_RANGE
    if values.dtype.kind == "f":
        return np.rint(np.clip(values, low, high)).astype(np.int16)
    # The bounds must be values that the integer type has.
    limits = np.iinfo(values.dtype)
    return np.clip(values, max(low, limits.min), min(high, limits.max)).astype(np.int16)


def _labels(path: Path, values: NDArray) -> LabelVolume:
    last = LABELS[-1].value
    wrong = (values < 0) | (values > last)
    if values.dtype.kind == "f":
        wrong |= values != np.rint(values)
    if wrong.any():
        found = ", ".join(f"{value:g}" for value in np.unique(values[wrong])[:5])
        raise InputError(
            path,
            f"expected labels 0 to {last}, found {found} ({np.count_nonzero(wrong)} voxels)",
            "map them to TotalSegmentator's labels (Tables 3 and 4), or set them to 0",
        )
    return values.astype(np.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep ITK's warnings off stderr: what they warn of is checked here, and reported in one line."""
    shown = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(shown)
