"""Splits: what each scan of a described dataset is for."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from renderbench.config import Split
from renderbench.errors import InputError
from renderbench.scans.sources.descriptors import Splits, SplitTable
from renderbench.scans.sources.entries import require_file


@dataclass(frozen=True)
class Assignment:
    """The splits of a dataset's scans.

    Args:
        by_name: of the scans that have one.
        table: the file that should say so of every scan; None where there is no table.
    """

    by_name: dict[str, Split]
    table: Path | None

    @classmethod
    def of(cls, splits: Splits, names: Sequence[str], raw: Path) -> Assignment:
        """Read the dataset's table of splits, if it has one.

        Args:
            splits: the descriptor's rule.
            names: every scan, in natural order.
            raw: the folder below which the table lies.

        Raises:
            InputError: the table is missing or cannot be used.
        """
        by_name: dict[str, Split] = {}
        if splits.first:
            by_name |= dict.fromkeys(names[: splits.first.count], splits.first.split)
        by_name |= dict.fromkeys(splits.train, "train")
        by_name |= dict.fromkeys(splits.val, "val")
        by_name |= dict.fromkeys(splits.test, "test")
        if splits.table is None:
            return cls(by_name, None)
        path = _find(splits.table, raw)
        return cls(by_name | _read(splits.table, path), path)

    def split(self, name: str) -> Split:
        """What the scan is for.

        Raises:
            InputError: the table does not have it.
        """
        if self.table is not None and name not in self.by_name:
            raise InputError(
                f"scan {name}",
                f"expected a row in {self.table.name}, found none",
                "add the row, or remove the scan's folder",
            )
        return self.by_name.get(name, "unused")


def _find(table: SplitTable, raw: Path) -> Path:
    found = sorted(raw.rglob(table.file))
    if len(found) != 1:
        raise InputError(
            f"--raw {raw}",
            f"expected one {table.file} with the splits, found {len(found)}",
            "unpack the archive again, or give the folder of one dataset",
        )
    return require_file(found[0])


def _read(table: SplitTable, path: Path) -> dict[str, Split]:
    try:
        # The published file begins with a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter=table.delimiter))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            path, f"expected a table, found that it cannot be read ({error})", "unpack it again"
        ) from None
    columns = list(rows[0]) if rows else []
    for column in (table.scan, table.split):
        if column not in columns:
            raise InputError(
                path,
                f"expected a column {column!r}, found {', '.join(map(str, columns)) or 'an empty table'}",
                "unpack it again",
            )
    splits: dict[str, Split] = {}
    for line, row in enumerate(rows, start=2):
        name, split = row[table.scan], row[table.split]
        if split not in get_args(Split):
            raise InputError(
                f"{path}: line {line}",
                f"expected one of {', '.join(get_args(Split))} as {table.split}, found {split!r}",
                "correct it",
            )
        if name in splits:
            raise InputError(
                f"{path}: line {line}", f"expected every scan once, found {name} again", "remove it"
            )
        splits[name] = cast(Split, split)
    return splits
