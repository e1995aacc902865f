"""What lights a medium: the environment, constant or a map, and a distant key light.

An environment map is an equirectangular panorama as someone sees it who lies where the patient lies: the
middle column is the patient's front, columns to the left of it the patient's left, the outer columns the
back; the top row is the head. In patient LPS (+x left, +y posterior, +z superior), column x of W and row y
of H, both continuous with pixel centres at +0.5, show the direction ::

    azimuth = 2 pi (1/2 - x / W)        polar = pi y / H
    (sin(polar) sin(azimuth), -sin(polar) cos(azimuth), cos(polar))

Between pixel centres the map is interpolated bilinearly; columns wrap around, rows end at the poles.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from renderbench.config import RendererSettings
from renderbench.errors import InputError

# 400 MB in memory; a pixel is then 0.04 degrees, a twelfth of the sun.
_MOST_COLUMNS = 8192
_MAGIC = b"\x76\x2f\x31\x01"


def environment_map(settings: RendererSettings) -> NDArray[np.float32] | None:
    """The radiance (H, W, 3) of the settings' environment map, ``environment_radiance`` included.

    Returns:
        None where the environment is constant.

    Raises:
        InputError: see :func:`read_environment_map`.
    """
    if settings.environment_map is None:
        return None
    return read_environment_map(Path(settings.environment_map)) * np.float32(settings.environment_radiance)


def environment_digest(settings: RendererSettings) -> str | None:
    """SHA-256 of the environment map's file; None where the environment is constant.

    Raises:
        InputError: the file cannot be read.
    """
    if settings.environment_map is None:
        return None
    return hashlib.sha256(_bytes(Path(settings.environment_map))).hexdigest()


def read_environment_map(path: Path) -> NDArray[np.float32]:
    """Read an equirectangular OpenEXR image, linear rgb or grey.

    Returns:
        (H, W, 3) float32 with W = 2 H.

    Raises:
        InputError: not there, not OpenEXR, damaged, other channels or shape, too large, or values that no
            light has: negative, infinite, NaN, or black all over.
    """
    subject = f"environment map {path}"
    # Told apart before OpenEXR sees it: it reports every fault of a file alike, and on stderr too.
    if _bytes(path)[: len(_MAGIC)] != _MAGIC:
        raise InputError(subject, "expected an OpenEXR image, found another format", "convert it to .exr")
    radiance = _pixels(path, subject)
    if not np.isfinite(radiance).all() or radiance.min() < 0:
        wrong = ~np.isfinite(radiance) | (radiance < 0)
        row, column, channel = (int(index) for index in np.argwhere(wrong)[0])
        raise InputError(
            subject,
            "expected finite radiance of at least 0, found "
            f"{radiance[row, column, channel]} at column {column}, row {row}",
            "repair the image",
        )
    if not radiance.any():
        raise InputError(subject, "expected some light, found an image black all over", "use another image")
    return radiance


def map_directions(height: int, width: int) -> NDArray[np.float64]:
    """The unit directions (height, width, 3) in patient LPS that an environment map's pixel centres show."""
    azimuth = 2 * np.pi * (0.5 - (np.arange(width) + 0.5) / width)
    polar = np.pi * (np.arange(height)[:, None] + 0.5) / height
    up = np.broadcast_to(np.cos(polar), (height, width))
    return np.stack([np.sin(polar) * np.sin(azimuth), -np.sin(polar) * np.cos(azimuth), up], axis=-1)


def pixel_solid_angles(height: int, width: int) -> NDArray[np.float64]:
    """The solid angles (height,) of an environment map's pixels in sr, row by row."""
    edges = np.cos(np.pi * np.arange(height + 1) / height)
    return (edges[:-1] - edges[1:]) * 2 * np.pi / width


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(
            f"environment map {path}",
            f"expected an OpenEXR image, found none ({error.strerror})",
            "correct renderer.environment_map",
        ) from None


def _pixels(path: Path, subject: str) -> NDArray[np.float32]:
    import OpenEXR  # here, since only suites with a map need it

    try:
        with OpenEXR.File(str(path), header_only=True) as file:
            (left, top), (right, bottom) = (corner.tolist() for corner in file.header()["dataWindow"])
        _check_shape(right - left + 1, bottom - top + 1, subject)
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except (RuntimeError, ValueError, TypeError, KeyError, OSError):
        raise InputError(
            subject, "expected an OpenEXR image, found a damaged one", "restore the file"
        ) from None
    chosen = next((names for names in ("RGB", "YYY") if set(names) <= channels.keys()), None)
    if chosen is None:
        found = ", ".join(sorted(channels)) or "none"
        raise InputError(subject, f"expected the channels R, G and B, or Y, found {found}", "export them")
    planes = [channels[name] for name in chosen]
    if any(plane.ndim != 2 or plane.shape != planes[0].shape for plane in planes):
        raise InputError(subject, "expected channels of one size, found several", "export R, G and B")
    return np.stack([plane.astype(np.float32) for plane in planes], axis=-1)


def _check_shape(width: int, height: int, subject: str) -> None:
    if width != 2 * height:
        raise InputError(
            subject,
            f"expected an equirectangular image, twice as wide as high, found {width} x {height}",
            "use a panorama of the whole sphere",
        )
    if width > _MOST_COLUMNS:
        raise InputError(
            subject, f"expected at most {_MOST_COLUMNS} columns, found {width}", "make the image smaller"
        )
