"""Stage 1 on the command line: dataset."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import ClusterOption, JsonOption, RootOption, say

if TYPE_CHECKING:
    from renderbench.scans.stage import DatasetReport


class _Split(StrEnum):
    train = "train"
    val = "val"
    test = "test"


class _Interpolation(StrEnum):
    linear = "linear"
    bspline = "bspline"


class _Extent(StrEnum):
    torso = "torso"
    body = "body"
    part = "part"
    detail = "detail"


def dataset(
    name: Annotated[
        str,
        typer.Argument(
            help="phantom; folder (anyone's NIfTI, NRRD, MetaImage or DICOM); totalsegmentator, ct-org, "
            "ctpelvic1k; or a descriptor's path (.toml)."
        ),
    ],
    root: RootOption,
    raw: Annotated[
        Path | None, typer.Option(help="The raw data; not for phantom.", show_default=False)
    ] = None,
    dataset_id: Annotated[
        str | None, typer.Option("--id", help="The dataset's name under ROOT/scans; NAME by default.")
    ] = None,
    scans: Annotated[
        str, typer.Option(help="Which scans: all, a split (train, val, test), or names joined by commas.")
    ] = "all",
    split: Annotated[
        _Split | None,
        typer.Option(help="What scans of folder and phantom are for; test by default.", show_default=False),
    ] = None,
    interpolation: Annotated[_Interpolation, typer.Option(help="Of the CT.")] = _Interpolation.linear,
    segment: Annotated[
        str | None,
        typer.Option(help="Segments scans without masks: totalsegmentator.", show_default=False),
    ] = None,
    ignore_masks: Annotated[
        bool, typer.Option("--ignore-masks", help="With --segment: also scans that have masks.")
    ] = False,
    series: Annotated[
        str | None,
        typer.Option(
            help="SeriesInstanceUID to take from DICOM; the largest by default.", show_default=False
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many phantoms.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the first phantom.")] = 0,
    extent: Annotated[
        _Extent, typer.Option(help="Of a phantom; part, detail: a random box, a small one.")
    ] = (_Extent.torso),
    cluster: ClusterOption = None,
    as_json: JsonOption = False,
) -> None:
    """Stage 1: read scans, resample to 1.5 mm, group labels, apply transfer functions, write Zarr."""
    from renderbench.errors import InputError
    from renderbench.farm import parse_cluster
    from renderbench.layout import Root
    from renderbench.scans.reading import Preparation
    from renderbench.scans.sources import SourceOptions
    from renderbench.scans.stage import prepare_dataset

    if ignore_masks and segment is None:
        raise InputError(
            "--ignore-masks", "expected --segment with it, found none", "add --segment or leave it out"
        )
    report = prepare_dataset(
        name,
        raw=raw,
        root=Root(root),
        options=SourceOptions(
            seed=seed,
            count=count,
            extent=extent.value,
            split=split.value if split else None,
            series=series,
            preparation=Preparation(
                interpolation=interpolation.value, segment=segment, ignore_masks=ignore_masks
            ),
        ),
        dataset_id=dataset_id,
        scans=scans if scans in ("all", "train", "val", "test", "unused") else scans.split(","),
        cluster=parse_cluster(cluster),
    )
    report_dataset(report, as_json)
    if any(rejection.kind == "input" for rejection in report.rejected):
        raise typer.Exit(2)
    if report.failed:
        raise typer.Exit(1)


def report_dataset(report: DatasetReport, as_json: bool) -> None:
    """Print what stage 1 did; a rejected or failed scan is a line on stderr."""
    for line in report.lines:
        say(f"renderbench: {line}")
    for failure in report.failed:
        say(f"renderbench: {failure}")
    filtered = sum(rejection.kind == "filter" for rejection in report.rejected)
    bad = len(report.rejected) - filtered
    if as_json:
        print(
            json.dumps(
                {
                    "written": report.written,
                    "skipped": report.skipped,
                    "rejected": {rejection.name: rejection.reason for rejection in report.rejected},
                    "failed": [str(failure) for failure in report.failed],
                    "splits": report.counts,
                    "published": report.published,
                },
                indent=2,
            )
        )
        return
    parts = [f"{len(report.written)} scans written", f"{len(report.skipped)} already there"]
    parts += [f"{filtered} left out by the dataset's filters"] if filtered else []
    parts += [f"{bad} rejected"] if bad else []
    parts += [f"{len(report.failed)} failed"] if report.failed else []
    print(", ".join(parts))
    apart = {
        split: (report.counts.get(split, 0), published)
        for split, published in report.published.items()
        if report.counts.get(split, 0) != published
    }
    if apart:
        told = ", ".join(f"{here} in {split} (the paper: {there})" for split, (here, there) in apart.items())
        print(f"{report.dataset} now has {told}")
