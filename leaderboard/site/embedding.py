"""Data inside pages: JSON that cannot end its element, columns instead of rows, figures of six digits."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from pydantic_core import to_json

ASSETS = Path(__file__).parent / "assets"
_PLACE = "@DATA@"
# Inside <script> only these could be read as markup, or end a line there; as escapes they are the same JSON.
_ESCAPED = "<>&\u2028\u2029"
_DIGITS = 6


def page(template: str, payload: Mapping[str, Any]) -> str:
    """A page of ``assets/<template>`` with ``payload`` embedded; no name in it is ever markup."""
    return _template(template).replace(_PLACE, embedded(payload), 1)


def embedded(payload: Any) -> str:
    """``payload`` as JSON that is safe inside a script element; NaN and infinity are null, as None is."""
    text = to_json(payload, inf_nan_mode="null").decode()
    for character in _ESCAPED:
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def columns_of(rows: Sequence[Mapping[str, Any]], numbers: Iterable[str]) -> dict[str, Any]:
    """Rows of one form as columns: ``numbers`` as they are, all others as an index into what there is."""
    if not rows:
        return {}
    plain = set(numbers)
    return {name: (rounded if name in plain else indexed)([row[name] for row in rows]) for name in rows[0]}


def rounded(values: ArrayLike) -> list[float]:
    """Numbers to six significant digits, none lost before the point; NaN, null on a page, for None."""
    exact = np.asarray(values, dtype=float)
    with np.errstate(divide="ignore"):
        places = _DIGITS - 1 - np.floor(np.log10(np.abs(exact)))
    # Zero has infinitely many places; beyond 300 their power of ten is no float.
    scale = 10.0 ** np.clip(places, 0, 300)
    return (np.rint(exact * scale) / scale).tolist()


def indexed(values: Iterable[Hashable]) -> dict[str, list[Any]]:
    """``values`` as an index into what there is: a name is written once."""
    places: dict[Hashable, int] = {}
    at = [places.setdefault(value, len(places)) for value in values]
    return {"of": list(places), "at": at}


@cache
def _template(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")
