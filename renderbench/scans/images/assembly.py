"""Putting an image together block by block: canonical order in memory, rescaled, never held twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError
from renderbench.scans.images.geometry import Orientation

_BLOCK_BYTES = 4 << 20


def blocks(shape: tuple[int, int, int], dtype: np.dtype[Any]) -> Iterator[tuple[int, int]]:
    """(first slice, number of slices) of blocks of a few megabytes that together make an array."""
    depth, height, width = shape
    count = max(1, _BLOCK_BYTES // (height * width * dtype.itemsize))
    for first in range(0, depth, count):
        yield first, min(count, depth - first)


@dataclass(frozen=True, kw_only=True)
class Rescale:
    """value = slope · stored + intercept."""

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, stored: NDArray[Any]) -> NDArray[Any]:
        """Rescaled values: the same integers, wider integers (int64), or floating point."""
        if self.slope == 1 and self.intercept == 0:
            return stored
        if self.whole and stored.dtype.kind in "iu" and stored.dtype.itemsize <= 4:
            return stored.astype(np.int64) * int(self.slope) + int(self.intercept)
        with np.errstate(over="ignore", invalid="ignore"):  # refused once it is in place
            return stored.astype(np.float64) * self.slope + self.intercept

    @property
    def whole(self) -> bool:
        """Whether integers stay integers."""
        small = abs(self.slope) <= 2**16 and abs(self.intercept) <= 2**31
        return small and float(self.slope).is_integer() and float(self.intercept).is_integer()

    def dtype(self, stored: np.dtype[Any]) -> np.dtype[Any]:
        """The narrowest type to begin with for what ``stored`` becomes."""
        if self.slope == 1 and self.intercept == 0:
            return stored.newbyteorder("=")
        if self.whole and stored.kind in "iu" and stored.itemsize <= 4:
            return np.dtype(np.int16)
        return np.result_type(stored, np.float32)


class Assembly:
    """An array in canonical order that is filled with blocks of slices in the file's order.

    Beside the array there is only the block in hand. Integers that do not fit widen the array once.

    Args:
        orientation: how the file's axes become canonical ones.
        dtype: to begin with.
    """

    def __init__(self, orientation: Orientation, dtype: np.dtype[Any]) -> None:
        self._orientation = orientation
        self._values = np.empty(orientation.grid.shape, dtype=dtype)
        self._not_finite = 0

    def put(self, first: int, block: NDArray[Any]) -> None:
        """Put (n, j, i) slices of the file from its slice ``first`` on."""
        if block.dtype.kind != "f" and block.dtype != self._values.dtype:
            self._hold(int(block.min()), int(block.max()))
        placed = self._orientation.in_file_order(self._values)[first : first + len(block)]
        with np.errstate(over="ignore"):  # what is infinite in fewer bits is counted below
            placed[...] = block
        if placed.dtype.kind == "f":
            self._not_finite += placed.size - int(np.count_nonzero(np.isfinite(placed)))

    def finished(self, path: Path) -> NDArray[Any]:
        """The whole array.

        Raises:
            InputError: some values are NaN or infinite.
        """
        if self._not_finite:
            raise InputError(
                path,
                f"expected finite values, found {self._not_finite} voxels of NaN or infinity",
                "replace them and export it again",
            )
        return self._values

    def _hold(self, low: int, high: int) -> None:
        """Widen the array until it can hold integers from ``low`` to ``high``."""
        if self._values.dtype.kind == "f":
            return
        for wider in (self._values.dtype, np.dtype(np.int32), np.dtype(np.int64)):
            limits = np.iinfo(wider)
            if limits.min <= low and high <= limits.max:
                self._values = self._values.astype(wider, copy=False)
                return
