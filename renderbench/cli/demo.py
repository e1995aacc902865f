"""The verb ``demo``: the whole road on the built-in phantom, verb by verb as a user would type it."""

from __future__ import annotations

import shlex
import sys
import time
from typing import Annotated

import typer

from renderbench.cli.options import RootOption


def demo(
    context: typer.Context,
    root: RootOption,
    suite: Annotated[
        str, typer.Option("--suite", help="The suite to walk; its dataset must be phantom.")
    ] = "demo",
) -> None:
    """Walk the whole road on the built-in phantom: dataset, ground truth, every method, tables."""
    from renderbench.config import load_suite
    from renderbench.errors import InputError

    start = time.perf_counter()
    walked = load_suite(suite)
    others = sorted({block.dataset for block in walked.blocks} - {"phantom"})
    if others:
        raise InputError(
            f"suite {walked.name!r}",
            f"expected blocks of the dataset phantom only, found {', '.join(others)}",
            "run its stages one by one, or walk the suite 'demo'",
        )
    study = ["--root", str(root), "--suite", suite]
    verbs = [
        ["dataset", "phantom", "--root", str(root)],
        ["groundtruth", *study],
        *(["run", *study, "--method", method] for method in walked.method_ids()),
        ["tables", *study, "--format", "markdown"],
        ["tables", *study, "--table", "all", "--format", "all"],
        ["leaderboard", "export", "--root", str(root)],
    ]
    for verb in verbs:
        print(f"\n$ renderbench {shlex.join(verb)}", flush=True)
        # The whole command again, so that the demo cannot do what a user could not.
        code = context.find_root().command.main(verb, prog_name="renderbench", standalone_mode=False)
        if code:
            raise typer.Exit(code)
    print(f"\nThe whole road took {time.perf_counter() - start:.0f} s.", file=sys.stderr)
