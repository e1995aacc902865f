"""The record of a dataset, ``dataset.json``: its scans and splits, its fingerprint, what was rejected."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from renderbench.config import Split, Strict
from renderbench.errors import InputError
from renderbench.layout import Root
from renderbench.records import read_record, write_record
from renderbench.scans.fingerprint import Fingerprint

SCHEMA = 2


class ScanEntry(Strict):
    """A scan of a dataset: its name, the digest of its store, its (D, H, W) shape and its split."""

    name: str
    digest: str
    shape: tuple[int, int, int]
    split: Split


class Rejection(Strict):
    """A scan that was not taken, and the line that says why.

    ``kind`` is ``filter`` when the scan is sound and the dataset's own filters leave it out, else ``input``.
    """

    name: str
    kind: Literal["filter", "input"]
    reason: str


class Dataset(Strict):
    """``dataset.json``.

    ``source`` is what the dataset was made from: ``folder``, ``phantom`` or a descriptor's name.
    ``published`` is how many scans of each split the paper used. ``fingerprint`` is nnU-Net's, over the
    training split; None where that is empty.
    """

    dataset: str
    source: str
    reference: str | None = None
    published: dict[Split, int] = Field(default_factory=dict)
    entries: list[ScanEntry] = Field(alias="scans")
    rejected: list[Rejection]
    fingerprint: Fingerprint | None = None

    def counts(self) -> dict[Split, int]:
        """How many scans each split has."""
        splits = [entry.split for entry in self.entries]
        return {split: splits.count(split) for split in dict.fromkeys(splits)}

    def scans(self, selection: str | Sequence[str] = "all") -> list[str]:
        """The names of the scans of a split, of ``all``, or those in a list.

        Raises:
            InputError: the split is empty, or a scan is not in the dataset.
        """
        names = [entry.name for entry in self.entries]
        if not isinstance(selection, str):
            for name in selection:
                if name not in names:
                    raise self._unknown(name, names)
            return list(selection)
        chosen = [entry.name for entry in self.entries if selection in ("all", entry.split)]
        if not chosen:
            present = ", ".join(sorted(self.counts())) or "no scan"
            raise InputError(
                f"dataset {self.dataset!r}",
                f"expected scans in the split {selection!r}, found {present}",
                f"choose another split, or run {command_for(self.dataset, self.source)} on more scans",
            )
        return chosen

    def _unknown(self, name: str, names: list[str]) -> InputError:
        command = command_for(self.dataset, self.source)
        rejection = next((each for each in self.rejected if each.name == name), None)
        if rejection:
            return InputError(
                f"scan {name!r} of dataset {self.dataset!r}",
                f"it was rejected ({rejection.reason})",
                f"mend it and run {command}",
            )
        close = difflib.get_close_matches(name, names, n=1)
        return InputError(
            f"scan {name!r} of dataset {self.dataset!r}",
            f"expected one of {', '.join(names)}; found none by that name",
            f"did you mean {close[0]!r}?" if close else f"correct it, or run {command}",
        )


def load_dataset(root: Root, dataset: str) -> Dataset:
    """The record of a dataset that stage 1 has made.

    Raises:
        InputError: there is none; the line names the command that makes it.
    """
    record = read_dataset(root, dataset)
    if record is None:
        folder = root.path / "scans"
        present = sorted(path.parent.name for path in folder.glob("*/dataset.json"))
        raise InputError(
            f"dataset {dataset!r}",
            f"expected one under {folder}, found {', '.join(present) or 'none'}",
            f"make it with {command_for(dataset)}",
        )
    return record


def read_dataset(root: Root, dataset: str) -> Dataset | None:
    """The record of a dataset; None where there is none."""
    remedy = "remove it and run `renderbench dataset` again"
    return read_record(Dataset, _path(root, dataset), what="dataset", schema=SCHEMA, remedy=remedy)


def write_dataset(root: Root, record: Dataset) -> None:
    """Write the record of a dataset, atomically."""
    write_record(_path(root, record.dataset), record, schema=SCHEMA)


def command_for(dataset: str, source: str | None = None) -> str:
    """The command that makes a dataset, in print."""
    from renderbench.scans.sources import source_names

    source = source or (dataset if dataset in source_names() else "folder")
    raw = "" if source == "phantom" else " --raw DIR"
    name = "" if source == dataset else f" --id {dataset}"
    return f"`renderbench dataset {source}{raw}{name} --root ROOT`"


def _path(root: Root, dataset: str) -> Path:
    return root.dataset(dataset) / "dataset.json"
