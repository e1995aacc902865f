"""Stage 1: raw scans, or the built-in phantom, to ScanStores and the ``dataset.json`` that lists them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from renderbench.artefacts import digest_of
from renderbench.config import Split
from renderbench.errors import Excluded, InputError, JobError, RenderbenchError
from renderbench.farm import ClusterSettings, parse_cluster, run_tasks
from renderbench.layout import Root
from renderbench.progress import Progress, progress
from renderbench.scans import store
from renderbench.scans.dataset import (
    Dataset,
    Rejection,
    ScanEntry,
    command_for,
    read_dataset,
    write_dataset,
)
from renderbench.scans.fingerprint import fingerprint_of
from renderbench.scans.groups import GROUPS, LABELS
from renderbench.scans.sources import Found, Source, SourceOptions, find_sources
from renderbench.scans.sources.layouts import natural
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import TransferFunction, load_transfer_function, transfer_function_names
from renderbench.scans.volume import HU_RANGE

Show = Callable[[str, int, str], AbstractContextManager[Progress]]


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """What :func:`prepare_dataset` did: scans written, there already, rejected, and failed.

    ``lines`` say why scans were rejected, for the user's own terminal: with what no record keeps.
    ``counts`` and ``published`` are the scans of each split, here and in the paper.
    """

    dataset: str
    written: tuple[str, ...]
    skipped: tuple[str, ...]
    rejected: tuple[Rejection, ...]
    lines: tuple[str, ...]
    failed: tuple[JobError, ...]
    counts: dict[Split, int]
    published: dict[Split, int]


def prepare_dataset(
    name: str,
    *,
    raw: Path | None,
    root: Root,
    options: SourceOptions | None = None,
    dataset_id: str | None = None,
    scans: str | Sequence[str] = "all",
    transfer_functions: Sequence[str] | None = None,
    cluster: ClusterSettings | None = None,
    show: Show = progress,
) -> DatasetReport:
    """Bring scans onto the working grid and store them with their groups and RGBA.

    A scan whose store already holds what would be written is skipped, a bad one is rejected and the
    others are still written; scans that the dataset has from earlier calls stay. Each worker holds one
    scan in memory at a time.

    Args:
        name: where the scans come from (:func:`renderbench.scans.sources.find_sources`).
        raw: the folder of the raw data; None for the phantom.
        root: of the study.
        options: what to take from the source, and how.
        dataset_id: what the dataset is called under the root; the source's name unless given.
        scans: a split, ``all``, or the names of the scans to prepare.
        transfer_functions: names or paths; all that come with renderbench unless given.
        cluster: where the work is done; this machine's cores unless given.
        show: how to show progress.

    Raises:
        InputError: ``name``, ``raw`` or another argument cannot be used; nothing is written then.
    """
    found = find_sources(name, raw, options or SourceOptions())
    functions = _transfer_functions(transfer_functions)
    source_id = Path(name).stem
    dataset = dataset_id or source_id
    sources = _selected(found, scans, dataset)
    earlier = read_dataset(root, dataset)
    root.prepare()
    if earlier and earlier.source != source_id:
        raise InputError(
            f"dataset {dataset!r}",
            f"expected one made from {source_id}, found it made from {earlier.source}",
            "choose another --id",
        )

    done = _prepare(sources, found, functions, root, dataset, cluster or parse_cluster(None), show, raw)
    # What earlier calls found elsewhere stays; what this one found anew is as it is now.
    seen = {source.name for source in sources} | {each.name for each in done.rejected}
    kept = [entry for entry in earlier.entries if entry.name not in seen] if earlier else []
    entries = [entry for entry in kept if root.scan(dataset, entry.name).is_dir()] + done.entries
    refused = [each for each in earlier.rejected if each.name not in seen] if earlier else []
    rejected = refused + done.rejected
    entries.sort(key=lambda entry: natural(entry.name))
    record = Dataset(
        dataset=dataset,
        source=source_id,
        reference=found.reference,
        published=found.published,
        scans=entries,
        rejected=sorted(rejected, key=lambda each: natural(each.name)),
        fingerprint=fingerprint_of(
            ScanStore.open(root.scan(dataset, entry.name)).foreground_histogram()
            for entry in entries
            if entry.split == "train"
        ),
    )
    if record != earlier:
        write_dataset(root, record)
    return DatasetReport(
        dataset=dataset,
        written=tuple(sorted(done.written, key=natural)),
        skipped=tuple(sorted(done.skipped, key=natural)),
        rejected=tuple(sorted(done.rejected, key=lambda each: natural(each.name))),
        lines=tuple(done.lines),
        failed=tuple(done.failed),
        counts=record.counts(),
        published=found.published,
    )


@dataclass(frozen=True, kw_only=True)
class _Done:
    """What became of the scans, as they were finished."""

    entries: list[ScanEntry]
    written: list[str]
    skipped: list[str]
    rejected: list[Rejection]
    lines: list[str]
    failed: list[JobError]


def _prepare(
    sources: Sequence[Source],
    found: Found,
    functions: Sequence[TransferFunction],
    root: Root,
    dataset: str,
    cluster: ClusterSettings,
    show: Show,
    raw: Path | None,
) -> _Done:
    done = _Done(entries=[], written=[], skipped=[], rejected=[], lines=[], failed=[])
    filtering = found.filters.max_voxels is not None or found.filters.orthonormal is not None

    # The record travels with the root; where the raw data lay does not.
    above = re.compile(rf"(?<![^\s(]){re.escape(str(raw))}/") if raw else re.compile("(?!)")

    def reject(name: str, error: InputError) -> None:
        done.lines.append(above.sub("", str(error)))
        kind: Literal["filter", "input"] = "filter" if filtering and isinstance(error, Excluded) else "input"
        done.rejected.append(Rejection(name=name, kind=kind, reason=above.sub("", error.for_record)))

    for fault in found.faults:
        reject(Path(fault.subject.removeprefix("scan ")).name, fault)
    tasks = [
        _Task(
            source=source, path=root.scan(dataset, source.name), dataset=dataset, functions=tuple(functions)
        )
        for source in sources
    ]
    memory = max((source.memory_bytes() for source in sources), default=0)
    results = run_tasks(
        _prepare_scan,
        tasks,
        cluster=cluster,
        memory_bytes=memory,
        label=lambda task: f"scan {task.source.name}",
    )
    with show(f"dataset {dataset}", len(tasks), "scans") as bar, closing(results):
        for index, result in results:
            source = sources[index]
            if isinstance(result, InputError):
                reject(source.name, result)
            elif isinstance(result, RenderbenchError):
                done.failed.append(JobError(result.subject, result.problem, result.remedy))
            else:
                (done.written if result.written else done.skipped).append(source.name)
                done.entries.append(
                    ScanEntry(name=source.name, digest=result.digest, shape=result.shape, split=source.split)
                )
            bar.advance(detail=source.name)
    return done


@dataclass(frozen=True, kw_only=True)
class _Task:
    """All that a worker needs to prepare one scan."""

    source: Source
    path: Path
    dataset: str
    functions: tuple[TransferFunction, ...]


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """What a worker says of a scan that is in its store."""

    digest: str
    shape: tuple[int, int, int]
    written: bool


def _prepare_scan(task: _Task) -> _Prepared:
    """Bring one scan into its store, unless it is there already."""
    stamp = _digest(task.source.stamp(), task.functions)
    held = _held(task.path)
    if held is not None and store.stamp_of(task.path, held.digest) == stamp:
        return _Prepared(digest=held.digest, shape=held.grid.shape, written=False)
    identity = task.source.identity()
    digest = _digest(identity, task.functions)
    if held is not None and held.digest == digest:
        store.write_sidecar(task.path, digest=digest, stamp=stamp, seconds=held.seconds)
        return _Prepared(digest=digest, shape=held.grid.shape, written=False)
    scan, seconds = task.source.load()
    software = {name: version(name) for name in ("renderbench", "numpy", "SimpleITK", "zarr")}
    try:
        write_scan(
            task.path,
            scan,
            dataset=task.dataset,
            transfer_functions=task.functions,
            digest=digest,
            provenance={**identity, "software": software},
            seconds=seconds,
            stamp=stamp,
        )
    except OSError as error:
        raise JobError(
            task.path,
            f"the store cannot be written ({error.strerror})",
            "free or repair the disk and run it again",
        ) from None
    return _Prepared(digest=digest, shape=scan.grid.shape, written=True)


def _held(path: Path) -> ScanStore | None:
    """The store at ``path``, as far as its attributes tell; None where there is none of use.

    One that came without its seconds is of no use: a ledger would lack what the scan cost.
    """
    try:
        held = ScanStore.open(path)
    except InputError:
        return None
    return held if held.seconds else None


def _selected(found: Found, scans: str | Sequence[str], dataset: str) -> list[Source]:
    """The sources of the scans asked for."""
    if isinstance(scans, str):
        chosen = [source for source in found.sources if scans in ("all", source.split)]
        if chosen or scans == "all":
            return chosen
        present = ", ".join(sorted({source.split for source in found.sources}))
        raise InputError(
            f"--scans {scans}", f"expected scans in that split, found {present or 'none'}", "choose another"
        )
    by_name = {source.name: source for source in found.sources}
    for name in scans:
        if name not in by_name:
            reason = next((str(fault) for fault in found.faults if fault.subject == f"scan {name}"), None)
            raise InputError(
                f"--scans {name}",
                "expected a scan of the raw data, found "
                + (f"that it cannot be taken ({reason})" if reason else "none by that name"),
                f"correct the name, or look into what {command_for(dataset)} reads",
            )
    return [by_name[name] for name in scans]


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


def _digest(source: dict[str, Any], functions: Sequence[TransferFunction]) -> str:
    """The digest of all that makes a scan's store."""
    return digest_of(
        {
            "source": source,
            "transfer_functions": {each.id: each.digest for each in functions},
            "settings": _settings(),
        }
    )


@cache
def _settings() -> dict[str, Any]:
    from renderbench.scans.resampling import SPACING_MM

    return {
        "schema": store.SCHEMA,
        "spacing_mm": SPACING_MM,
        "hu_range": list(HU_RANGE),
        "labels": [label.model_dump() for label in LABELS],
        "groups": [group.model_dump() for group in GROUPS],
    }
