"""The pixels of DICOM slices, in Hounsfield units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.dicom_folder import quiet
from renderbench.scans.images.dicom_slices import Slice, Storage

_AIR_HU = -1024


class PixelReader:
    """Reads slices one after the other, each file once as long as its slices follow each other.

    Args:
        folder: what an error is about.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._pixels = b""

    def read(self, one: Slice, at_mm: float) -> NDArray[Any]:
        """(rows, columns) HU; padding is air.

        Args:
            one: the slice.
            at_mm: where it lies along the normal; its name in an error.

        Raises:
            InputError: the pixels are truncated, or cannot be decoded.
        """
        if self._path != one.path:
            self._pixels, self._path = self._stored(one, at_mm), one.path
        if one.storage.compressed:
            return self._decoded(one, at_mm)
        return _native(self._pixels, one)

    def _stored(self, one: Slice, at_mm: float) -> bytes:
        """The file's PixelData, complete."""
        from pydicom import dcmread

        storage = one.storage
        try:
            with quiet():
                pixels: bytes = dcmread(one.path, specific_tags=_PIXEL_TAGS, force=True).PixelData
        except Exception:  # whatever a damaged file makes the parser do
            pixels = b""
        needed = 1 if storage.compressed else 2 * storage.rows * storage.columns * storage.frames
        if len(pixels) < needed:
            raise InputError(
                self._folder,
                "expected whole slices, found a truncated or damaged one "
                f"(at {at_mm:.6g} mm: {len(pixels)} of {needed} bytes of pixels)",
                "copy the series again",
            )
        return pixels

    def _decoded(self, one: Slice, at_mm: float) -> NDArray[Any]:
        """A compressed slice, through GDCM, which rescales it as well."""
        import SimpleITK as sitk

        reader = sitk.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(one.path))
        shown = sitk.ProcessObject.GetGlobalWarningDisplay()
        sitk.ProcessObject.SetGlobalWarningDisplay(False)
        try:
            values = sitk.GetArrayFromImage(reader.Execute()).squeeze()
        except RuntimeError:
            values = np.empty(0)
        finally:
            sitk.ProcessObject.SetGlobalWarningDisplay(shown)
        if values.shape != (one.storage.rows, one.storage.columns):
            raise InputError(
                self._folder,
                f"expected compressed pixels that can be decoded, found some that cannot (at {at_mm:.6g} mm)",
                "decompress the series (gdcmconv --raw IN OUT), or copy it again",
            )
        if one.rescale.whole and values.dtype.kind == "f":
            values = np.rint(values).astype(np.int32)
        if one.storage.padding is None:
            return values
        ends = [one.rescale.slope * end + one.rescale.intercept for end in one.storage.padding]
        return _as_air(values, (values >= min(ends)) & (values <= max(ends)))


_PIXEL_TAGS = ["PixelData", "BitsAllocated", "PixelRepresentation", "Rows", "Columns"]


def _native(pixels: bytes, one: Slice) -> NDArray[Any]:
    storage = one.storage
    count = storage.rows * storage.columns
    words = np.frombuffer(pixels, storage.dtype, count=count, offset=2 * count * one.frame)
    words = words.reshape(storage.rows, storage.columns).astype(storage.dtype.newbyteorder("="))
    stored = _significant(words, storage)
    values = one.rescale(stored)
    if storage.padding is None:
        return values
    low, high = storage.padding
    return _as_air(values, ((words >= low) & (words <= high)) | ((stored >= low) & (stored <= high)))


def _as_air(values: NDArray[Any], padded: NDArray[np.bool_]) -> NDArray[Any]:
    if padded.any() and values.dtype.kind == "u":
        values = values.astype(np.int32)
    return np.where(padded, np.array(_AIR_HU, dtype=values.dtype), values) if padded.any() else values


def _significant(words: NDArray[Any], storage: Storage) -> NDArray[Any]:
    """The stored bits of each 16-bit word, with their sign; other bits can hold overlays."""
    above, unused = 15 - storage.high_bit, 16 - storage.bits
    return words if unused == 0 else (words << above) >> unused
