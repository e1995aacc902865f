"""The verbs ``tables`` and ``leaderboard``. Cheap to import: pandas loads when a verb runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from renderbench.cli.options import RootOption, SuiteOption


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"


def tables(
    root: RootOption,
    suite: SuiteOption,
    table_format: Annotated[TableFormat, typer.Option("--format", help="How the table is written.")] = (
        TableFormat.MARKDOWN
    ),
) -> None:
    """Print a suite's table from its run records, and keep it under ROOT/leaderboard/tables/."""
    from leaderboard.results import load_records, per_block
    from leaderboard.tables import SUFFIX, table_of
    from renderbench.artefacts import write_text
    from renderbench.config import load_suite
    from renderbench.layout import Root

    place = Root(root).require()
    study = load_suite(suite)
    text = table_of(study, per_block(load_records(place.path / "runs", study.name)), table_format.value)
    write_text(place.leaderboard / "tables" / f"{study.name}.{SUFFIX[table_format.value]}", text)
    print(text, end="")


leaderboard = typer.Typer(no_args_is_help=True, help="Export the leaderboard.")


@leaderboard.callback()
def _group() -> None:
    """Keep ``export`` a sub-command."""


@leaderboard.command()
def export(
    root: RootOption,
    csv: Annotated[
        Path | None, typer.Option(help="The file to write; ROOT/leaderboard/leaderboard.csv by default.")
    ] = None,
) -> None:
    """Write every suite's results as one tidy CSV: a row a method and block (columns: docs/formats.md)."""
    from leaderboard.results import load_records, per_block
    from renderbench.artefacts import write_text
    from renderbench.layout import Root

    place = Root(root).require()
    results = per_block(load_records(place.path / "runs"))
    target = csv or place.leaderboard / "leaderboard.csv"
    write_text(target, results.to_csv(index=False, lineterminator="\n"))
    print(f"{target}: {len(results)} rows")
