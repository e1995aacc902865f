"""Stage 1: raw scans, or the built-in phantom, to ScanStores and the ``dataset.json`` that lists them."""

from __future__ import annotations

import difflib
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field

from renderbench.artefacts import digest_of, digest_of_file, read_json, write_json
from renderbench.config import Strict, parse_model
from renderbench.errors import InputError, JobError
from renderbench.layout import Root
from renderbench.progress import Progress, progress
from renderbench.scans import store
from renderbench.scans.groups import GROUPS, LABELS
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import TransferFunction, load_transfer_function, transfer_function_names
from renderbench.scans.volume import Scan

SCHEMA = 1
SOURCES = ("folder", "phantom")

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
    sources = _sources(name, raw, seed, count)
    wanted = transfer_function_names() if transfer_functions is None else transfer_functions
    functions = [load_transfer_function(each) for each in wanted]
    dataset = dataset_id or name
    final = root.dataset(dataset)
    root.prepare()
    earlier = _read_dataset(final / "dataset.json")

    entries: dict[str, ScanEntry] = {}
    written, skipped, rejected = [], [], []
    with show(f"dataset {dataset}", len(sources), "scans") as bar:
        for source in sources:
            try:
                digest = _digest(source, functions)
                path = root.scan(dataset, source.name)
                if _holds(path, digest):
                    skipped.append(source.name)
                else:
                    _write(path, source, dataset, functions, digest)
                    written.append(source.name)
                shape = ScanStore.open(path).grid.shape
                entries[source.name] = ScanEntry(name=source.name, digest=digest, shape=shape, split="test")
            except InputError as error:
                # The record travels with the root; where the raw data lay does not.
                reason = str(error).replace(f"{raw}/", "") if raw else str(error)
                rejected.append(Rejection(name=source.name, reason=reason))
            bar.advance(detail=source.name)

    refused = {each.name for each in rejected}
    for entry in earlier.entries if earlier else []:
        if entry.name not in refused and root.scan(dataset, entry.name).is_dir():
            entries.setdefault(entry.name, entry)
    record = Dataset(dataset=dataset, scans=[entries[scan] for scan in sorted(entries)], rejected=rejected)
    if record != earlier:
        write_json(
            final / "dataset.json", {"schema": SCHEMA, **record.model_dump(mode="json", by_alias=True)}
        )
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
    payload = read_json(path)
    if payload is None:
        return None
    found = payload.pop("schema", None) if isinstance(payload, dict) else None
    if found != SCHEMA:
        raise InputError(
            path,
            f"expected dataset schema {SCHEMA}, found {found}",
            "remove it and run `renderbench dataset` again",
        )
    return parse_model(Dataset, payload, str(path))


def _command(dataset: str) -> str:
    if dataset == "phantom":
        return "`renderbench dataset phantom --root ROOT`"
    name = "" if dataset == "folder" else f" --id {dataset}"
    return f"`renderbench dataset folder --raw DIR{name} --root ROOT`"


class _Source(Protocol):
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


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class _PhantomSource:
    name: str
    seed: int

    def identity(self) -> dict[str, Any]:
        return {"phantom": {"seed": self.seed, "code": _phantom_code()}}

    def provenance(self) -> dict[str, Any]:
        return self.identity()

    def load(self) -> tuple[Scan, dict[str, float]]:
        from renderbench.scans.phantom import phantom_scan

        # Nothing is read or resampled, so making a phantom is not part of anyone's preparation time.
        return replace(phantom_scan(self.seed), name=self.name), {"read": 0.0, "resample": 0.0}


def _sources(name: str, raw: Path | None, seed: int, count: int) -> Sequence[_Source]:
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
        return [_FolderSource(folder) for folder in find_scans(raw)]
    if raw is not None:
        raise InputError(
            f"--raw {raw}",
            "expected none for the phantom, which is made from a seed",
            "leave it out, or use `renderbench dataset folder`",
        )
    if count < 1:
        raise InputError("--count", f"expected at least 1 phantom, found {count}", "give a positive number")
    return [_PhantomSource(f"phantom-{index:04d}", seed + index) for index in range(count)]


def _digest(source: _Source, functions: Sequence[TransferFunction]) -> str:
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


@cache
def _phantom_code() -> str:
    """The version of the phantom: a digest of its code, so that it cannot be forgotten."""
    folder = Path(__file__).with_name("phantom")
    return digest_of({path.name: digest_of_file(path) for path in sorted(folder.glob("*.py"))})


def _holds(path: Path, digest: str) -> bool:
    """Whether ``path`` is a store of this digest, as far as its attributes tell."""
    try:
        return ScanStore.open(path).digest == digest
    except InputError:
        return False


def _write(
    path: Path, source: _Source, dataset: str, functions: Sequence[TransferFunction], digest: str
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


def _sha256(path: Path) -> str:
    try:
        return digest_of_file(path)
    except OSError as error:
        raise InputError(
            path,
            f"expected a readable file, found that it is not ({error.strerror})",
            "check it and its disk",
        ) from None
