"""What every reader of raw images gives: the image, or what its headers say of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.volume import Grid


@dataclass(frozen=True, kw_only=True)
class ImageInfo:
    """What the headers of an image say; its voxels have not been read.

    Args:
        grid: where the voxels lie, in canonical axis order (closest to LPS).
        dtype: of the stored voxels.
        files: all that make the image: one file, a header and its data, or DICOM slices in their order
            along the slice axis. For reading only: names of DICOM files can name a patient.
        title: what the image is, without anything that could identify a patient.
    """

    grid: Grid
    dtype: np.dtype[Any]
    files: tuple[Path, ...]
    title: str


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image in memory.

    Args:
        values: (D, H, W), C-contiguous, in canonical axis order: ``values[k, j, i]`` grows towards the
            patient's left, back and head with i, j and k as nearly as the axes allow. Rescaled as the file
            says; integers stay integers when slope and intercept are whole numbers.
        grid: where the voxels lie.
    """

    values: NDArray[Any]
    grid: Grid
