"""ScanStore: the Zarr of one scan: CT, labels, groups, and RGBA under each transfer function.

A Zarr v3 group with the arrays ``ct`` (int16), ``labels`` and ``groups`` (uint8) of (D, H, W), and
``rgba/<transfer function>`` (float16) of (4, D, H, W). All else is in the group's attributes.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import read_json, staged
from renderbench.errors import InputError
from renderbench.scans.groups import groups_of_labels
from renderbench.scans.transfer import TransferFunction
from renderbench.scans.volume import Grid, LabelVolume, Scan, Volume

SCHEMA = 1
_KEY = "renderbench_scan"
_CHUNK, _SHARD = 64, 256


def write_scan(
    path: Path,
    scan: Scan,
    *,
    dataset: str,
    transfer_functions: Sequence[TransferFunction],
    digest: str,
    provenance: Mapping[str, Any],
    seconds: Mapping[str, float],
) -> None:
    """Write a scan with its groups and its RGBA, atomically.

    Args:
        path: the store; one that is there is replaced.
        scan: on the working grid.
        dataset: the id of the dataset that it belongs to.
        transfer_functions: to apply.
        digest: of all that made the scan.
        provenance: JSON values: the source files and the software.
        seconds: what the scan has cost so far, by ledger item. ``transfer`` is added here: the mean
            over the transfer functions, since a preparation needs one of them.
    """
    import zarr

    groups = groups_of_labels(scan.labels)
    with staged(path) as staging:
        store = zarr.open_group(staging, mode="w", zarr_format=3)
        checksums = {
            name: _write_array(store, name, array)
            for name, array in (("ct", scan.ct), ("labels", scan.labels), ("groups", groups))
        }
        transfer = 0.0
        for transfer_function in transfer_functions:
            start = time.perf_counter()
            rgba = transfer_function.apply(scan.ct, groups, dtype=np.float16)
            transfer += time.perf_counter() - start
            name = f"rgba/{transfer_function.id}"
            checksums[name] = _write_array(store, name, rgba)
        store.attrs[_KEY] = {
            "schema": SCHEMA,
            "name": scan.name,
            "dataset": dataset,
            "digest": digest,
            "shape": list(scan.grid.shape),
            "world_from_voxel": scan.grid.world_from_voxel.tolist(),
            "spacing_mm": scan.grid.spacing_mm.tolist(),
            "seconds": {**seconds, "transfer": transfer / max(1, len(transfer_functions))},
            "transfer_functions": {each.id: each.digest for each in transfer_functions},
            "provenance": dict(provenance),
            "sha256": checksums,
        }


@dataclass(frozen=True, kw_only=True)
class ScanStore:
    """One scan as stored; arrays are read when asked for, and proven against their checksums.

    Args:
        path: of the store.
        name: of the scan, unique within its dataset.
        dataset: the id of its dataset.
        digest: of all that made it.
        grid: where its voxels lie.
        seconds: what it cost by ledger item: ``read``, ``resample``, ``transfer`` (of one transfer
            function).
        transfer_functions: their digests by id, in the order they were written.
        provenance: the source files and the software.
        checksums: SHA-256 (hex) by array.
    """

    path: Path
    name: str
    dataset: str
    digest: str
    grid: Grid
    seconds: dict[str, float]
    transfer_functions: dict[str, str]
    provenance: dict[str, Any]
    checksums: dict[str, str]

    @classmethod
    def open(cls, path: Path) -> ScanStore:
        """Open a store; reads its attributes only.

        Raises:
            InputError: there is none, it is something else, or it was written under another schema.
        """
        if not path.is_dir():
            found = "a file" if path.exists() else "nothing"
            raise InputError(
                path, f"expected the store of a scan, found {found}", "run `renderbench dataset` to make it"
            )
        metadata = read_json(path / "zarr.json")
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
            seconds=attributes["seconds"],
            transfer_functions=attributes["transfer_functions"],
            provenance=attributes["provenance"],
            checksums=attributes["sha256"],
        )

    def ct(self) -> Volume:
        """(D, H, W) int16, Hounsfield units.

        Raises:
            InputError: a part of the array is missing or damaged; so for the other arrays.
        """
        return self._array("ct")

    def labels(self) -> LabelVolume:
        """(D, H, W) uint8, 0 to 119 (Tables 3 and 4)."""
        return self._array("labels")

    def groups(self) -> LabelVolume:
        """(D, H, W) uint8, 0 to 11 (Tables 3 and 4)."""
        return self._array("groups")

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
        return self._array(f"rgba/{transfer_function}").astype(np.float32)

    def _array(self, name: str) -> NDArray[Any]:
        """An array, whole. Zarr reads a missing chunk as zeros, so only the checksum tells."""
        import zarr

        try:
            array = np.asarray(zarr.open_array(self.path / name, mode="r")[...])
            problem = "" if _checksum(array) == self.checksums[name] else "its values are not those written"
        # What a damaged array raises depends on the codec that trips over it; all mean the same.
        except Exception as error:
            problem = f"it cannot be read ({type(error).__name__})"
        if problem:
            raise InputError(
                f"{self.path}: array {name!r}",
                f"expected it whole, found that {problem}",
                "remove this store and run `renderbench dataset` again",
            )
        return array


def _write_array(store: Any, name: str, array: NDArray[Any]) -> str:
    """Write one array; returns its checksum."""
    from zarr.codecs import BloscCodec

    leading, spatial = array.shape[:-3], array.shape[-3:]
    written = store.create_array(
        name,
        shape=array.shape,
        dtype=array.dtype,
        chunks=(*leading, *(_CHUNK,) * 3),
        shards=(*leading, *(min(_SHARD, math.ceil(size / _CHUNK) * _CHUNK) for size in spatial)),
        compressors=BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle"),
        dimension_names=(*("c",) * len(leading), "z", "y", "x"),
    )
    written[...] = array
    return _checksum(array)


def _checksum(array: NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
