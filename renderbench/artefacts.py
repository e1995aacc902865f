"""Artefacts: written beside their final place, renamed, and skipped while their digest holds.

Every stage follows one rule: an artefact carries a digest of all that made it; a stage that finds
the digest it would write does nothing; and a process killed at any moment leaves either the old
artefact, the new one or none, never half of one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from renderbench.errors import InputError

# Staging names carry process and host: on a shared file system, only its own host may call a process dead.
_STAGING = ".staging-"
_HOST = socket.gethostname()


def digest_of(payload: Any) -> str:
    """SHA-256 (hex, 64 characters) of the canonical JSON of ``payload``.

    Floats are written with ``repr`` precision, keys sorted; NaN is refused, since it never equals
    itself.
    """
    text = json.dumps(payload, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def staged(final: Path) -> Iterator[Path]:
    """Yield a path beside ``final`` to write to (file or folder); rename it onto ``final`` on success.

    An existing ``final`` is replaced only once the new artefact is whole. When the body raises,
    what it wrote is removed and ``final`` is untouched.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    sweep(final.parent)
    # The name keeps its ending, since writers choose the format by it.
    staging = final.with_name(_staging_name(final.name))
    remove(staging)
    try:
        yield staging
        if not staging.exists():
            raise RuntimeError(f"nothing was written to {staging}")
        if final.is_dir() and not final.is_symlink():
            outgoing = final.with_name(_staging_name(f"outgoing-{final.name}"))
            remove(outgoing)
            final.rename(outgoing)
            staging.rename(final)
            remove(outgoing)
        else:
            os.replace(staging, final)
    except BaseException:
        remove(staging)
        raise


def sweep(folder: Path) -> None:
    """Remove what this host's killed processes left behind in ``folder``: their staging files and folders."""
    for leftover in folder.glob(f"{_STAGING}*"):
        pid, _, rest = leftover.name.removeprefix(_STAGING).partition("@")
        if rest.startswith(f"{_HOST}-") and pid.isdigit() and not _alive(int(pid)):
            remove(leftover)


def is_staging(path: Path) -> bool:
    """Whether ``path`` is somebody's unfinished artefact."""
    return path.name.startswith(_STAGING)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write ``text`` atomically.

    Raises:
        InputError: the path cannot be written to.
    """
    try:
        with staged(path) as staging:
            staging.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(
            path,
            f"expected a path that can be written to, found that it cannot ({error.strerror})",
            "choose another",
        ) from None


def write_json(path: Path, payload: Any) -> None:
    """Write ``payload`` as indented JSON, atomically."""
    write_text(path, json.dumps(payload, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON artefact; None when it does not exist.

    Raises:
        InputError: the file is not JSON.
    """
    try:
        return from_json(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise InputError(
            path, f"expected JSON, found something else ({error})", "delete the file and run the stage again"
        ) from None


def _staging_name(name: str) -> str:
    return f"{_STAGING}{os.getpid()}@{_HOST}-{name}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
