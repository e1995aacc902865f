"""ScanStore: the Zarr of one scan: CT, labels, groups, and RGBA under each transfer function.

A Zarr v3 group that is an OME-NGFF 0.5 image (docs/formats.md): the CT's resolution levels lie at its root,
``labels/anatomy`` and ``labels/groups`` are its label images, ``rgba/<transfer function>`` are images of
their own. What NGFF has no place for is in the root's attribute ``renderbench_scan``.

A store depends on its scan and nothing else, to the last byte of every file. What the scan has cost
differs from run to run, so it lies beside the store, in ``<scan>.seconds.json``.
"""

from __future__ import annotations

import difflib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from renderbench.artefacts import digest_of, read_json, staged
from renderbench.errors import InputError
from renderbench.scans.fingerprint import BINS, foreground_histogram
from renderbench.scans.groups import groups_of_labels
from renderbench.scans.store import ngff
from renderbench.scans.store.manifest import Manifest, damage, manifest_of, part_of
from renderbench.scans.transfer import TransferFunction
from renderbench.scans.volume import Grid, LabelVolume, Scan, Volume

SCHEMA = 2
_KEY = "renderbench_scan"
_ROOT = "zarr.json"

# A shard is a slab of whole slices, one chunk thick: it is computed, written and read as one, and neither
# RGBA nor its conversion is ever in memory for more than a slab.
_CHUNK = 64

_FOLDERS = {"ct": "", "labels": "labels/anatomy", "groups": "labels/groups"}
_HISTOGRAM = "foreground_histogram"


def write_scan(
    path: Path,
    scan: Scan,
    *,
    dataset: str,
    transfer_functions: Sequence[TransferFunction],
    digest: str,
    provenance: Mapping[str, Any],
    seconds: Mapping[str, float],
    stamp: str | None = None,
) -> None:
    """Write a scan with its groups, its RGBA and the histogram of its foreground, atomically.

    Args:
        path: the store; one that is there is replaced.
        scan: on the working grid.
        dataset: the id of the dataset that it belongs to.
        transfer_functions: to apply.
        digest: of all that made the scan.
        provenance: JSON values: the source files and the software.
        seconds: what the scan has cost so far, by ledger item. ``transfer`` is added here: the mean
            over the transfer functions, since a preparation needs one of them.
        stamp: as in :func:`write_sidecar`.
    """
    with staged(path) as staging:
        transfer_seconds = _write_arrays(staging, scan, transfer_functions)
        _seal(
            staging,
            {
                "schema": SCHEMA,
                "name": scan.name,
                "dataset": dataset,
                "digest": digest,
                "shape": list(scan.grid.shape),
                "world_from_voxel": scan.grid.world_from_voxel.tolist(),
                "spacing_mm": scan.grid.spacing_mm.tolist(),
                "transfer_functions": {each.id: each.digest for each in transfer_functions},
                "provenance": dict(provenance),
            },
        )
        # Before the store takes its place: a kill in between leaves seconds that no store answers to.
        write_sidecar(path, digest=digest, stamp=stamp, seconds={**seconds, "transfer": transfer_seconds})


def sidecar_of(path: Path) -> Path:
    """``<scan>.seconds.json`` beside the store ``path``: what differs between two equal stores."""
    return path.with_name(f"{path.stem}.seconds.json")


def write_sidecar(path: Path, *, digest: str, stamp: str | None, seconds: Mapping[str, float]) -> None:
    """Write what belongs beside a store.

    Args:
        path: of the store.
        digest: of the store that this is about.
        stamp: tells the sources' files apart without reading them; None where nothing does.
        seconds: what the scan has cost, by ledger item.

    Raises:
        OSError: it cannot be written.
    """
    content = {"digest": digest, "stamp": stamp, "seconds": dict(seconds)}
    # A full disk is an OSError, as it is everywhere in a store, and no fault of the scan.
    with staged(sidecar_of(path)) as staging:
        staging.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def stamp_of(path: Path, digest: str) -> str | None:
    """The stamp that was written beside a store; None where there is none for this digest."""
    stamp: str | None = _sidecar(path, digest).get("stamp")
    return stamp


@dataclass(frozen=True, kw_only=True)
class ScanStore:
    """One scan as stored; arrays are read when asked for, and their files proven before.

    Args:
        path: of the store.
        name: of the scan, unique within its dataset.
        dataset: the id of its dataset.
        digest: of all that made it.
        grid: where its voxels lie.
        seconds: what it cost by ledger item: ``read``, ``resample``, ``transfer`` (of one transfer
            function); empty where the store came without them.
        transfer_functions: their digests by id, in the order they were written.
        provenance: the source files and the software.
        files: bytes and SHA-256 of every file but the root's ``zarr.json``.
    """

    path: Path
    name: str
    dataset: str
    digest: str
    grid: Grid
    seconds: dict[str, float]
    transfer_functions: dict[str, str]
    provenance: dict[str, Any]
    files: Manifest

    @classmethod
    def open(cls, path: Path) -> ScanStore:
        """Open a store; reads its attributes only, and proves them.

        Raises:
            InputError: there is none, it is something else, it was written under another schema, or its
                attributes are damaged.
        """
        attributes = _attributes(path)
        depth, height, width = attributes["shape"]
        return cls(
            path=path,
            name=attributes["name"],
            dataset=attributes["dataset"],
            digest=attributes["digest"],
            grid=Grid(
                shape=(depth, height, width),
                world_from_voxel=np.array(attributes["world_from_voxel"], dtype=np.float64),
            ),
            seconds=_sidecar(path, attributes["digest"]).get("seconds", {}),
            transfer_functions=attributes["transfer_functions"],
            provenance=attributes["provenance"],
            files={name: (size, sha256) for name, (size, sha256) in attributes["files"].items()},
        )

    def ct(self) -> Volume:
        """(D, H, W) int16, Hounsfield units.

        Raises:
            InputError: a part of the array is missing or damaged; so for the other arrays.
        """
        return self._array("ct")[...]

    def labels(self) -> LabelVolume:
        """(D, H, W) uint8, the keys of ``LABELS_BY_VALUE``: 0 to 119 (Tables 3 and 4), or unnamed."""
        return self._array("labels")[...]

    def groups(self) -> LabelVolume:
        """(D, H, W) uint8, 0 to 11 (Tables 3 and 4)."""
        return self._array("groups")[...]

    def rgba(self, transfer_function: str) -> NDArray[np.float32]:
        """(4, D, H, W) float32 in [0, 1]: red, green, blue and alpha under a transfer function.

        Stored in half precision, so exact to a relative 2^-11 above 6e-5.

        Raises:
            InputError: the store has no such transfer function.
        """
        if transfer_function not in self.transfer_functions:
            present = list(self.transfer_functions)
            close = difflib.get_close_matches(transfer_function, present, n=1)
            raise InputError(
                f"{self.path}: transfer function {transfer_function!r}",
                f"expected one of {', '.join(present) or '(the store has none)'}; found none by that name",
                f"did you mean {close[0]!r}?"
                if close
                else "correct it, or run `renderbench dataset` with that transfer function",
            )
        stored = self._array(f"rgba/{transfer_function}")
        rgba = np.empty(stored.shape, dtype=np.float32)
        for slab in _slabs(self.grid.shape[0]):
            rgba[:, slab] = stored[:, slab]
        return rgba

    def foreground_histogram(self) -> NDArray[np.int64]:
        """(4096,) int64: how many labelled voxels have each HU from -1024 to 3071."""
        return self._array(_HISTOGRAM)[...]

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 (hex) by array, ``ct``, ``labels``, ``groups`` and ``rgba/<transfer function>``: of the
        sizes and SHA-256 of its files at full resolution.
        """
        names = [*_FOLDERS, *(f"rgba/{each}" for each in self.transfer_functions)]
        return {name: digest_of(part_of(self.files, _array_path(name))) for name in names}

    def verify(self) -> None:
        """Prove the whole store: every file is there as it was written, and nothing else.

        Raises:
            InputError: names the first file that is not.
        """
        _attributes(self.path)
        problem = damage(self.path, self.files, apart=_ROOT)
        if problem:
            raise _damaged(self.path, problem)

    def _array(self, name: str) -> Any:
        """A Zarr array, its files proven: Zarr reads a missing chunk as zeros and a changed one as it is."""
        import zarr

        problem = damage(self.path, self.files, _array_path(name))
        if problem:
            raise _damaged(f"{self.path}: array {name!r}", problem)
        return zarr.open_array(self.path / _array_path(name), mode="r")


def _write_arrays(folder: Path, scan: Scan, transfer_functions: Sequence[TransferFunction]) -> float:
    """Write all groups and arrays; returns the seconds that one transfer function took, as a mean."""
    import zarr
    from zarr.codecs import BloscCodec, TransposeCodec, ZstdCodec

    ct_codecs = {"compressors": BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")}
    label_codecs: dict[str, Any] = {"compressors": ZstdCodec(level=3)}
    # A voxel's four values side by side: they follow from one HU, so they repeat as one. Three times
    # smaller than channel by channel, and faster.
    rgba_codecs = {"filters": [TransposeCodec(order=(1, 2, 3, 0))], "compressors": ZstdCodec(level=1)}

    grid = scan.grid
    root = zarr.create_group(folder, attributes={"ome": ngff.ct_image(scan.name, grid)}, zarr_format=3)
    listing = root.create_group("labels", attributes={"ome": ngff.labels_listing(("anatomy", "groups"))})
    anatomy = listing.create_group("anatomy", attributes={"ome": ngff.anatomy_image(grid)})
    grouped = listing.create_group("groups", attributes={"ome": ngff.groups_image(grid)})
    images = root.create_group("rgba")

    ct_array = _create(root, "0", grid.shape, np.int16, ct_codecs)
    label_array = _create(anatomy, "0", grid.shape, np.uint8, label_codecs)
    group_array = _create(grouped, "0", grid.shape, np.uint8, label_codecs)
    rgba_arrays = []
    for function in transfer_functions:
        image = images.create_group(function.id, attributes={"ome": ngff.rgba_image(function.id, grid)})
        rgba_arrays.append(_create(image, "0", (4, *grid.shape), np.float16, rgba_codecs))

    histogram = np.zeros(BINS, dtype=np.int64)
    transfer = 0.0
    for slab in _slabs(grid.shape[0]):
        ct, labels = scan.ct[slab], scan.labels[slab]
        groups = groups_of_labels(labels)
        ct_array[slab], label_array[slab], group_array[slab] = ct, labels, groups
        histogram += foreground_histogram(ct, labels)
        for function, rgba_array in zip(transfer_functions, rgba_arrays, strict=True):
            start = time.perf_counter()
            rgba = function.apply(ct, groups, dtype=np.float16)
            transfer += time.perf_counter() - start
            rgba_array[:, slab] = rgba
    root.create_array(_HISTOGRAM, data=histogram, chunks=histogram.shape, **label_codecs)

    ct, labels = scan.ct, scan.labels
    for level in range(1, ngff.LEVELS):
        ct, labels = ngff.halved_ct(ct), ngff.halved_labels(labels)
        _create(root, str(level), ct.shape, np.int16, ct_codecs)[...] = ct
        _create(anatomy, str(level), ct.shape, np.uint8, label_codecs)[...] = labels
        _create(grouped, str(level), ct.shape, np.uint8, label_codecs)[...] = groups_of_labels(labels)
    return transfer / max(1, len(transfer_functions))


def _create(group: Any, name: str, shape: tuple[int, ...], dtype: DTypeLike, codecs: dict[str, Any]) -> Any:
    leading, (_, height, width) = shape[:-3], shape[-3:]
    in_plane = (-(-size // _CHUNK) * _CHUNK for size in (height, width))
    return group.create_array(
        name,
        shape=shape,
        dtype=dtype,
        chunks=(*leading, _CHUNK, _CHUNK, _CHUNK),
        shards=(*leading, _CHUNK, *in_plane),
        dimension_names=(*("c",) * len(leading), "z", "y", "x"),
        # Finding out whether a chunk is empty costs more than compressing one that is.
        config={"write_empty_chunks": True},
        **codecs,
    )


def _sidecar(path: Path, digest: str) -> dict[str, Any]:
    content = read_json(sidecar_of(path))
    return content if isinstance(content, dict) and content.get("digest") == digest else {}


def _slabs(depth: int) -> list[slice]:
    return [slice(start, min(start + _CHUNK, depth)) for start in range(0, depth, _CHUNK)]


def _array_path(name: str) -> str:
    if name == _HISTOGRAM:
        return name
    return f"{_FOLDERS.get(name, name)}/0".lstrip("/")


def _seal(folder: Path, attributes: dict[str, Any]) -> None:
    """Put our attributes, the manifest of all other files and a SHA-256 of all this into ``zarr.json``."""
    metadata = read_json(folder / _ROOT)
    files = manifest_of(folder)
    del files[_ROOT]
    metadata["attributes"][_KEY] = {**attributes, "files": files}
    metadata["attributes"][_KEY]["sha256"] = digest_of(metadata)
    (folder / _ROOT).write_text(json.dumps(metadata, indent=1, allow_nan=False), encoding="utf-8")


def _attributes(path: Path) -> dict[str, Any]:
    """Our attributes of a store, proven."""
    if not path.is_dir():
        found = "a file" if path.exists() else "nothing"
        raise InputError(
            path, f"expected the store of a scan, found {found}", "run `renderbench dataset` to make it"
        )
    metadata = read_json(path / _ROOT)
    attributes = metadata.get("attributes", {}).get(_KEY) if isinstance(metadata, dict) else None
    if not isinstance(attributes, dict):
        raise InputError(
            path,
            "expected the store of a scan, found a folder that `renderbench dataset` has not written",
            "correct the path, or remove the folder and run `renderbench dataset`",
        )
    if attributes.get("schema") != SCHEMA:
        raise InputError(
            path,
            f"expected scan schema {SCHEMA}, found {attributes.get('schema')}",
            "run `renderbench dataset` again with this version",
        )
    if attributes.pop("sha256", None) != digest_of(metadata):
        raise _damaged(path, f"{_ROOT} has other values than were written")
    return attributes


def _damaged(subject: object, problem: str) -> InputError:
    return InputError(
        subject,
        f"expected it as it was written, found that {problem}",
        "remove this store and run `renderbench dataset` again",
    )
