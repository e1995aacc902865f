"""Stage 1: raw scans, or the built-in phantom, to ScanStores and the ``dataset.json`` that lists them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from renderbench.artefacts import digest_of
from renderbench.config import Strict
from renderbench.errors import InputError, JobError
from renderbench.layout import Root
from renderbench.progress import Progress, progress
from renderbench.records import read_record, write_record
from renderbench.scans import store
from renderbench.scans.groups import GROUPS, LABELS
from renderbench.scans.sources import Source, find_sources
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import TransferFunction, load_transfer_function, transfer_function_names

SCHEMA = 1

Split = Literal["train", "test"]
Show = Callable[[str, int, str], AbstractContextManager[Progress]]


class ScanEntry(Strict):
    """A scan of a dataset: its name, the digest of its store, its (D, H, W) shape and its split."""

    name: str
    digest: str
    shape: tuple[int, int, int]
    split: Split


class Rejection(Strict):
    """A scan that was not taken, and the line that says why."""

    name: str
    reason: str


class Dataset(Strict):
    """``dataset.json``: the scans of a dataset, in alphabetical order, and those that were rejected."""

    dataset: str
    entries: list[ScanEntry] = Field(alias="scans")
    rejected: list[Rejection]

    def scans(self, selection: str | Sequence[str] = "all") -> list[str]:
        """The names of the scans of a split (``train``, ``test``), of ``all``, or those in a list.

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
            splits = ", ".join(sorted({entry.split for entry in self.entries})) or "no scan at all"
            raise InputError(
                f"dataset {self.dataset!r}",
                f"expected scans in the split {selection!r}, found {splits}",
                f"choose another split, or run {_command(self.dataset)} on more scans",
            )
        return chosen

    def _unknown(self, name: str, names: list[str]) -> InputError:
        rejection = next((each for each in self.rejected if each.name == name), None)
        if rejection:
            return InputError(
                f"scan {name!r} of dataset {self.dataset!r}",
                f"it was rejected ({rejection.reason})",
                f"mend it and run {_command(self.dataset)}",
            )
        close = difflib.get_close_matches(name, names, n=1)
        return InputError(
            f"scan {name!r} of dataset {self.dataset!r}",
            f"expected one of {', '.join(names)}; found none by that name",
            f"did you mean {close[0]!r}?" if close else f"correct it, or run {_command(self.dataset)}",
        )


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """What :func:`prepare_dataset` did: scans written, scans that held already, scans rejected."""

    dataset: str
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    rejected: tuple[Rejection, ...]


def prepare_dataset(
    name: str,
    *,
    raw: Path | None,
    root: Root,
    dataset_id: str | None = None,
    seed: int = 0,
    count: int = 1,
    transfer_functions: Sequence[str] | None = None,
    show: Show = progress,
) -> DatasetReport:
    """Bring scans onto the working grid and store them with their groups and RGBA.

    A scan whose store already holds what would be written is skipped, a bad one is rejected and the
    others are still written; scans that the dataset has from earlier calls stay. Holds one scan in
    memory at a time.

    Args:
        name: where the scans come from: ``folder`` (each sub-folder of ``raw`` with ``ct.nii.gz`` and
            ``labels.nii.gz`` is a scan of that name) or ``phantom``.
        raw: the folder, for ``folder`` only.
        root: of the study.
        dataset_id: what the dataset is called under the root; ``name`` unless given.
        seed: of the first phantom; each next one takes the next.
        count: how many phantoms.
        transfer_functions: names or paths; all that come with renderbench unless given.
        show: how to show progress.

    Raises:
        InputError: ``name``, ``raw`` or another argument cannot be used; nothing is written then.
        JobError: a store cannot be written.
    """
    sources = find_sources(name, raw, seed, count)
    functions = _transfer_functions(transfer_functions)
    dataset = dataset_id or name
    record_path = root.dataset(dataset) / "dataset.json"
    root.prepare()
    earlier = _read_dataset(record_path)

    entries: list[ScanEntry] = []
    written, skipped, rejected = [], [], []
    with show(f"dataset {dataset}", len(sources), "scans") as bar:
        for source in sources:
            bar.advance(0, detail=source.name)
            try:
                digest = _digest(source, functions)
                path = root.scan(dataset, source.name)
                if _holds(path, digest):
                    skipped.append(source.name)
                else:
                    _write(path, source, dataset, functions, digest)
                    written.append(source.name)
                shape = ScanStore.open(path).grid.shape
                entries.append(ScanEntry(name=source.name, digest=digest, shape=shape, split="test"))
            except InputError as error:
                # The record travels with the root; where the raw data lay does not.
                reason = str(error).replace(f"{raw}/", "") if raw else str(error)
                rejected.append(Rejection(name=source.name, reason=reason))
            bar.advance()

    seen = {source.name for source in sources}
    for entry in earlier.entries if earlier else []:
        if entry.name not in seen and root.scan(dataset, entry.name).is_dir():
            entries.append(entry)
    record = Dataset(dataset=dataset, scans=sorted(entries, key=lambda entry: entry.name), rejected=rejected)
    if record != earlier:
        write_record(record_path, record, schema=SCHEMA)
    return DatasetReport(
        dataset=dataset, written=tuple(written), skipped=tuple(skipped), rejected=tuple(rejected)
    )


def load_dataset(root: Root, dataset: str) -> Dataset:
    """The record of a dataset that stage 1 has made.

    Raises:
        InputError: there is none; the line names the command that makes it.
    """
    record = _read_dataset(root.dataset(dataset) / "dataset.json")
    if record is None:
        folder = root.path / "scans"
        present = sorted(path.parent.name for path in folder.glob("*/dataset.json"))
        raise InputError(
            f"dataset {dataset!r}",
            f"expected one under {folder}, found {', '.join(present) or 'none'}",
            f"make it with {_command(dataset)}",
        )
    return record


def _read_dataset(path: Path) -> Dataset | None:
    remedy = "remove it and run `renderbench dataset` again"
    return read_record(Dataset, path, what="dataset", schema=SCHEMA, remedy=remedy)


def _command(dataset: str) -> str:
    if dataset == "phantom":
        return "`renderbench dataset phantom --root ROOT`"
    name = "" if dataset == "folder" else f" --id {dataset}"
    return f"`renderbench dataset folder --raw DIR{name} --root ROOT`"


def _transfer_functions(names: Sequence[str] | None) -> list[TransferFunction]:
    functions = [load_transfer_function(name) for name in names or transfer_function_names()]
    ids = [each.id for each in functions]
    twice = sorted({each for each in ids if ids.count(each) > 1})
    if twice:
        raise InputError(
            f"transfer function {twice[0]!r}",
            "expected every name once, found it more than once",
            "leave one out, or rename its file",
        )
    return functions


def _digest(source: Source, functions: Sequence[TransferFunction]) -> str:
    """The digest of all that makes a scan's store."""
    return digest_of(
        {
            "source": source.identity(),
            "transfer_functions": {each.id: each.digest for each in functions},
            "settings": _settings(),
        }
    )


@cache
def _settings() -> dict[str, Any]:
    from renderbench.scans.reading import HU_RANGE
    from renderbench.scans.resampling import SPACING_MM

    return {
        "schema": store.SCHEMA,
        "spacing_mm": SPACING_MM,
        "hu_range": list(HU_RANGE),
        "labels": [label.model_dump() for label in LABELS],
        "groups": [group.model_dump() for group in GROUPS],
    }


def _holds(path: Path, digest: str) -> bool:
    """Whether ``path`` is a store of this digest, as far as its attributes tell."""
    try:
        return ScanStore.open(path).digest == digest
    except InputError:
        return False


def _write(
    path: Path, source: Source, dataset: str, functions: Sequence[TransferFunction], digest: str
) -> None:
    scan, seconds = source.load()
    software = {name: version(name) for name in ("renderbench", "numpy", "SimpleITK", "zarr")}
    try:
        write_scan(
            path,
            scan,
            dataset=dataset,
            transfer_functions=functions,
            digest=digest,
            provenance={**source.provenance(), "software": software},
            seconds=seconds,
        )
    except OSError as error:
        raise JobError(
            path,
            f"the store cannot be written ({error.strerror})",
            "free or repair the disk and run it again",
        ) from None
