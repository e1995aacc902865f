"""Where everything of a study lies: one folder that every stage reads from and writes to."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from renderbench.errors import InputError

# A store in the making is called after process, host and scan, in the 255 bytes of a file's name.
_LONGEST = 128
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]*")


@dataclass(frozen=True)
class Root:
    """The root folder of a study (docs/architecture.md, "The root folder").

    Args:
        path: the folder; it need not exist yet.
    """

    path: Path

    def dataset(self, dataset: str) -> Path:
        """``scans/<dataset>``: the scans of one dataset and its ``dataset.json``."""
        return self.path / "scans" / checked_name(dataset, "dataset")

    def scan(self, dataset: str, scan: str) -> Path:
        """``scans/<dataset>/<scan>.zarr``: one ScanStore."""
        return self.dataset(dataset) / f"{checked_name(scan, 'scan')}.zarr"

    def views(self, dataset: str, scan: str, transfer_function: str, groups: str, views: str) -> Path:
        """``views/<dataset>/<scan>/<tf>.<groups>.<set>``: one ViewSet."""
        leaf = f"{transfer_function}.{groups}.{views}"
        return self.path / "views" / checked_name(dataset, "dataset") / checked_name(scan, "scan") / leaf

    def block(self, suite: str, block: str, scan: str) -> Path:
        """``runs/<suite>/<block>/<scan>``: the runs of every method on one scan under one condition."""
        return self.path / "runs" / suite / block / checked_name(scan, "scan")

    def run(self, suite: str, block: str, scan: str, method: str) -> Path:
        """``runs/<suite>/<block>/<scan>/<method>``: one run."""
        return self.block(suite, block, scan) / checked_name(method, "method")

    @property
    def leaderboard(self) -> Path:
        """``leaderboard``: CSV, tables and sheets."""
        return self.path / "leaderboard"

    def require(self) -> Root:
        """This root, if it exists.

        Raises:
            InputError: it does not, or is no folder.
        """
        if not self.path.is_dir():
            found = "a file" if self.path.exists() else "nothing"
            raise InputError(
                f"--root {self.path}",
                f"expected a folder that a study was begun in, found {found}",
                "run `renderbench dataset` with this --root first, or correct the path",
            )
        return self

    def prepare(self) -> Root:
        """This root, created if need be and proven writable.

        Raises:
            InputError: it cannot be created or written to.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            probe = self.path / f".writable-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise InputError(
                f"--root {self.path}",
                f"expected a folder that can be written to, found that it cannot ({error.strerror})",
                "choose another --root or change its permissions",
            ) from None
        return self


def checked_name(name: str, kind: str) -> str:
    """``name``, if it can be one path component.

    Raises:
        InputError: it has characters that a path component should not have.
    """
    if not _NAME.fullmatch(name):
        raise InputError(
            f"{kind} {name!r}",
            "expected letters, digits, '.', '_', '+' and '-', beginning with a letter or digit",
            f"rename the {kind}",
        )
    if len(name) > _LONGEST:
        raise InputError(
            f"{kind} {name}",
            f"expected a name of at most {_LONGEST} characters, found {len(name)}",
            f"rename the {kind}",
        )
    return name
