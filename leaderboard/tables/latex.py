"""Tables as LaTeX: fragments to ``\\input``, for ``booktabs``, ``graphicx`` and ``longtable``."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import groupby

from leaderboard.tables.model import Cell, Heading, Table

# More rows than these do not fit a page.
_ROWS_OF_A_PAGE = 45
# More columns than these are scaled to the text's width.
_COLUMNS_OF_A_PAGE = 6
_NEEDS = "% needs \\usepackage{booktabs,graphicx,longtable}"


def latex(tables: Sequence[Table]) -> str:
    """The tables, one below the other; notes are comments, legends are set."""
    return "\n".join([_NEEDS, *(_one(table) for table in tables)])


def _one(table: Table) -> str:
    columns = "@{}" + "".join("r" if heading.numeric else "l" for heading in table.headings) + "@{}"
    head = [*_above(table.headings), _line([_tex(heading.text) for heading in table.headings])]
    body: list[str] = []
    for index, row in enumerate(table.rows):
        if index in table.breaks and index:
            body.append("\\midrule")
        body.append(_line([_cell(cell) for cell in row]))
    title = f"\\noindent\\textbf{{{_tex(table.title)}}}\\par\\smallskip" if table.title else ""
    if len(table.rows) > _ROWS_OF_A_PAGE:
        lines = [title, "{\\scriptsize\\setlength{\\tabcolsep}{2pt}"]
        lines += [f"\\begin{{longtable}}{{{columns}}}", "\\toprule", *head, "\\midrule", "\\endhead"]
        lines += [*body, "\\bottomrule", "\\end{longtable}}"]
    else:
        wide = len(table.headings) > _COLUMNS_OF_A_PAGE
        lines = [title, "\\noindent\\resizebox{\\linewidth}{!}{%" if wide else "\\noindent"]
        lines += [f"\\begin{{tabular}}{{{columns}}}", "\\toprule", *head, "\\midrule", *body]
        lines += ["\\bottomrule", "\\end{tabular}" + ("}" if wide else "")]
    lines += [f"\\par\\smallskip\\noindent{{\\footnotesize {_tex(line)}\\par}}" for line in table.legend]
    lines += ["\\par\\medskip"]
    lines += [f"% {' '.join(note.split())}" for note in table.notes]
    return "\n".join(line for line in lines if line) + "\n"


def _above(headings: Sequence[Heading]) -> list[str]:
    if not any(heading.above for heading in headings):
        return []
    spans, rules, first = [], [], 1
    for above, group in groupby(headings, key=lambda heading: heading.above):
        count = len(list(group))
        spans.append(f"\\multicolumn{{{count}}}{{c}}{{{_tex(above)}}}" if above else " & ".join([""] * count))
        if above:
            rules.append(f"\\cmidrule(lr){{{first}-{first + count - 1}}}")
        first += count
    return [_line(spans), " ".join(rules)]


def _cell(cell: Cell) -> str:
    text = _tex(cell.text)
    marked = (f"\\textbf{{{text}}}" if cell.bold else text) + _tex(cell.mark)
    return f"\\multicolumn{{{cell.span}}}{{l@{{}}}}{{{marked}}}" if cell.span > 1 else marked


def _line(cells: Sequence[str]) -> str:
    # A row that begins with "[" would be read as the argument of the \\ before it.
    guarded = [f"{{}}{cell}" if cell.startswith("[") else cell for cell in cells]
    return " & ".join(guarded) + r" \\"


_TEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "×": r"$\times$",
    "−": r"$-$",
    "≥": r"$\geq$",
    "≤": r"$\leq$",
    "²": r"$^2$",
    "–": "--",
    "’": "'",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
    "°": r"$^\circ$",
    "·": r"$\cdot$",
}

# Letters and accents that LaTeX sets in its default encoding.
_LETTERS = frozenset("ßæÆøØåÅœŒłŁ")
_ACCENTS = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter) or _settable(letter) for letter in " ".join(text.split()))


def _settable(letter: str) -> str:
    """The letter, or its code point in words: one of a name that pdfLaTeX has no glyph for ends its run."""
    apart = unicodedata.normalize("NFD", letter)
    plain = letter.isprintable() and apart[0].isascii() and set(apart[1:]) <= _ACCENTS
    if plain or letter in _LETTERS:
        return letter
    return f"(U+{ord(letter):04X})"
