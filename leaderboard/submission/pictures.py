"""Whether a file is the picture that it should be, before anything reads its pixels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from PIL import Image

_MODES = {"RGB": "RGB", "L": "8-bit grey"}


def faults_of_picture(path: Path, size: tuple[int, int], mode: Literal["RGB", "L"]) -> Iterator[str]:
    """One line where ``path`` is no whole PNG of that size and mode.

    Args:
        path: of a file that is there.
        size: width and height in pixels.
        mode: 8-bit RGB or 8-bit grey, as Pillow calls them.
    """
    try:
        # First the header alone: a picture that claims a billion pixels is never decoded.
        with Image.open(path, formats=["PNG"]) as picture:
            if (picture.size, picture.mode) == (size, mode):
                picture.load()
                return
            found = f"{picture.size[0]} × {picture.size[1]} in {_MODES.get(picture.mode, picture.mode)}"
        problem = f"expected {size[0]} × {size[1]} pixels in {_MODES[mode]}, found {found}"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        problem = f"expected a PNG image, found one that cannot be read ({error})"
    yield f"{path.parent.name}/{path.name}: {problem}"
