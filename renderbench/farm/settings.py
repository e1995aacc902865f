"""The cluster line: where tasks run, as one line or one TOML table. Unknown keys are errors."""

from __future__ import annotations

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from renderbench.config import Strict, parse_model, read_toml
from renderbench.errors import InputError

EXAMPLES = "serial, local:4, local:workers=4,memory=6GiB, tcp://host:8786, slurm:jobs=8,cores=4,memory=16GB"


def parse_cluster(line: str | None) -> ClusterSettings:
    """Read a cluster line.

    Args:
        line: ``serial``; ``local``, ``local:4`` or ``local:workers=4,memory=6GiB``; the address of a
            running Dask scheduler (``tcp://host:8786``); ``slurm:``, ``pbs:``, ``lsf:`` or ``sge:``
            with ``jobs=8,cores=4,memory=16GB,walltime=02:00:00,queue=cpu,account=x,interface=ib0``;
            a path ending in ``.toml`` with a ``[cluster]`` table of ``kind`` and the same keys; ``auto``
            or None: what fits the tasks and this machine.

    Raises:
        InputError: the line cannot be read, or has a key or a value that its kind of cluster has not.
    """
    if line is None:
        return Auto()
    text = line.strip()
    if text.endswith(".toml"):
        return _from_toml(Path(text))
    if "://" in text:
        return parse_model(Address, {"kind": "address", "address": text}, f"cluster {line!r}")
    kind, colon, rest = text.partition(":")
    model = _model(kind, f"cluster {line!r}")
    keys = _keys(model, rest, f"cluster {line!r}") if colon else {}
    return parse_model(model, {"kind": kind, **keys}, f"cluster {line!r}")


class ClusterSettings(Strict):
    """Where tasks run; one of the classes below, from :func:`parse_cluster`."""


class Auto(ClusterSettings):
    """Serial for one task or one core, otherwise as many local workers as tasks, cores and memory allow."""

    kind: Literal["auto"] = "auto"


class Serial(ClusterSettings):
    """In this process, one task after the other, without Dask."""

    kind: Literal["serial"] = "serial"


def _bytes(value: Any) -> Any:
    """``6GiB`` -> bytes; numbers pass, pydantic judges the rest."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]i?b)", value.strip(), flags=re.IGNORECASE)
    if match is None:
        raise ValueError("expected a size such as 6GiB or 16GB")
    base = 1024 if "i" in match[2].lower() else 1000
    return int(float(match[1]) * base ** ("kmgt".index(match[2][0].lower()) + 1))


_Memory = Annotated[int, BeforeValidator(_bytes), Field(ge=64 * 2**20)]
_Count = Annotated[int, Field(ge=1)]
_Word = Annotated[str, Field(pattern=r"^\S+$")]


class Local(ClusterSettings):
    """Worker processes on this machine, one task at a time each.

    ``memory`` is the limit of one worker in bytes: a worker above it is killed and its task run again.
    """

    kind: Literal["local"] = "local"
    workers: _Count | None = None
    memory: _Memory | None = None


class Address(ClusterSettings):
    """A Dask scheduler that somebody else started, with workers of one thread each."""

    kind: Literal["address"] = "address"
    address: Annotated[
        str, Field(pattern=r"^(tcp|tls|ucx|ucxx|ws|wss)://(\[[0-9a-fA-F:]+\]|[\w.-]+):\d{1,5}$")
    ]


class Batch(ClusterSettings):
    """Jobs of a batch system, one worker each.

    ``cores`` and ``memory`` (bytes) are what one job asks for, ``walltime`` is ``[D-]HH:MM:SS``,
    ``interface`` the network interface that the nodes reach this machine by. ``options`` (TOML only)
    goes to dask-jobqueue's class as it is: ``job_extra_directives``, ``job_script_prologue``, ``python``.
    """

    kind: Literal["slurm", "pbs", "lsf", "sge"]
    jobs: _Count
    cores: _Count
    memory: _Memory
    walltime: Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}:[0-5]\d:[0-5]\d$")] = "01:00:00"
    queue: _Word | None = None
    account: _Word | None = None
    interface: _Word | None = None
    options: dict[str, Any] = Field(default_factory=dict)


_KINDS: dict[str, type[ClusterSettings]] = {
    "auto": Auto,
    "serial": Serial,
    "local": Local,
    "address": Address,
    "slurm": Batch,
    "pbs": Batch,
    "lsf": Batch,
    "sge": Batch,
}


def _from_toml(path: Path) -> ClusterSettings:
    table = read_toml(path)
    found = table.get("cluster")
    if set(table) != {"cluster"} or not isinstance(found, dict):
        problem = f"expected one table, [cluster], found {', '.join(table) or 'nothing'}"
        raise InputError(path, problem, "put the keys under [cluster]")
    if "kind" not in found:
        problem = f"expected one of {', '.join(_KINDS)}, found none"
        raise InputError(f"{path}: cluster.kind", problem, "add this key")
    return parse_model(_model(str(found["kind"]), f"{path}: cluster.kind"), found, f"{path}: cluster")


def _model(kind: str, subject: str) -> type[ClusterSettings]:
    if kind not in _KINDS:
        close = difflib.get_close_matches(kind, _KINDS, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else f"write for example {EXAMPLES}"
        raise InputError(subject, f"expected one of {', '.join(_KINDS)}, found {kind!r}", remedy)
    return _KINDS[kind]


def _keys(model: type[ClusterSettings], text: str, subject: str) -> dict[str, Any]:
    """``workers=4,memory=6GiB`` -> a dictionary; a bare number is a number of local workers."""
    if model is Local and text.isdigit():
        return {"workers": text}
    known = [key for key in model.model_fields if key not in ("kind", "options")]
    if not known:
        raise InputError(subject, f"expected nothing after the colon, found {text!r}", "remove it")
    keys: dict[str, Any] = {}
    for item in text.split(","):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not (key and equals and value):
            raise InputError(subject, f"expected key=value, found {item!r}", f"keys: {', '.join(known)}")
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "remove it"
            raise InputError(f"{subject}: {key}", f"unknown key; expected one of {', '.join(known)}", remedy)
        if key in keys:
            raise InputError(f"{subject}: {key}", "expected once, found twice", "remove one of them")
        keys[key] = value
    return keys
