"""Data inside pages: JSON that cannot end its element, columns instead of rows, figures of six digits."""

from __future__ import annotations

import json
import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
_PLACE = "@DATA@"
# Inside <script> only these could be read as markup; as escapes they are the same JSON.
_ESCAPES = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
_DIGITS = 6


def page(template: str, payload: Mapping[str, Any]) -> str:
    """A page of ``assets/<template>`` with ``payload`` embedded; no name in it is ever markup."""
    return _template(template).replace(_PLACE, embedded(payload), 1)


def embedded(payload: Any) -> str:
    """``payload`` as JSON that is safe inside a script element; NaN must have become None."""
    return json.dumps(payload, allow_nan=False, separators=(",", ":")).translate(_ESCAPES)


def columns_of(rows: Sequence[Mapping[str, Any]], numbers: Iterable[str]) -> dict[str, Any]:
    """Rows of one form as columns: ``numbers`` as they are, all others as an index into what there is."""
    if not rows:
        return {}
    plain = set(numbers)
    return {
        name: [figure(row[name]) for row in rows] if name in plain else _indexed([row[name] for row in rows])
        for name in rows[0]
    }


def figure(value: float | None) -> float | int | None:
    """A number with six significant digits; None where there is none."""
    if value is None or not math.isfinite(value):
        return None
    if float(value).is_integer() and abs(value) < 2**53:
        return int(value)
    return float(f"{value:.{_DIGITS}g}")


def _indexed(values: Sequence[Hashable]) -> dict[str, list[Any]]:
    places: dict[Hashable, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return {"of": list(places), "at": at}


@cache
def _template(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
