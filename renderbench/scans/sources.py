"""Where scans come from: a folder of raw scans, or the phantom."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from renderbench.artefacts import digest_of_file
from renderbench.errors import InputError
from renderbench.scans.volume import Scan

SOURCES = ("folder", "phantom")


def find_sources(name: str, raw: Path | None, seed: int, count: int) -> Sequence[Source]:
    """The scans that the arguments of :func:`renderbench.scans.stage.prepare_dataset` describe.

    Raises:
        InputError: they cannot be used, or describe none.
    """
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        raise InputError(
            f"dataset {name!r}",
            f"expected one of {', '.join(SOURCES)}; found neither",
            f"did you mean {close[0]!r}?" if close else "correct the name",
        )
    if name == "folder":
        from renderbench.scans.reading import find_scans

        if raw is None:
            raise InputError("--raw", "expected the folder of the raw scans, found none", "give --raw DIR")
        return [_FolderSource(folder=folder) for folder in find_scans(raw)]
    if raw is not None:
        raise InputError(
            f"--raw {raw}",
            "expected none for the phantom, which is made from a seed",
            "leave it out, or use `renderbench dataset folder`",
        )
    if count < 1:
        raise InputError("--count", f"expected at least 1 phantom, found {count}", "give a positive number")
    return [_PhantomSource(name=f"phantom-{index:04d}", seed=seed + index) for index in range(count)]


class Source(Protocol):
    """Where one scan comes from."""

    @property
    def name(self) -> str:
        """The scan's name."""

    def identity(self) -> dict[str, Any]:
        """What makes the scan what it is, as JSON; changes when the source does."""

    def provenance(self) -> dict[str, Any]:
        """What the store should remember of the source."""

    def load(self) -> tuple[Scan, dict[str, float]]:
        """The scan on the working grid, and the seconds that took by ledger item."""


@dataclass(frozen=True, kw_only=True)
class _FolderSource:
    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    def identity(self) -> dict[str, Any]:
        return {"files": {entry["name"]: entry["sha256"] for entry in self._files}}

    def provenance(self) -> dict[str, Any]:
        return {"sources": self._files}

    def load(self) -> tuple[Scan, dict[str, float]]:
        from renderbench.scans.reading import read_scan
        from renderbench.scans.resampling import resample

        start = time.perf_counter()
        raw = read_scan(self.folder)
        read = time.perf_counter()
        scan = resample(raw)
        return scan, {"read": read - start, "resample": time.perf_counter() - read}

    @cached_property
    def _files(self) -> list[dict[str, Any]]:
        from renderbench.scans.reading import scan_files

        found = scan_files(self.folder)
        return [
            {"name": path.name, "sha256": _sha256(path), "bytes": path.stat().st_size}
            for path in (found.ct, found.labels)
        ]


@dataclass(frozen=True, kw_only=True)
class _PhantomSource:
    name: str
    seed: int

    def identity(self) -> dict[str, Any]:
        from renderbench.scans.phantom import PHANTOM_VERSION

        return {"phantom": {"seed": self.seed, "version": PHANTOM_VERSION}}

    def provenance(self) -> dict[str, Any]:
        return self.identity()

    def load(self) -> tuple[Scan, dict[str, float]]:
        from renderbench.scans.phantom import phantom_scan

        # Nothing is read or resampled, so making a phantom is not part of anyone's preparation time.
        return replace(phantom_scan(self.seed), name=self.name), {"read": 0.0, "resample": 0.0}


def _sha256(path: Path) -> str:
    try:
        return digest_of_file(path)
    except OSError as error:
        raise InputError(
            path,
            f"expected a readable file, found that it is not ({error.strerror})",
            "check it and its disk",
        ) from None
