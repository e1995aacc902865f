"""Stage 2 on the command line: groundtruth."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import JsonOption, RootOption, SuiteOption, ThreadsOption, say

if TYPE_CHECKING:
    from renderbench.config import Suite
    from renderbench.groundtruth.stage import GroundTruthReport
    from renderbench.layout import Root


class _Renderer(StrEnum):
    native = "native"
    pbrt = "pbrt"
    mitsuba = "mitsuba"


def groundtruth(
    root: RootOption,
    suite: SuiteOption,
    renderer: Annotated[
        _Renderer | None,
        typer.Option(
            help="Render the suite with another renderer than its own, as the suite SUITE+RENDERER.",
            show_default=False,
        ),
    ] = None,
    pbrt: Annotated[
        Path | None,
        typer.Option(help="The pbrt-v4 binary; RENDERBENCH_PBRT or pbrt on PATH by default."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            help="Where the work is done: serial, local:4, tcp://host:8786, slurm:jobs=8,..., pbs:, lsf:, "
            "sge:, or a .toml file. By default in this process, with all its cores.",
            show_default=False,
        ),
    ] = None,
    threads: ThreadsOption = None,
    exr: Annotated[
        bool,
        typer.Option(
            "--exr", help="Also write linear light, alpha and depth, as EXR; or `exr = true` in the suite."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Render next to nothing, and say what the rest will cost.")
    ] = False,
    export_only: Annotated[
        Path | None,
        typer.Option(
            help="Write pbrt scenes to this folder instead, for machines with pbrt and no renderbench.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int | None,
        typer.Option(min=2, help="With --export-only: samples a pixel; the suite's, or 1024, by default."),
    ] = None,
    import_from: Annotated[
        Path | None,
        typer.Option(
            "--import", help="Make views of what pbrt rendered of such an export.", show_default=False
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Stage 2: path-trace the fitting, test and training views of a suite."""
    from renderbench.config import load_suite
    from renderbench.errors import JobError
    from renderbench.farm import parse_cluster
    from renderbench.groundtruth.stage import render_suite
    from renderbench.layout import Root

    own = load_suite(suite)
    asked = own.rendered_by(renderer.value) if renderer else own
    if exr:
        asked = asked.model_copy(update={"views": asked.views.model_copy(update={"exr": True})})
    study, workers = Root(root).require(), parse_cluster(cluster or "serial")
    _check_alone({"--dry-run": dry_run, "--export-only": export_only, "--import": import_from})
    _check_with("--samples", samples, "--export-only", export_only is not None)
    _check_with("--pbrt", pbrt, "--renderer pbrt", asked.renderer.name == "pbrt")
    if dry_run:
        _estimate(study, asked, threads, pbrt, as_json)
        return
    if export_only:
        _export(study, asked, export_only, samples, as_json)
        return
    if import_from:
        _import(study, asked, import_from, as_json)
    else:
        report = render_suite(study, asked, threads=threads, cluster=workers, pbrt=pbrt)
        report_views(report, as_json)
        if report.failed:
            raise typer.Exit(1 if any(isinstance(each.error, JobError) for each in report.failed) else 2)
    if asked is not own:
        say(f"these are the views of another suite: `renderbench run --suite {asked.argument}` takes them")


def report_views(report: GroundTruthReport, as_json: bool) -> None:
    """Print what stage 2 did; why views failed is a line each on stderr."""
    for line in report.lines:
        say(f"renderbench: {line}")
    if as_json:
        failed = {failure.name: str(failure.error) for failure in report.failed}
        print(json.dumps({"rendered": report.rendered, "skipped": report.skipped, "failed": failed}))
        return
    failures = f", {len(report.failed)} failed" if report.failed else ""
    print(f"{report.rendered} views rendered, {report.skipped} already there{failures}")


def _estimate(root: Root, suite: Suite, threads: int | None, pbrt: Path | None, as_json: bool) -> None:
    from renderbench.groundtruth.cost import estimate_cost

    cost = estimate_cost(root, suite, threads=threads, pbrt=pbrt)
    if as_json:
        print(json.dumps(cost.as_dict(), indent=2))
        return
    if not cost.conditions:
        print("every view is there")
        return
    width = max(len(each.name) for each in cost.conditions)
    print(f"{'condition':<{width}}   views  samples/pixel  s/view  {cost.unit}")
    for each in cost.conditions:
        figures = f"{each.views:>5}  {each.samples:>13}  {each.seconds:>6.1f}  {each.hours:>10.3g}"
        print(f"{each.name:<{width}}   {figures}{'' if each.measured else '  (as its like)'}")
    print(f"{'sum':<{width}}   {cost.views:>5}  {'':>13}  {'':>6}  {cost.hours:>10.3g}")
    cores = f"{cost.threads} {'core' if cost.threads == 1 else 'cores'}"
    device = cores if cost.device == "cpu" else cost.device
    print(f"estimated from small renders on this machine, seconds with {device}; nothing was written")


def _export(root: Root, suite: Suite, folder: Path, samples: int | None, as_json: bool) -> None:
    from renderbench.groundtruth.pbrt.export import export_suite

    scenes = export_suite(root, suite, folder, samples=samples)
    if as_json:
        print(json.dumps({"scenes": [str(path) for path in scenes]}, indent=2))
    else:
        print(f"{len(scenes)} scenes in {folder}; README.md there says how to render them")


def _import(root: Root, suite: Suite, folder: Path, as_json: bool) -> None:
    from renderbench.groundtruth.pbrt.imported import import_suite

    report = import_suite(root, suite, folder)
    if as_json:
        print(json.dumps(asdict(report)))
        return
    print(
        f"{report.imported} views imported, {report.skipped} already there, {report.missing} not rendered yet"
    )
    if report.below_floor:
        floor = f"{suite.renderer.noise_floor_db:g} dB"
        say(f"{report.below_floor} views are noisier than the suite's {floor}; export with more --samples")


def _check_alone(options: dict[str, object]) -> None:
    given = [name for name, value in options.items() if value]
    if len(given) > 1:
        from renderbench.errors import InputError

        found = " and ".join(given)
        raise InputError(given[0], f"expected one of {', '.join(options)}, found {found}", "leave one out")


def _check_with(option: str, value: object, other: str, is_given: bool) -> None:
    if value is not None and not is_given:
        from renderbench.errors import InputError

        raise InputError(option, f"expected {other} with it, found none", f"add {other} or leave it out")
