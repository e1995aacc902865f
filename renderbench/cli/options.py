"""Options and output that several verbs share."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

RootOption = Annotated[
    Path,
    typer.Option(
        "--root", help="The study's folder; every stage reads and writes there.", show_default=False
    ),
]
SuiteOption = Annotated[
    str,
    typer.Option("--suite", help="A shipped suite's name, or a path to a .toml file.", show_default=False),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads; all cores by default.", show_default=False),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        "--cluster",
        help="Where the work is done: serial, local, local:4, tcp://host:8786, slurm:jobs=8,..., pbs:, lsf:, "
        "sge:, or a .toml file. This machine's cores by default.",
        show_default=False,
    ),
]


def say(line: str) -> None:
    """A line about what is going on, on stderr."""
    print(line, file=sys.stderr, flush=True)
