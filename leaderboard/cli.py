"""The verbs ``tables`` and ``leaderboard``. Cheap to import: pandas loads when a verb runs."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from leaderboard.submission.cli import submit, verify
from renderbench.cli.options import RootOption, SuiteOption, say


class TableFormat(StrEnum):
    """How a table is written."""

    CSV = "csv"
    MARKDOWN = "markdown"
    LATEX = "latex"
    ALL = "all"


class TableName(StrEnum):
    """Which table: the suite's own, or one of the Render-FM paper's."""

    SUITE = "suite"
    TABLE_1 = "1"
    TABLE_2 = "2"
    TABLE_3 = "3"
    TABLE_4 = "4"
    TABLE_5 = "5"
    ALL = "all"


def tables(
    root: RootOption,
    suite: Annotated[
        str | None,
        typer.Option(
            "--suite",
            help="A shipped suite's name, or a path to a .toml file; tables 3 to 5 need none.",
            show_default=False,
        ),
    ] = None,
    table: Annotated[
        TableName,
        typer.Option(
            "--table",
            help="The suite's own; 1 or 2: beside what the Render-FM paper published; 3 to 5: its labels and "
            "transfer functions.",
        ),
    ] = TableName.SUITE,
    table_format: Annotated[
        TableFormat, typer.Option("--format", help="How the table is written; all prints Markdown.")
    ] = TableFormat.MARKDOWN,
) -> None:
    """Print tables from run records, and keep them under ROOT/leaderboard/tables/."""
    from leaderboard.records import no_records
    from leaderboard.study import load_study
    from leaderboard.tables import FORMATS, OF_RECORDS, TABLES, table_file, table_text
    from renderbench.artefacts import write_text
    from renderbench.config import load_suite
    from renderbench.errors import InputError
    from renderbench.layout import Root

    place = Root(root).require()
    wanted = [each for each in TABLES if table in (TableName.ALL, each)]
    study = None
    if set(wanted) & set(OF_RECORDS):
        if suite is None:
            raise InputError(
                f"--table {table}", "expected a --suite, found none", "add one; tables 3 to 5 need none"
            )
        study = load_study(place, load_suite(suite), suite, announce=say)
        if table is TableName.SUITE and not study.records:
            raise no_records(place.path / "runs", study.suite.name)
    shown = []
    for which in wanted:
        for kind in [each for each in FORMATS if table_format in (TableFormat.ALL, each)]:
            text = table_text(which, study, kind)
            write_text(
                place.leaderboard / "tables" / table_file(which, study.suite.name if study else "", kind),
                text,
            )
            if kind == table_format or kind == "markdown":
                shown.append(text)
    print("\n".join(shown), end="")


leaderboard = typer.Typer(no_args_is_help=True, help="Export the leaderboard; submit runs and verify them.")
leaderboard.command()(submit)
leaderboard.command()(verify)


@leaderboard.command()
def export(
    root: RootOption,
    csv: Annotated[
        Path | None,
        typer.Option(
            help="The file to write; ROOT/leaderboard/leaderboard.csv by default.", show_default=False
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(help="The folder of the site; ROOT/leaderboard/site by default.", show_default=False),
    ] = None,
) -> None:
    """Write every suite's results as one tidy CSV and as a static site; name one of them for that alone.

    A row of the CSV is a method and block (columns: docs/formats.md); the site opens from its folder.
    """
    from leaderboard.collector import uncollected
    from leaderboard.records import load_records
    from leaderboard.results import per_block
    from leaderboard.site.export import export_site
    from renderbench.artefacts import write_text
    from renderbench.layout import Root

    place = Root(root).require()
    left_out: list[str] = []

    def leave_out(line: str) -> None:
        left_out.append(line)
        say(line)

    with uncollected():
        records = load_records(place.path / "runs", announce=leave_out)
        both = csv is None and html is None
        if csv is not None or both:
            results = per_block(records)
            target = csv or place.leaderboard / "leaderboard.csv"
            write_text(target, results.to_csv(index=False, lineterminator="\n"))
            print(f"{target}: {len(results)} rows")
        if html is not None or both:
            folder = html or place.leaderboard / "site"
            report = export_site(folder, records, place, left_out)
            print(f"{folder / 'index.html'}: {report.pages} scans, {report.with_pictures} with pictures")


@leaderboard.command()
def figure(
    root: RootOption,
    suite: SuiteOption,
    scan: Annotated[
        str | None,
        typer.Option(help="The scan to show; each block's first with the most runs by default."),
    ] = None,
) -> None:
    """Draw the paper's Figure 3 from a suite's runs: a row a block, ground truth beside every method."""
    from leaderboard.figure import write_figure
    from renderbench.config import load_suite
    from renderbench.layout import Root

    print(write_figure(Root(root).require(), load_suite(suite), scan, announce=say))
