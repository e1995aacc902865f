"""Every table: a suite's own, and those of the paper, as CSV, Markdown and LaTeX (docs/tables.md)."""

from __future__ import annotations

from typing import Literal

from leaderboard.study import Study
from leaderboard.tables.anatomy import labels_frame, labels_table, transfer_frame, transfer_table
from leaderboard.tables.compared import compared_frame, compared_tables
from leaderboard.tables.latex import latex
from leaderboard.tables.markdown import markdown
from leaderboard.tables.model import ABSENT
from leaderboard.tables.suite import suite_frame, suite_table

Format = Literal["csv", "markdown", "latex"]
Which = Literal["suite", "1", "2", "3", "4", "5"]

FORMATS: tuple[Format, ...] = ("csv", "markdown", "latex")
SUFFIX: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}

TABLES: tuple[Which, ...] = ("suite", "1", "2", "3", "4", "5")
OF_RECORDS: tuple[Which, ...] = ("suite", "1", "2")
"""The tables that are made from run records; the others say what everything was made with."""


def table_text(which: Which, study: Study | None, kind: Format) -> str:
    """One table in one format.

    Args:
        which: ``suite``: the suite's own; ``1`` to ``5``: the paper's.
        study: for those of :data:`OF_RECORDS`; the others need none.
        kind: CSV is unrounded and has no notes; ``n/a`` is what is not there.

    Raises:
        ValueError: the table needs a study.
    """
    if which in ("3", "4"):
        number = int(which)
        frame, tables = labels_frame(number), [labels_table(number)]
    elif which == "5":
        frame, tables = transfer_frame(), [transfer_table()]
    elif study is None:
        raise ValueError(f"table {which} is made from run records")
    elif which == "suite":
        frame, tables = suite_frame(study), [suite_table(study)]
    else:
        frame, tables = compared_frame(study, int(which)), compared_tables(study, int(which))
    if kind == "csv":
        return str(frame.to_csv(index=False, lineterminator="\n", na_rep=ABSENT))
    return markdown(tables) if kind == "markdown" else latex(tables)


def table_file(which: Which, suite: str, kind: Format) -> str:
    """The file's name: ``<suite>.md``, ``<suite>.table-1.tex``, ``table-3.csv``."""
    stem = suite if which == "suite" else f"table-{which}"
    return f"{suite}.{stem}.{SUFFIX[kind]}" if which in ("1", "2") else f"{stem}.{SUFFIX[kind]}"
