"""The verbs that only look: status, methods, doctor."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from renderbench.cli.options import JsonOption, RootOption


def status(
    root: RootOption,
    suite: Annotated[
        str | None, typer.Option("--suite", help="Also say what this suite still lacks.", show_default=False)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what of a study is done, missing or failed."""
    from renderbench.config import load_suite
    from renderbench.layout import Root
    from renderbench.status import study_status

    found = study_status(Root(root).require(), load_suite(suite) if suite else None)
    if as_json:
        print(json.dumps([item.as_dict() for item in found], indent=2))
        return
    if not found:
        print("nothing yet; begin with `renderbench dataset`")
        return
    rows = [(item.kind, item.name, (item.state, item.colour), item.detail) for item in found]
    _print_table(("what", "where", "state", "detail"), rows)


def methods(as_json: JsonOption = False) -> None:
    """List the methods that installed packages register."""
    from renderbench.methods import registered_methods

    found = registered_methods()
    if as_json:
        entries = [
            {
                "id": spec.id,
                "title": spec.title,
                "summary": spec.summary,
                "settings": spec.settings().model_dump(),
            }
            for spec in found.values()
        ]
        print(json.dumps(entries, indent=2))
        return
    width = max(len(name) for name in found)
    for name, spec in found.items():
        print(f"{name:<{width}}  {spec.summary}")


def doctor(as_json: JsonOption = False) -> None:
    """Say what this machine can do, and how to get what is missing."""
    from renderbench.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([finding.as_dict() for finding in findings], indent=2))
        return
    rows = [
        (
            ("yes", "green") if finding.present else ("no", "yellow"),
            finding.name,
            finding.detail,
            finding.remedy,
        )
        for finding in findings
    ]
    _print_table(("", "what", "found", "remedy"), rows)


def _print_table(headings: Sequence[str], rows: Sequence[Sequence[str | tuple[str, str]]]) -> None:
    """A borderless table; a cell is a text, or a text and its colour."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(Text(cell) if isinstance(cell, str) else Text(*cell) for cell in row))
    # A file or a pipe has no width to fit: nothing is folded there.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(table)
