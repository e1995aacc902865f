"""Portable float maps, the simplest of the formats in which pbrt keeps all 32 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import staged
from renderbench.errors import JobError

_REMEDY = "free some disk space and render it again"


def read_pfm(path: Path, *, width: int, height: int) -> NDArray[np.float32]:
    """A colour image (H, W, 3) float32, top row first.

    Raises:
        JobError: it is no PFM, of another size, cut short, or has values that are not finite.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise JobError(path, f"expected an image, found none ({error.strerror})", "render it again") from None
    parts = content.split(b"\n", 3)
    try:
        kind, size, scale, data = parts
        found_width, found_height = (int(number) for number in size.split())
        order = "<" if float(scale) < 0 else ">"
    except ValueError:
        kind = b""
    if kind != b"PF":
        raise JobError(path, f"expected a colour PFM, found {len(content)} bytes of something else", _REMEDY)
    if (found_width, found_height) != (width, height):
        found = f"{found_width} × {found_height}"
        raise JobError(path, f"expected {width} × {height} pixels, found {found}", "render it again")
    if len(data) != width * height * 12:
        problem = f"expected {width * height * 12} bytes of pixels, found {len(data)}"
        raise JobError(path, problem, _REMEDY)
    image = np.frombuffer(data, dtype=f"{order}f4").reshape(height, width, 3)[::-1].astype(np.float32)
    bad = int((~np.isfinite(image)).any(axis=-1).sum())
    if bad:
        raise JobError(
            path, f"expected finite pixels, found {bad} that are not", "report this scene with its settings"
        )
    return image


def write_pfm(path: Path, image: NDArray[np.floating]) -> None:
    """Write a colour image (H, W, 3), top row first, as little-endian float32, whole or not at all."""
    height, width, _ = image.shape
    pixels = np.ascontiguousarray(image[::-1], dtype="<f4")
    with staged(path) as staging:
        staging.write_bytes(b"PF\n%d %d\n-1\n" % (width, height) + pixels.tobytes())
