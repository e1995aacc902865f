"""Checkpoints of a fit: one safetensors file, replaced whole, with the rest of the state as JSON inside.

A file is believed only when its schema, the digest of its fit and its own checksum agree; any other is one
line to the user and a fit that begins anew, never a crash.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from renderbench.artefacts import staged
from renderbench.methods import CheckpointPlace

SCHEMA = "1"
_KEY = "renderbench_fit"
_SEPARATOR = "/"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """State as data: tensors by name, and JSON values."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def nested(cls, parts: Mapping[str, Snapshot]) -> Snapshot:
        """Several snapshots as one."""
        return cls(
            tensors={
                f"{name}{_SEPARATOR}{key}": tensor
                for name, part in parts.items()
                for key, tensor in part.tensors.items()
            },
            values={name: part.values for name, part in parts.items()},
        )

    def part(self, name: str) -> Snapshot:
        """One of the snapshots that :meth:`nested` joined.

        Raises:
            KeyError: there is none by that name.
        """
        prefix = f"{name}{_SEPARATOR}"
        tensors = {
            key.removeprefix(prefix): each for key, each in self.tensors.items() if key.startswith(prefix)
        }
        return Snapshot(tensors=tensors, values=self.values[name])


class Restorable(Protocol):
    """What a snapshot can be given back to."""

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from ``snapshot``."""


_State = TypeVar("_State", bound=Restorable)


class Checkpoints:
    """Keeps the state of one fit in one file.

    Args:
        place: the file, and the digest of the fit; None keeps nothing.
        every: iterations between two checkpoints; 0 keeps nothing.
        share: the part of the time that writing may take; a checkpoint that would exceed it waits for
            its next turn.
        announce: shows the user one line.
    """

    def __init__(
        self, place: CheckpointPlace | None, *, every: int, share: float, announce: Callable[[str], None]
    ) -> None:
        self._place = place if every else None
        self._every = every
        self._share = share
        self._announce = announce
        self._last_end = time.perf_counter()
        self._last_cost = 0.0
        self._failed = False

    def resumed(self, begin: Callable[[], _State]) -> _State | None:
        """What ``begin`` makes, brought to where the killed fit was; None where there is no way on."""
        if self._place is None or not self._place.path.exists():
            return None
        try:
            snapshot = _read(self._place)
            state = begin()
            state.restore(snapshot)
        except _Unusable as error:
            found = str(error)
        except (KeyError, TypeError, ValueError, RuntimeError):
            found = "one whose parts do not fit together"
        else:
            return state
        self._announce(f"{self._place.path}: expected a checkpoint of this fit, found {found}; starting anew")
        return None

    def keep(self, iteration: int, take: Callable[[], Snapshot]) -> None:
        """Write what ``take`` returns, where ``iteration`` has its turn.

        A disk that is full costs the checkpoint and one line, not the fit.
        """
        if self._place is None or iteration % self._every:
            return
        start = time.perf_counter()
        if self._last_cost > self._share * (start - self._last_end):
            return
        try:
            _write(self._place, take())
        except (OSError, SafetensorError) as error:
            if not self._failed:
                self._announce(
                    f"{self._place.path}: a checkpoint cannot be written ({error}); the fit goes on without"
                )
            self._failed = True
        self._last_end = time.perf_counter()
        self._last_cost = self._last_end - start


class _Unusable(Exception):
    """Why a file is not a checkpoint to go on from: what was found instead."""


def _write(place: CheckpointPlace, snapshot: Snapshot) -> None:
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in snapshot.tensors.items()}
    values = json.dumps(snapshot.values, allow_nan=False)
    header = {
        "schema": SCHEMA,
        "digest": place.digest,
        "values": values,
        "checksum": str(_checksum(tensors, values)),
    }
    with staged(place.path) as staging:
        save_file(tensors, staging, metadata={_KEY: json.dumps(header)})
        # A rename may reach the disk before the bytes do; after a power cut it would name an empty file.
        with staging.open("rb") as stream:
            os.fsync(stream.fileno())


def _read(place: CheckpointPlace) -> Snapshot:
    try:
        with safe_open(place.path, "pt") as stream:
            header = json.loads((stream.metadata() or {}).get(_KEY, "{}"))
            if not isinstance(header, dict):
                raise _Unusable("a file of another kind")
            tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise _Unusable(f"a damaged file ({error})") from None
    if header.get("schema") != SCHEMA:
        raise _Unusable(f"one of schema {header.get('schema')}, not {SCHEMA}")
    if header.get("digest") != place.digest:
        raise _Unusable("one of another method, settings or inputs")
    values = str(header.get("values", ""))
    if header.get("checksum") != str(_checksum(tensors, values)):
        raise _Unusable("a damaged file (its checksum differs)")
    return Snapshot(tensors=tensors, values=json.loads(values))


def _checksum(tensors: Mapping[str, Tensor], values: str) -> int:
    checksum = zlib.crc32(values.encode())
    for name in sorted(tensors):
        array = tensors[name].numpy()
        checksum = zlib.crc32(f"{name}{array.dtype}{array.shape}".encode(), checksum)
        checksum = zlib.crc32(array.reshape(-1).data, checksum)
    return checksum
