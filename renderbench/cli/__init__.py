"""The command line: one thin verb per stage. Nothing heavy is imported until a verb runs."""

from renderbench.cli.app import main

__all__ = ["main"]
