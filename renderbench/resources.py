"""Finds the data folders ``datasets/`` and ``pbrt_scenes/``, in a checkout and in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(*parts: str) -> Path:
    """The path of a shipped data file or folder, e.g. ``resource("datasets", "suites", "demo.toml")``.

    The wheel carries the folders under ``renderbench/data/``; a checkout has them beside the
    package. The path need not exist below the two top folders: callers say what they miss.
    """
    shipped = _PACKAGE / "data"
    base = shipped if (shipped / parts[0]).is_dir() else _PACKAGE.parent
    return base.joinpath(*parts)
