"""What a submission is: a zip of a run, all that it was judged on, and a list of both.

::

    submission.json             schema, and every other file's size and SHA-256
    record.json                 the run's record
    renders/NNN.png             the test views as the method renders them
    truth/views.json            the ground truth's view set, as renderbench.groundtruth.viewset keeps it
    truth/transforms.json
    truth/images/NNN.png
    truth/anatomy/anatomy.json  groups and landmarks of these views, as renderbench.evaluation.anatomy does
    truth/anatomy/NNN.png
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from renderbench.artefacts import digest_of_file
from renderbench.config import Strict
from renderbench.evaluation.anatomy import ANATOMY_FOLDER
from renderbench.evaluation.record import RECORD_FILE

SCHEMA = 2
MANIFEST = "submission.json"
TRUTH = "truth"
ANATOMY = f"{TRUTH}/{ANATOMY_FOLDER}"
ANATOMY_FILE = "anatomy.json"
RENDERS = "renders"

JSON_BYTES = 16 * 2**20
PNG_BYTES = 64 * 2**20
"""The largest entry of either kind: an uncompressed view of 4096 × 4096 pixels has 48 MiB."""

_JSON = frozenset(
    {
        MANIFEST,
        RECORD_FILE,
        f"{TRUTH}/views.json",
        f"{TRUTH}/transforms.json",
        f"{ANATOMY}/{ANATOMY_FILE}",
    }
)
_PNG = re.compile(rf"({RENDERS}|{TRUTH}/images|{ANATOMY})/[0-9]{{3,6}}\.png")


class File(Strict):
    """A file of a submission."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"[0-9a-f]{64}")]


class Manifest(Strict):
    """``submission.json``: which renderbench packed it, and its other files by name."""

    renderbench: str
    files: dict[str, File]


def most_bytes(name: str) -> int | None:
    """How large an entry of that name may be; None where a submission has no such entry."""
    if name in _JSON:
        return JSON_BYTES
    return PNG_BYTES if _PNG.fullmatch(name) else None


def listed(files: Mapping[str, Path]) -> dict[str, File]:
    """Size and SHA-256 of files by name."""
    return {
        name: File(bytes=path.stat().st_size, sha256=digest_of_file(path)) for name, path in files.items()
    }
