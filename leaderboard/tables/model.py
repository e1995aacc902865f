"""A table before it has a format: headings, cells, and what must be said below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ABSENT = "n/a"


@dataclass(frozen=True, kw_only=True)
class Heading:
    """A column's heading.

    Args:
        text: of the column.
        above: a heading that it shares with its neighbours; empty for none.
        numeric: whether the column is set to the right.
    """

    text: str
    above: str = ""
    numeric: bool = False


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What stands in one place, or over ``span`` columns; ``mark`` (a dagger or two) refers to the legend."""

    text: str
    bold: bool = False
    mark: str = ""
    span: int = 1


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    Args:
        title: above it; empty for none.
        headings: one a column.
        rows: cells that fill the columns.
        breaks: rows that begin a new section.
        legend: what its marks mean; always printed with it.
        notes: what else a reader must know; a comment in LaTeX.
    """

    title: str
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Cell]]
    breaks: frozenset[int] = frozenset()
    legend: Sequence[str] = ()
    notes: Sequence[str] = ()


def plain(*texts: str) -> list[Cell]:
    """Cells of nothing but text."""
    return [Cell(text=text) for text in texts]
