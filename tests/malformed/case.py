"""What a malformed scan is: how it is made, and what its one line must say."""

from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.scans.scan_images import write_folder

GOOD = ("good-1", "good-2")
"""The sound scans beside the malformed ones."""

Edit = Callable[[Path], object]
"""Spoils what lies at a path."""


@dataclass(frozen=True, kw_only=True)
class Bad:
    """A malformed scan.

    Args:
        make: makes it, given its path in the raw folder, which does not exist yet.
        words: what its line must say.
        entry: its name in the raw folder, where that is not the key of its group.
        name: by which it is rejected, where that is not ``entry``.
        kind: of the rejection.
    """

    make: Edit
    words: tuple[str, ...]
    entry: str | None = None
    name: str | None = None
    kind: Literal["input", "filter"] = "input"


Group = dict[str, Bad]


def spoilt(file: str, edit: Edit, *words: str) -> Bad:
    """A folder with a CT and labels, one of which is spoilt; its line names that file."""

    def make(folder: Path) -> None:
        write_folder(folder)
        edit(folder / file)

    return Bad(make=make, words=(f"/{file}: ", *words))


def content(change: Callable[[bytes], bytes]) -> Edit:
    """Changes the bytes of a file."""
    return lambda path: path.write_bytes(change(path.read_bytes()))


def inside(change: Callable[[bytes], bytes]) -> Edit:
    """Changes the bytes inside a gzip stream."""
    return content(lambda stored: gzip.compress(change(gzip.decompress(stored)), 1))


def linked_to(target: str) -> Edit:
    """Puts a symbolic link in a file's place."""

    def edit(path: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(target)

    return edit


def as_folder(path: Path) -> None:
    """Puts a folder in a file's place."""
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)


def as_pipe(path: Path) -> None:
    """Puts a pipe that nobody writes to in a file's place."""
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def padded(header: bytes, size: int) -> Edit:
    """Puts a gzip stream in a file's place: a header, and bytes that stay as many when they are packed."""
    return lambda path: path.write_bytes(gzip.compress(header + random.Random(0).randbytes(size), 1))
