"""The ``renderbench`` command and how its failures end."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Annotated, Any

import typer

from renderbench import __version__
from renderbench.cli import look, stages
from renderbench.cli.dataset import dataset
from renderbench.cli.demo import demo
from renderbench.cli.download import download
from renderbench.cli.groundtruth import groundtruth
from renderbench.cli.ply import ply
from renderbench.errors import RenderbenchError

# Verbs that live outside renderbench/ register here, so that renderbench imports nothing above it.
_GROUP = "renderbench.commands"
# What typer makes of Ctrl-C, and returns: 128 + SIGINT.
_INTERRUPTED = 130


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2, a failed job exit code 1."""
    try:
        code = build()(standalone_mode=False)
    except RenderbenchError as error:
        print(f"renderbench: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = _INTERRUPTED
    except Exception as error:
        # typer's usage errors; in which module their class lies depends on its version.
        if not hasattr(error, "format_message"):
            raise
        _print_usage_error(error)
        sys.exit(2)
    if code == _INTERRUPTED:
        print("renderbench: interrupted; the same command goes on from here", file=sys.stderr)
    sys.exit(code)


def _print_usage_error(error: Any) -> None:
    """One line, except for the help that typer shows where a verb is missing."""
    message = error.format_message()
    if not message or "\n" in message.strip():
        error.show()
        return
    context = getattr(error, "ctx", None)
    verb = context.command_path if context else "renderbench"
    problem = " ".join(message.rstrip(".").split())
    print(f"renderbench: {problem}; `{verb} --help` says what there is", file=sys.stderr)


def build() -> typer.Typer:
    """The command with every verb: renderbench's own and those that installed packages register."""
    app = typer.Typer(
        name="renderbench",
        help="Data, ground truth and benchmarks for photorealistic volume rendering of CT.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    before: list[Callable[..., None]] = [download, dataset, groundtruth, stages.run]
    after: list[Callable[..., None]] = [ply, look.status, look.methods, look.doctor, demo]
    for verb in before:
        app.command()(verb)
    for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name, reverse=True):
        command = point.load()
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=point.name)
        else:
            app.command(name=point.name)(command)
    for verb in after:
        app.command()(verb)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        print(f"renderbench {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Data, ground truth and benchmarks for photorealistic volume rendering of CT."""
