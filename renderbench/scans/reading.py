"""Reading a raw scan onto its working grid: CT to Hounsfield units, masks to labels, both to 1.5 mm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import digest_of, digest_of_file
from renderbench.errors import InputError
from renderbench.scans.images import ImageInfo, probe_image, read_image
from renderbench.scans.masks import mask_files, read_masks
from renderbench.scans.raw import RawScan
from renderbench.scans.resampling import Interpolation, resample_ct, resample_labels, working_grid
from renderbench.scans.segmentation import Segmenter, require_segmenter
from renderbench.scans.volume import HU_RANGE, Scan, Volume


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How raw scans come onto the working grid.

    Args:
        interpolation: of the CT; labels take the nearest voxel's.
        segment: the segmenter of scans without masks; None refuses them.
        ignore_masks: whether scans with masks of their own are segmented as well.
    """

    interpolation: Interpolation = "linear"
    segment: str | None = None
    ignore_masks: bool = False


def read_scan(
    raw: RawScan, preparation: Preparation, info: ImageInfo | None = None
) -> tuple[Scan, dict[str, float]]:
    """A raw scan on the working grid, and the seconds that took by ledger item.

    HU are clipped to -1024 to 3071 before anything interpolates them. Never holds the raw CT and the raw
    masks at once.

    Args:
        raw: the scan.
        preparation: how it comes onto the working grid.
        info: what the CT's headers say; they are read unless given.

    Raises:
        Excluded: the scan is sound, but too large or not orthonormal.
        InputError: whatever is wrong with the scan, in one line.
    """
    start = time.perf_counter()
    info = info or probe_image(raw.ct, series=raw.series)
    grid = working_grid(info.grid, raw.name)
    segmenter = _segmenter(raw, preparation)
    image = read_image(raw.ct, series=raw.series)
    source = image.grid
    values = hounsfield(raw.ct, image.values)
    del image
    read = time.perf_counter()
    ct = resample_ct(values, source, grid, preparation.interpolation)
    del values
    seconds = {"read": read - start, "resample": time.perf_counter() - read}
    start = time.perf_counter()
    if segmenter is not None:
        labels = segmenter.segment(ct, grid)
        seconds["segment"] = time.perf_counter() - start
    else:
        assert raw.masks is not None
        masks = read_masks(raw.masks, source)
        read = time.perf_counter()
        labels = resample_labels(masks, source, grid)
        seconds["read"] += read - start
        seconds["resample"] += time.perf_counter() - read
    return Scan(name=raw.name, ct=ct, labels=labels, grid=grid), seconds


def identity_of(
    raw: RawScan,
    preparation: Preparation,
    info: ImageInfo,
    *,
    of_files: Callable[[tuple[Path, ...]], Any] | None = None,
) -> dict[str, Any]:
    """What makes the scan what it is: content, meaning of the masks, and how it is prepared.

    Files are known by their number, size and SHA-256, never by name: those of a hospital can name a
    patient.

    Args:
        raw: the scan.
        preparation: how it is prepared.
        info: what the CT's headers say.
        of_files: what to know the content of files by; their SHA-256 unless given.

    Raises:
        InputError: a file cannot be read.
    """
    segmenter = _segmenter(raw, preparation)
    sources = {"ct": info.files}
    if segmenter is None:
        sources["masks"] = mask_files(raw.masks)
    identity: dict[str, Any] = {
        "interpolation": preparation.interpolation,
        "sources": {
            role: {
                "files": len(files),
                "bytes": sum(path.stat().st_size for path in files),
                "content": (of_files or content_of)(files),
            }
            for role, files in sources.items()
        },
    }
    if segmenter is not None:
        identity["segmenter"] = segmenter.identity()
    elif raw.masks is not None:
        values = {str(key): value for key, value in raw.masks.values.items()}
        identity["mask_values"] = digest_of({"values": values, "sided": getattr(raw.masks, "sided", None)})
    return identity


def _segmenter(raw: RawScan, preparation: Preparation) -> Segmenter | None:
    """What segments this scan; None when its own masks serve."""
    if raw.masks is not None and not preparation.ignore_masks:
        return None
    if preparation.segment is None:
        raise InputError(
            f"scan {raw.name}",
            "expected masks, found none",
            "add them (docs/datasets.md says how), or give --segment totalsegmentator",
        )
    return require_segmenter(preparation.segment)


def hounsfield(path: Path, values: NDArray[Any]) -> Volume:
    """(D, H, W) int16 Hounsfield units from an image's values, clipped to ``HU_RANGE``.

    Raises:
        InputError: they cannot be Hounsfield units: one value everywhere.
    """
    lowest, highest = values.min(), values.max()
    if lowest == highest:
        raise InputError(
            path, f"expected Hounsfield units, found the one value {lowest:g} everywhere", "export it again"
        )
    low, high = HU_RANGE
    if values.dtype.kind == "f":
        return np.rint(np.clip(values, low, high)).astype(np.int16)
    # The bounds must be values that the integer type has.
    limits = np.iinfo(values.dtype)
    if values.dtype == np.int16:
        return np.clip(values, low, high, out=values)
    return np.clip(values, max(low, limits.min), min(high, limits.max)).astype(np.int16)


def content_of(files: tuple[Path, ...]) -> str:
    """One SHA-256 of several files' contents, in their order.

    Raises:
        InputError: one cannot be read.
    """
    try:
        digests = [digest_of_file(path) for path in files]
    except OSError as error:
        raise InputError(
            error.filename or files[0],
            f"expected a readable file, found that it is not ({error.strerror})",
            "check it and its disk",
        ) from None
    return digests[0] if len(digests) == 1 else digest_of(digests)
