"""Headers that are text: their numbers, and the names of the files that they point to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

from renderbench.errors import InputError

MAX_HEADER_BYTES = 1 << 20
"""Longer than any header with its metadata; a file without one is not searched any further."""


def numbers(path: Path, field: str, text: str, count: int) -> list[float]:
    """The ``count`` numbers in the value of a header's field.

    Raises:
        InputError: there are not that many, or they are no numbers.
    """
    try:
        found = [float(word) for word in text.split()]
    except ValueError:
        found = []
    if len(found) != count:
        raise InputError(path, f"expected {count} numbers as {field!r}, found {text[:60]!r}", "re-export it")
    return found


def whole_numbers(path: Path, field: str, text: str, count: int | None = None) -> tuple[int, ...]:
    """The whole numbers in the value of a header's field.

    Raises:
        InputError: they are no whole numbers, or not ``count``.
    """
    words = text.split()
    # 18 digits are more than any file has bytes, and fewer than Python refuses to read.
    readable = all(word.removeprefix("-").isdecimal() and len(word) <= 18 for word in words)
    if not readable or len(words) != (count or len(words)):
        wanted = f"{count} whole numbers" if count else "whole numbers"
        raise InputError(path, f"expected {wanted} as {field!r}, found {text[:60]!r}", "re-export it")
    return tuple(map(int, words))


def data_file(path: Path, name: str) -> Path:
    """The file that a header names, which must lie in the header's folder or below.

    Raises:
        InputError: it lies elsewhere, or does not exist.
    """
    parts = PurePosixPath(name).parts + PureWindowsPath(name).parts
    elsewhere = PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in parts
    if elsewhere or not name.isprintable():
        raise InputError(
            path,
            f"expected voxels in a file beside the header, found the name {name[:60]!r}",
            "put the file there and correct the header",
        )
    data = path.parent / name
    if not data.is_file():
        raise InputError(
            path, f"expected voxels in {name} beside the header, found no such file", "copy both files"
        )
    return data
