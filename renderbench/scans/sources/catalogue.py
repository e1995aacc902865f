"""Sources of scans: anyone's folders, the public datasets, and the phantom."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from renderbench.config import Split
from renderbench.errors import InputError
from renderbench.scans.images import ImageInfo, probe_image
from renderbench.scans.raw import RawScan
from renderbench.scans.reading import Preparation, identity_of, read_scan
from renderbench.scans.sources.descriptors import Filters, load_descriptor, shipped_descriptors
from renderbench.scans.volume import Scan

Extent = Literal["torso", "body", "part", "detail"]


@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What to take from a source, and how.

    Args:
        seed: of the first phantom; each next one takes the next.
        count: how many phantoms.
        extent: of a phantom: the torso, the body from head to thigh, or some part of it, large or small.
        split: what scans without a published split are for; ``test`` unless given.
        series: the SeriesInstanceUID to take from DICOM folders.
        preparation: how raw scans come onto the working grid.
    """

    seed: int = 0
    count: int = 1
    extent: Extent = "torso"
    split: Split | None = None
    series: str | None = None
    preparation: Preparation = field(default_factory=Preparation)


class Source(Protocol):
    """Where one scan comes from."""

    @property
    def name(self) -> str:
        """The scan's name."""

    @property
    def split(self) -> Split:
        """What the scan is for."""

    def identity(self) -> dict[str, Any]:
        """What makes the scan what it is, as JSON; changes when the source does."""

    def stamp(self) -> dict[str, Any]:
        """As :meth:`identity`, but quick: files are known by size and time of change, not by content."""

    def memory_bytes(self) -> int:
        """About how much memory making the scan takes, at most."""

    def load(self) -> tuple[Scan, dict[str, float]]:
        """The scan on the working grid, and the seconds that took by ledger item."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a source offers.

    Args:
        sources: of the scans, in natural order of their names.
        faults: what is wrong with scans that cannot be taken.
        filters: which sound scans the dataset leaves out.
        published: how many scans of each split the paper used.
        reference: the publication to cite.
    """

    sources: Sequence[Source]
    faults: Sequence[InputError] = ()
    filters: Filters = field(default_factory=Filters)
    published: dict[Split, int] = field(default_factory=dict)
    reference: str | None = None


def source_names() -> list[str]:
    """What :func:`find_sources` knows by name."""
    return ["folder", "phantom", *shipped_descriptors()]


def find_sources(name: str, raw: Path | None, options: SourceOptions) -> Found:
    """The scans of a source.

    Args:
        name: ``folder``, ``phantom``, a described dataset, or the path of anyone's descriptor (``.toml``).
        raw: the folder of the raw data; None for the phantom.
        options: what to take.

    Raises:
        InputError: the arguments cannot be used, or describe no scan.
    """
    if name == "phantom":
        return Found(sources=_phantoms(raw, options))
    if name not in source_names() and not name.endswith(".toml"):
        close = difflib.get_close_matches(name, source_names(), n=1)
        raise InputError(
            f"dataset {name!r}",
            f"expected one of {', '.join(source_names())}, or a descriptor's path ending in .toml; "
            "found none by that name",
            f"did you mean {close[0]!r}?" if close else "correct the name",
        )
    if raw is None:
        raise InputError("--raw", "expected the folder of the raw scans, found none", "give --raw DIR")
    if name == "folder":
        from renderbench.scans.sources.folders import find_folders

        scans, faults = find_folders(raw, split=options.split or "test", series=options.series)
        return Found(sources=_raw_sources(scans, options.preparation), faults=faults)
    return _described(name, raw, options)


def _described(name: str, raw: Path, options: SourceOptions) -> Found:
    from renderbench.scans.sources.layouts import find_described

    descriptor = load_descriptor(name)
    for option, given in (("--split", options.split), ("--series", options.series)):
        if given is not None:
            raise InputError(
                option, f"expected none for {name}, which has its own; found {given}", "leave it out"
            )
    scans, faults = find_described(descriptor, raw)
    return Found(
        sources=_raw_sources(scans, options.preparation),
        faults=faults,
        filters=descriptor.filters,
        published=descriptor.published,
        reference=descriptor.reference,
    )


def _raw_sources(scans: Sequence[RawScan], preparation: Preparation) -> list[Source]:
    if preparation.segment is not None:
        from renderbench.scans.segmentation import require_segmenter

        require_segmenter(preparation.segment)
    return [_RawSource(raw=scan, preparation=preparation) for scan in scans]


def _phantoms(raw: Path | None, options: SourceOptions) -> list[Source]:
    if raw is not None:
        raise InputError(
            f"--raw {raw}",
            "expected none for the phantom, which is made from a seed",
            "leave it out, or use `renderbench dataset folder`",
        )
    if options.count < 1:
        raise InputError(
            "--count", f"expected at least 1 phantom, found {options.count}", "give a positive number"
        )
    return [
        _PhantomSource(
            name=f"phantom-{index:04d}",
            seed=options.seed + index,
            extent=options.extent,
            split=options.split or "test",
        )
        for index in range(options.count)
    ]


@dataclass(frozen=True, kw_only=True)
class _RawSource:
    raw: RawScan
    preparation: Preparation

    @property
    def name(self) -> str:
        return self.raw.name

    @property
    def split(self) -> Split:
        return self.raw.split

    def identity(self) -> dict[str, Any]:
        return identity_of(self.raw, self.preparation, self._info)

    def stamp(self) -> dict[str, Any]:
        return identity_of(self.raw, self.preparation, self._info, of_files=_times)

    def memory_bytes(self) -> int:
        if self.raw.ct.is_dir():
            # Two bytes a voxel; the headers of a thousand slices would take longer than their sizes.
            voxels = sum(path.stat().st_size for path in self.raw.ct.rglob("*") if path.is_file()) // 2
        else:
            try:
                voxels = math.prod(self._info.grid.shape)
            except InputError:
                return 0  # it will be rejected, with its reason, where it is read
        return _MEMORY_OF_PYTHON + _MEMORY_PER_VOXEL * voxels

    def load(self) -> tuple[Scan, dict[str, float]]:
        return read_scan(self.raw, self.preparation, self._info)

    @cached_property
    def _info(self) -> ImageInfo:
        return probe_image(self.raw.ct, series=self.raw.series)


_MEMORY_PER_VOXEL = 8
_MEMORY_OF_PYTHON = 300 * 2**20


def _times(files: tuple[Path, ...]) -> list[list[int]]:
    return [[found.st_size, found.st_mtime_ns] for found in (path.stat() for path in files)]


@dataclass(frozen=True, kw_only=True)
class _PhantomSource:
    name: str
    seed: int
    extent: Extent
    split: Split

    def identity(self) -> dict[str, Any]:
        from renderbench.scans.phantom import PHANTOM_VERSION
        from renderbench.scans.phantom.part import PART_VERSION, PartExtent

        made = {"seed": self.seed, "extent": self.extent, "version": PHANTOM_VERSION}
        return {
            "phantom": made | ({"part_version": PART_VERSION} if self.extent in get_args(PartExtent) else {})
        }

    def stamp(self) -> dict[str, Any]:
        return self.identity()

    def memory_bytes(self) -> int:
        return {"torso": 2, "body": 4, "part": 3, "detail": 3}[self.extent] * 2**30

    def load(self) -> tuple[Scan, dict[str, float]]:
        from renderbench.scans.phantom import phantom_scan
        from renderbench.scans.phantom.part import phantom_part

        # Nothing is read or resampled, so making a phantom is not part of anyone's preparation time.
        if self.extent == "part" or self.extent == "detail":
            made = phantom_part(self.seed, self.extent)
        else:
            made = phantom_scan(self.seed, extent=self.extent)
        return replace(made, name=self.name), {"read": 0.0, "resample": 0.0}
