"""Images of views as files: a PNG to look at and score, and an EXR of what the renderer measured.

The PNG is 8-bit sRGB over black. The EXR, on request, is fp32, linear and ZIP-compressed, with the channels
that OpenEXR reserves: R, G, B premultiplied by A, and Z, the mean distance in mm from the camera to the
first scattering, infinite where nothing scatters (as in a cleared depth buffer: it passes every "nearer
than" test and, unlike NaN, survives a filter that takes minima). Both carry what made them in their headers.
"""

from __future__ import annotations

import errno
import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from renderbench.artefacts import staged
from renderbench.cameras import Camera
from renderbench.errors import InputError
from renderbench.groundtruth.colour import eight_bit_srgb
from renderbench.groundtruth.renderer import RenderPass

_PNG_KEY = "renderbench_view"
_EXR_KEY = "renderbench_view_digest"
_EXR_MAGIC = b"\x76\x2f\x31\x01"
# Headers of ours are below 1 kB; other writers' may be longer.
_EXR_HEADER_BYTES = 65536


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearImage:
    """What the renderer measured at every pixel of a view.

    Args:
        rgb: (H, W, 3) float32, linear radiance over black, premultiplied by alpha.
        alpha: (H, W) float32 in [0, 1], the fraction of light paths from the camera that scatter.
        depth_mm: (H, W) float32, the mean distance from the camera to their first scattering; NaN where
            none does. None from a renderer that cannot tell.
    """

    rgb: NDArray[np.float32]
    alpha: NDArray[np.float32]
    depth_mm: NDArray[np.float32] | None


def write_png(path: Path, view: RenderPass, *, text: str) -> None:
    """Write a view as PNG, atomically, with ``text`` in its header."""
    info = PngInfo()
    info.add_text(_PNG_KEY, text)
    with staged(path) as staging:
        Image.fromarray(eight_bit_srgb(view.rgb)).save(staging, format="PNG", pnginfo=info)


def png_text(path: Path) -> str | None:
    """The text in a view's PNG; None when there is none that can be read."""
    try:
        with Image.open(path) as picture:
            return picture.text.get(_PNG_KEY) if isinstance(picture, PngImageFile) else None
    except (OSError, SyntaxError, ValueError):
        return None


def read_png(path: Path, camera: Camera) -> NDArray[np.uint8]:
    """(H, W, 3) 8-bit sRGB over black.

    Raises:
        InputError: damaged, or not of the camera's size.
    """
    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise _unlike(path, "an image of the view set", f"one that cannot be read ({error})") from None
    if pixels.shape != (camera.height, camera.width, 3):
        raise _unlike(path, _size(camera.width, camera.height), _size(pixels.shape[1], pixels.shape[0]))
    return pixels


def write_exr(path: Path, view: RenderPass, *, digest: str) -> str:
    """Write a view as EXR, atomically.

    Args:
        path: of the file.
        view: what to write.
        digest: of all that made the view, for the header.

    Returns:
        The SHA-256 of the file, for :func:`read_exr`.

    Raises:
        OSError: it cannot be written.
    """
    import OpenEXR  # here, since most sets have no EXR

    header = {
        "compression": OpenEXR.ZIP_COMPRESSION,
        "type": OpenEXR.scanlineimage,
        _EXR_KEY: digest,
    }
    channels = {"RGBA": np.concatenate([view.rgb, view.alpha[..., None]], axis=-1, dtype=np.float32)}
    if view.depth_mm is not None:
        channels["Z"] = np.where(np.isnan(view.depth_mm), np.float32(np.inf), view.depth_mm)
    with staged(path) as staging:
        try:
            with OpenEXR.File(header, channels) as file:
                file.write(str(staging))
        except RuntimeError as error:
            # "Failed to write ... file "x.exr". No space left on device."
            raise OSError(errno.EIO, str(error).rstrip(".").rpartition(". ")[2], str(path)) from None
        return hashlib.sha256(staging.read_bytes()).hexdigest()


def exr_digest(path: Path) -> str | None:
    """The digest in the header of a view's EXR; None when there is none that can be read."""
    try:
        with path.open("rb") as stream:
            value = _attribute(stream.read(_EXR_HEADER_BYTES), _EXR_KEY, "string")
    except OSError:
        return None
    return None if value is None else value.decode("ascii", errors="replace")


def read_exr(path: Path, camera: Camera, *, sha256: str | None) -> LinearImage:
    """Read what :func:`write_exr` wrote.

    Args:
        path: of the file.
        camera: of the view.
        sha256: of the file as it was written; None where none was.

    Raises:
        InputError: there is no EXR, or it is damaged, not of the camera's size, or of another view.
    """
    import OpenEXR

    try:
        content = path.read_bytes() if sha256 is not None else None
    except OSError:
        content = None
    if content is None:
        raise InputError(
            path,
            "expected the view's EXR image, found none",
            "set `exr = true` under [views] in the suite or run `renderbench groundtruth --exr`",
        )
    # All of this before OpenEXR sees the file: it reports every fault alike, and on stderr too.
    if content[: len(_EXR_MAGIC)] != _EXR_MAGIC:
        raise _unlike(path, "an OpenEXR image", "another format")
    window = _attribute(content[:_EXR_HEADER_BYTES], "dataWindow", "box2i")
    if window is not None and len(window) == 16:
        left, top, right, bottom = struct.unpack("<4i", window)
        if (right - left + 1, bottom - top + 1) != (camera.width, camera.height):
            raise _unlike(path, _size(camera.width, camera.height), _size(right - left + 1, bottom - top + 1))
    if hashlib.sha256(content).hexdigest() != sha256:
        raise _unlike(path, "the EXR image as it was written", "a damaged or another one (by its SHA-256)")
    with OpenEXR.File(str(path)) as file:
        pixels = {name: channel.pixels for name, channel in file.channels().items()}
    depth = pixels.get("Z")
    return LinearImage(
        rgb=pixels["RGBA"][..., :3],
        alpha=pixels["RGBA"][..., 3],
        depth_mm=None if depth is None else np.where(np.isinf(depth), np.float32(np.nan), depth),
    )


def _attribute(header: bytes, name: str, kind: str) -> bytes | None:
    """The value of an attribute of an OpenEXR header: name, type, length and value follow each other."""
    start = f"{name}\0{kind}\0".encode("ascii")
    _, found, rest = header.partition(start)
    if header[: len(_EXR_MAGIC)] != _EXR_MAGIC or not found or len(rest) < 4:
        return None
    (length,) = struct.unpack("<i", rest[:4])
    return rest[4 : 4 + length] if 0 <= length <= len(rest) - 4 else None


def _size(width: int, height: int) -> str:
    return f"{width} × {height} pixels"


def _unlike(path: Path, expected: str, found: str) -> InputError:
    remedy = "remove it and run `renderbench groundtruth`"
    return InputError(path, f"expected {expected}, found {found}", remedy)
