"""What lies in folders of raw data: visible entries, images by their names, and files that are none."""

from __future__ import annotations

from pathlib import Path

from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.scans.images import IMAGE_SUFFIXES


def visible(folder: Path) -> list[Path]:
    """What lies in a folder, sorted, without what is hidden: other systems' notes beside the files.

    Raises:
        InputError: the folder cannot be listed.
    """
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise InputError(
            folder, f"expected a readable folder, found that it is not ({error.strerror})", "check it"
        ) from None


def named_as_image(path: Path) -> bool:
    """Whether a name is that of an image file, whatever lies there."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def stem(path: Path) -> str:
    """A name without the ending of an image."""
    suffix = next((each for each in IMAGE_SUFFIXES if path.name.lower().endswith(each)), "")
    return path.name[: len(path.name) - len(suffix)]


def require_file(path: Path) -> Path:
    """``path``, if it can be read as a file is: a pipe would never end, nor would some devices.

    Raises:
        InputError: it is something else.
    """
    if path.is_file():
        return path
    if path.is_dir():
        found = "a folder"
    elif path.is_fifo():
        found = "a pipe"
    elif path.is_symlink() and not path.exists():
        found = "a link to nothing"
    else:
        found = "a device" if path.exists() else "nothing"
    raise InputError(path, f"expected a file, found {found}", "put the file itself there")


def fault_of(name: str, entry: Path, error: InputError) -> InputError:
    """What is wrong with a scan, with the scan as its subject; a name that cannot be one comes first.

    Args:
        name: of the scan.
        entry: the file or folder that it is; a folder has the scan's name and need not be named again.
        error: what was found wrong, wherever it lies.
    """
    try:
        checked_name(name, "scan")
    except InputError as bad_name:
        return bad_name
    subject = f"scan {name}"
    if error.subject == subject or (error.subject == str(entry) and entry.is_dir()):
        return InputError(subject, error.problem, error.remedy, error.private)
    return InputError(subject, f"{error.subject}: {error.problem}", error.remedy, error.private)
