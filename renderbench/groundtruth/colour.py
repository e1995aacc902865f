"""sRGB in and out of linear light (IEC 61966-2-1), in one place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def linear_from_srgb(srgb: ArrayLike) -> NDArray[np.floating]:
    """Linear light of sRGB values, both in [0, 1]; any shape, float32 stays float32."""
    encoded = np.clip(_floating(srgb), 0.0, 1.0)
    return np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


def srgb_from_linear(linear: ArrayLike) -> NDArray[np.floating]:
    """sRGB values in [0, 1] of linear light, which is clipped to [0, 1]; any shape, float32 stays float32."""
    light = np.clip(_floating(linear), 0.0, 1.0)
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1.0 / 2.4) - 0.055)


def eight_bit_srgb(linear: ArrayLike) -> NDArray[np.uint8]:
    """8-bit sRGB of linear light, rounded to nearest; any shape."""
    return np.rint(srgb_from_linear(linear) * 255.0).astype(np.uint8)


def _floating(values: ArrayLike) -> NDArray[np.floating]:
    array = np.asarray(values)
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)
