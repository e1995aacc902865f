"""Tables as Markdown (GitHub's), columns padded so that they also read as text."""

from __future__ import annotations

from collections.abc import Sequence

from leaderboard.tables.model import Cell, Table

# What would end a cell, begin markup, or be taken for HTML.
_ESCAPED = {
    "\\": "\\\\",
    "|": "\\|",
    "*": "\\*",
    "`": "\\`",
    "<": "&lt;",
    ">": "&gt;",
}


def markdown(tables: Sequence[Table]) -> str:
    """The tables, one below the other."""
    return "\n".join(_one(table) for table in tables)


def _one(table: Table) -> str:
    numeric = [heading.numeric for heading in table.headings]
    head = [_escaped(f"{heading.above} {heading.text}".strip()) for heading in table.headings]
    # Markdown has no spans: what spans stands in its first column.
    body = [[text for cell in row for text in (_cell(cell), *[""] * (cell.span - 1))] for row in table.rows]
    widths = [max(len(line[column]) for line in [head, *body]) for column in range(len(head))]
    rule = "|".join(
        "-" * (width + 1) + ":" if right else "-" * (width + 2)
        for width, right in zip(widths, numeric, strict=True)
    )
    title = [f"**{_escaped(table.title)}**", ""] if table.title else []
    notes = [_escaped(line) for line in (*table.legend, *table.notes)]
    lines = [*title, _line(head, widths, numeric), f"|{rule}|"]
    lines += [_line(row, widths, numeric) for row in body]
    # An empty line between notes: Markdown would run them together.
    for note in notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell) -> str:
    text = _escaped(cell.text)
    return (f"**{text}**" if cell.bold else text) + cell.mark


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, numeric, strict=True)
    ]
    return "| " + " | ".join(padded) + " |"


def _escaped(text: str) -> str:
    # One line, and nothing that a terminal would obey.
    flat = "".join(letter if letter.isprintable() else "�" for letter in " ".join(text.split()))
    # Commands in notes stay as they are, to be copied.
    parts = flat.split("`")
    if len(parts) % 2 == 0:
        parts = [flat]
    return "`".join(
        part if index % 2 else "".join(_ESCAPED.get(letter, letter) for letter in part).replace("](", "]\\(")
        for index, part in enumerate(parts)
    )
