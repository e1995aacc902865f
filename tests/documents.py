"""The commands that the documents show, and whether this checkout knows them."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from renderbench.cli.app import build
from renderbench.config import load_suite, shipped_suites
from tests.conftest import REPOSITORY

# What a command line may stand in; a block of another kind (python, toml) is no shell.
_SHELL = {"", "console", "sh", "bash", "shell"}
_PROMPT = "$ "
_PROGRAMS = ("renderbench", "make", "python")
# Written for something of the reader's: ROOT, SUITE, ROOT/runs/SUITE/BLOCK, $method.
_PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*|\$\w+")


class WrongCommand(Exception):
    """A document shows a command that this checkout does not know."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its kind, its text and the line it begins at."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A command in a document."""

    where: str
    words: tuple[str, ...]


def documents() -> list[Path]:
    """Every document of the repository that shows commands to readers."""
    return [
        REPOSITORY / "README.md",
        *sorted((REPOSITORY / "docs").rglob("*.md")),
        *sorted((REPOSITORY / "pbrt_scenes").glob("*.md")),
    ]


def blocks(document: str) -> list[Block]:
    """The fenced blocks of a document, and those that Markdown makes by four spaces."""
    fenced = re.compile(r"^```(\w*)\n(.*?)^```", re.S | re.M)
    found = [
        Block(kind=each[1], text=each[2], line=document.count("\n", 0, each.start(2)) + 1)
        for each in fenced.finditer(document)
    ]
    # What is fenced keeps its lines, empty, so that line numbers hold.
    rest = fenced.sub(lambda each: "\n" * each[0].count("\n"), document)
    for each in re.finditer(r"(?<=\n\n)((?: {4}.*\n)+)", rest):
        text = re.sub(r"^ {4}", "", each[1], flags=re.M)
        found.append(Block(kind="", text=text, line=rest.count("\n", 0, each.start()) + 1))
    return sorted(found, key=lambda block: block.line)


def commands(document: str, name: str) -> list[Shown]:
    """Every ``renderbench``, ``make`` and ``python`` command in the shell blocks of a document."""
    found = []
    for block in blocks(document):
        if block.kind in _SHELL:
            for number, line in lines(block.text):
                where = f"{name}:{block.line + number}"
                found += [Shown(where=where, words=words) for words in _commands_of(line, where)]
    return found


def lines(text: str) -> list[tuple[int, str]]:
    """The commands of a shell block with their line numbers: those with a prompt, where there is one."""
    joined, begins = [], None
    for number, line in enumerate(text.splitlines()):
        begins = (number, "") if begins is None else begins
        whole = begins[1] + line
        if whole.endswith("\\"):
            begins = (begins[0], whole[:-1])
            continue
        joined.append((begins[0], whole))
        begins = None
    prompted = [(number, line[2:]) for number, line in joined if line.startswith(_PROMPT)]
    return prompted or joined


def _commands_of(line: str, where: str) -> Iterator[tuple[str, ...]]:
    if not re.search(rf"\b({'|'.join(_PROGRAMS)})\b", line.split(" #")[0]):
        return
    try:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&")
        lexer.whitespace_split = True
        words = list(lexer)
    except ValueError as error:
        raise WrongCommand(f"{where}: not a command line ({error})") from None
    for separator, parts in itertools.groupby(words, lambda word: set(word) <= set(";&")):
        command = [word for word in parts if word != "do"]
        if not separator and command and command[0] in _PROGRAMS:
            yield from _without_notation(command)


def _without_notation(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """``[--table 1|2]`` stands for an option that may be there, with one of two values: both are tried."""
    plain = [word.strip("[]") for word in words]
    yield from itertools.product(*(word.split("|") for word in plain))


def check(words: Sequence[str]) -> None:
    """Raise where a command is not one of this checkout's.

    Raises:
        WrongCommand: no such verb, option, value, suite, target or script.
    """
    program, *arguments = words
    {"renderbench": _check_renderbench, "make": _check_make, "python": _check_python}[program](arguments)


def _check_renderbench(arguments: Sequence[str]) -> None:
    values = parsed(arguments)
    name = values.get("suite") or ""
    stem = name.partition("+")[0]
    if not name or _PLACEHOLDER.fullmatch(stem) or stem.endswith(".toml"):
        return
    if stem not in shipped_suites():
        raise WrongCommand(f"no suite {name!r} is shipped")
    method = values.get("method")
    known = load_suite(name).method_ids()
    if method is not None and not _PLACEHOLDER.fullmatch(method) and method not in known:
        raise WrongCommand(f"suite {name} has no method {method!r}")


def parsed(arguments: Sequence[str]) -> dict[str, Any]:
    """The values that the command line makes of ``arguments``; nothing is run.

    Raises:
        WrongCommand: it would not take them.
    """
    command: Any = typer.main.get_command(build())
    rest, context = list(arguments), None
    while hasattr(command, "get_command"):
        context = command.context_class(command, info_name=command.name, parent=context)
        verb = rest.pop(0) if rest else ""
        inner = command.get_command(context, verb)
        if inner is None:
            raise WrongCommand(f"{context.command_path} has no verb {verb!r}")
        command = inner
    try:
        return dict(command.make_context(command.name, rest, parent=context).params)
    except Exception as error:
        # Typer's usage errors; in which module their class lies depends on its version.
        if not hasattr(error, "format_message"):
            raise
        raise WrongCommand(error.format_message()) from None


def _check_make(arguments: Sequence[str]) -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    variables = set(re.findall(r"^([A-Z]+) *\?=", makefile, re.M))
    for word in arguments:
        name, setting, _ = word.partition("=")
        if name not in (variables if setting else targets):
            raise WrongCommand(f"the Makefile has no {'variable' if setting else 'target'} {name!r}")


def _check_python(arguments: Sequence[str]) -> None:
    """A script of the repository, and only options that it adds; it is read, not run."""
    if not arguments or arguments[0].startswith("-"):
        return
    script = REPOSITORY / arguments[0]
    if not script.is_file():
        raise WrongCommand(f"there is no {arguments[0]}")
    added = {
        word.value
        for call in ast.walk(ast.parse(script.read_text()))
        if isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"
        for word in call.args
        if isinstance(word, ast.Constant)
    }
    for word in arguments[1:]:
        if word.startswith("--") and word.partition("=")[0] not in added:
            raise WrongCommand(f"{arguments[0]} has no option {word}")
