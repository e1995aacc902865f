"""The verb ``download``: says what a dataset is and costs, asks, and brings it here."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from renderbench.cli.options import JsonOption
from renderbench.errors import InputError

if TYPE_CHECKING:
    from renderbench.scans.download import Download, Plan


def download(
    name: Annotated[
        str, typer.Argument(help="totalsegmentator, ct-org, ctpelvic1k, … or a path to a .toml file.")
    ],
    to: Annotated[Path, typer.Option("--to", help="The folder that it goes to.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", help="Agree without being asked.")] = False,
    keep_archives: Annotated[
        bool, typer.Option("--keep-archives", help="Keep the archives once they are unpacked.")
    ] = False,
    no_unpack: Annotated[
        bool, typer.Option("--no-unpack", help="Leave the archives as they are published.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Download a public dataset: licence and size first, then resumable, checked and unpacked."""
    from renderbench.scans.download import load_download, plan_download, run_download

    dataset = load_download(name)
    _say(_what(dataset), as_json)
    for number, step in enumerate(dataset.instructions, start=1):
        _say([f"  {number}. {step.replace('DIR', str(to))}"], as_json)
    plan = plan_download(dataset, to, unpack=not no_unpack)
    _say(_cost(plan), as_json)
    left = any(not each.done for each in plan.files)
    if left and not yes:
        _ask(name)
    fetched = run_download(plan, keep_archives=keep_archives) if left else []
    if as_json:
        print(json.dumps({"downloaded": fetched, "to": str(plan.folder), "raw": str(plan.raw)}))
    else:
        print(f"{len(fetched)} files downloaded" if fetched else "already there")
        if not no_unpack:
            print(f"next: renderbench dataset … --raw {plan.raw}")


def _what(dataset: Download) -> list[str]:
    return [
        dataset.title,
        f"  licence   {dataset.licence} ({dataset.licence_url})",
        f"  citation  {dataset.citation}",
        f"  DOI       {dataset.doi} ({dataset.homepage})",
    ]


def _cost(plan: Plan) -> list[str]:
    lines = [f"  to        {plan.folder.absolute()} ({_gb(plan.free_bytes)} free)"]
    for each in plan.files:
        if each.done:
            state = "done"
        else:
            there = f", {_gb(each.there_bytes)} of it here" if each.there_bytes else ""
            state = f"{_gb(each.file.bytes) if each.file.bytes else 'size unknown'}{there}"
        lines.append(f"  file      {each.file.name}: {state}")
    if plan.needed_bytes:
        room = f", needs at most about {_gb(plan.needed_bytes)} of disk" if plan.unpack else ""
        lines.append(f"  size      {_gb(plan.to_download_bytes)} to download{room}")
    return lines


def _ask(name: str) -> None:
    if not sys.stdin.isatty():
        raise InputError(
            f"download {name}",
            "expected --yes, since nobody is here to be asked, found none",
            "add --yes if you agree to the licence and the size",
        )
    if not typer.confirm("Download it under this licence?", err=True):
        raise typer.Exit(1)


def _say(lines: list[str], as_json: bool) -> None:
    # JSON stays alone on stdout.
    for line in lines:
        print(line, file=sys.stderr if as_json else sys.stdout, flush=True)


def _gb(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 10**7 else f"{count / 1e6:.3f} MB"
