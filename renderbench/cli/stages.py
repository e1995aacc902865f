"""Stage 4 on the command line: run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import JsonOption, RootOption, SuiteOption, say

if TYPE_CHECKING:
    from renderbench.evaluation.stage import RunReport


def run(
    root: RootOption,
    suite: SuiteOption,
    method: Annotated[
        str,
        typer.Option(
            "--method", help="A method of the suite (`renderbench methods` lists them).", show_default=False
        ),
    ],
    as_json: JsonOption = False,
) -> None:
    """Stage 4: prepare a method's scenes, render and score the test views, keep the records."""
    from renderbench.config import load_suite
    from renderbench.evaluation.stage import run_suite
    from renderbench.layout import Root

    report = run_suite(Root(root).require(), load_suite(suite), method, announce=say)
    report_runs(report, as_json)
    if report.failed:
        raise typer.Exit(1)


def report_runs(report: RunReport, as_json: bool) -> None:
    """Print what stage 4 did."""
    if as_json:
        done = [record.model_dump(mode="json") for record in report.done]
        sheets = [str(path) for path in report.sheets]
        print(
            json.dumps(
                {"done": done, "skipped": report.skipped, "failed": report.failed, "sheets": sheets}, indent=2
            )
        )
        return
    failed = f", {len(report.failed)} failed" if report.failed else ""
    print(f"{len(report.done)} runs done, {len(report.skipped)} already there{failed}")
    for sheet in report.sheets:
        print(sheet)
