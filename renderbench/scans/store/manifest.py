"""The files of a folder with their sizes and SHA-256: what a store should hold, to the byte."""

from __future__ import annotations

from pathlib import Path

from renderbench.artefacts import digest_of_file

Manifest = dict[str, tuple[int, str]]
"""Bytes and SHA-256 (hex) by path, relative to the folder with forward slashes, sorted."""


def manifest_of(folder: Path) -> Manifest:
    """The manifest of all files in ``folder`` and below."""
    return {
        name: ((folder / name).stat().st_size, digest_of_file(folder / name)) for name in _names(folder, "")
    }


def part_of(manifest: Manifest, under: str) -> Manifest:
    """What a manifest says of the sub-folder ``under``; of everything for ``""``."""
    prefix = f"{under}/" if under else ""
    return {name: entry for name, entry in manifest.items() if name.startswith(prefix)}


def damage(folder: Path, manifest: Manifest, under: str = "", *, apart: str | None = None) -> str | None:
    """How ``folder`` differs from its manifest, in words; None when it does not.

    A file that the manifest does not know is damage too: Zarr would read it as a chunk.

    Args:
        folder: the folder.
        manifest: what it held when it was written.
        under: the sub-folder to look at; everything unless given.
        apart: a file that the manifest cannot know, since it is written in it.
    """
    expected = part_of(manifest, under)
    for name, (size, sha256) in expected.items():
        file = folder / name
        if not file.is_file():
            return f"{name} is missing"
        try:
            found = file.stat().st_size
            if found != size:
                return f"{name} has {found} bytes, not {size}"
            if digest_of_file(file) != sha256:
                return f"{name} has other bytes than were written"
        except OSError as error:
            return f"{name} cannot be read ({error.strerror})"
    foreign = [name for name in _names(folder, under) if name not in expected and name != apart]
    return f"{foreign[0]} was not written with it" if foreign else None


def _names(folder: Path, under: str) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in (folder / under).rglob("*") if path.is_file()
    )
