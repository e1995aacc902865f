"""JSON records with a schema number: written and read in one way."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from renderbench.artefacts import read_json, write_json
from renderbench.config import Strict, parse_model
from renderbench.errors import InputError

_Record = TypeVar("_Record", bound=Strict)
_KEY = "schema"


def write_record(path: Path, record: Strict, *, schema: int) -> None:
    """Write ``record`` as JSON, atomically, with its schema number first."""
    write_json(path, {_KEY: schema, **record.model_dump(mode="json", by_alias=True)})


def read_record(model: type[_Record], path: Path, *, what: str, schema: int, remedy: str) -> _Record | None:
    """The record in ``path``; None when there is no file.

    Args:
        model: of the record.
        path: of the JSON file.
        what: it is a record of, for an error.
        schema: the number that this version writes.
        remedy: what to do about a record of another schema.

    Raises:
        InputError: it is damaged or of another schema.
    """
    payload = read_json(path)
    if payload is None:
        return None
    found = payload.pop(_KEY, None) if isinstance(payload, dict) else None
    if found != schema:
        raise InputError(path, f"expected {what} schema {schema}, found {found}", remedy)
    return parse_model(model, payload, str(path))
