"""The verbs of the road: dataset, groundtruth, run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import JsonOption, RootOption, SuiteOption, ThreadsOption

if TYPE_CHECKING:
    from renderbench.evaluation.stage import RunReport
    from renderbench.scans.stage import DatasetReport


def dataset(
    name: Annotated[
        str, typer.Argument(help="phantom, or folder (sub-folders with ct.nii.gz and labels.nii.gz).")
    ],
    root: RootOption,
    raw: Annotated[
        Path | None, typer.Option(help="The raw data; not for phantom.", show_default=False)
    ] = None,
    dataset_id: Annotated[
        str | None, typer.Option("--id", help="The dataset's name under ROOT/scans; NAME by default.")
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many phantoms.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first phantom.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Stage 1: read scans, resample to 1.5 mm, group labels, apply transfer functions, write Zarr."""
    from renderbench.layout import Root
    from renderbench.scans.stage import prepare_dataset

    report = prepare_dataset(name, raw=raw, root=Root(root), dataset_id=dataset_id, count=count, seed=seed)
    report_dataset(report, as_json)
    if report.rejected:
        raise typer.Exit(2)


def groundtruth(
    root: RootOption, suite: SuiteOption, threads: ThreadsOption = None, as_json: JsonOption = False
) -> None:
    """Stage 2: path-trace the fitting and test views of a suite."""
    from renderbench.config import load_suite
    from renderbench.groundtruth.stage import render_suite
    from renderbench.layout import Root

    report = render_suite(Root(root).require(), load_suite(suite), threads=threads)
    if as_json:
        print(json.dumps({"rendered": report.rendered, "skipped": report.skipped}))
    else:
        print(f"{report.rendered} views rendered, {report.skipped} already there")


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
    """Stage 3: prepare a method's scenes, render and score the test views, keep the records."""
    from renderbench.config import load_suite
    from renderbench.evaluation.stage import run_suite
    from renderbench.layout import Root

    report = run_suite(Root(root).require(), load_suite(suite), method, announce=say)
    report_runs(report, as_json)
    if report.failed:
        raise typer.Exit(1)


def say(line: str) -> None:
    """A line about what is going on, on stderr."""
    print(line, file=sys.stderr, flush=True)


def report_dataset(report: DatasetReport, as_json: bool) -> None:
    """Print what stage 1 did; a rejected scan is a line on stderr."""
    for rejection in report.rejected:
        say(f"renderbench: {rejection.reason}")
    if as_json:
        rejected = {rejection.name: rejection.reason for rejection in report.rejected}
        print(
            json.dumps({"written": report.written, "skipped": report.skipped, "rejected": rejected}, indent=2)
        )
    else:
        refused = f", {len(report.rejected)} rejected" if report.rejected else ""
        print(f"{len(report.written)} scans written, {len(report.skipped)} already there{refused}")


def report_runs(report: RunReport, as_json: bool) -> None:
    """Print what stage 3 did."""
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
