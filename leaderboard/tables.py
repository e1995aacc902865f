"""Tables of a suite: its blocks and methods as rows, from run records, as Markdown, LaTeX or CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from leaderboard.results import NEAR_FLOOR_DB
from renderbench.config import RendererSettings, Suite

Format = Literal["csv", "markdown", "latex"]
SUFFIX: dict[Format, str] = {"csv": "csv", "markdown": "md", "latex": "tex"}
ABSENT = "n/a"
NEAR_FLOOR_NOTE = (
    f"within {NEAR_FLOOR_DB:g} dB of the noise floor, where at least a quarter of the error is the ground "
    "truth's own noise; against noise-free ground truth the PSNR would be at least 1.2 dB higher."
)
_MARK = "†"


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, where it comes from, how it prints, and which way is better."""

    heading: str
    source: str
    text: Callable[[float], str]
    better: Literal["higher", "lower", "neither"] = "neither"


TABLE_COLUMNS = (
    Column("SSIM", "ssim", "{:.3f}".format, "higher"),
    Column("PSNR (dB)", "psnr_db", "{:.2f}".format, "higher"),
    Column("sd over views", "psnr_db_sd_views", "{:.2f}".format),
    Column("Prep. (s)", "seconds_without_views", "{:,.1f}".format, "lower"),
    Column("with views (s)", "seconds_full", "{:,.1f}".format, "lower"),
    Column("Points", "points", "{:,.0f}".format),
    Column("FPS", "fps", "{:.1f}".format, "higher"),
    Column("Floor SSIM", "noise_floor_ssim", "{:.3f}".format),
    Column("Floor PSNR (dB)", "noise_floor_db", "{:.1f}".format),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One printed row: condition, method, and one text a column.

    ``best`` marks the block's best figures, ``near_floor`` those that the ground truth's noise decides
    with the method.
    """

    condition: str
    method: str
    texts: tuple[str, ...]
    best: tuple[bool, ...]
    near_floor: tuple[bool, ...]


def table_of(suite: Suite, results: pd.DataFrame, kind: Format) -> str:
    """The suite's table in one format; a method without records is a row of ``n/a``.

    Args:
        suite: which blocks and methods there should be.
        results: :func:`leaderboard.results.per_block` of its records.
        kind: ``csv`` (unrounded), ``markdown`` or ``latex``.
    """
    if kind == "csv":
        return _csv(suite, results)
    rows = [row for block in suite.blocks for row in _rows_of_block(suite, block.id, results)]
    # What explains a mark is printed with it; LaTeX has the other notes in comments.
    legend = [f"{_MARK} {NEAR_FLOOR_NOTE}"] if any(any(row.near_floor) for row in rows) else []
    notes = notes_of(suite, results)
    return _markdown(rows, [*legend, *notes]) if kind == "markdown" else _latex(rows, legend, notes)


def missing_runs(suite: Suite, results: pd.DataFrame) -> list[str]:
    """The commands that make the records which the suite's table lacks."""
    there = set(zip(results["block"], results["method"], strict=True))
    methods = [
        method
        for method in suite.method_ids()
        if any(method in block.methods and (block.id, method) not in there for block in suite.blocks)
    ]
    return [f"renderbench run --root ROOT --suite {suite.name} --method {method}" for method in methods]


def notes_of(suite: Suite, results: pd.DataFrame) -> list[str]:
    """What a reader must know beside the numbers: conditions, hardware, and what is missing."""
    renderer, views = suite.renderer, suite.views
    notes = [
        f"{views.resolution} × {views.resolution} pixels, {views.fit} fitting and {views.test} test views "
        f"a scan; ground truth by {renderer.name} {_sampling(renderer)}; "
        f"seed {suite.seed}.",
        "Protocol: "
        + "; ".join(f"{block.title}: {block.protocol}" for block in suite.blocks)
        + " (heldout: the evaluation is chosen on fitting views kept apart; "
        "paper: on the test views, as published).",
        "PSNR and SSIM over the full frame on 8-bit sRGB. Prep.: raw CT to ready scene; with views: "
        "ground-truth fitting views counted too. Floor: what a perfect method would score against this "
        "ground truth, which has noise of its own.",
    ]
    machines = results[["cpu", "cores", "gpu"]].drop_duplicates()
    notes += [f"Measured on {row.cpu}, {row.cores} cores, GPU: {row.gpu}." for row in machines.itertuples()]
    absent = missing_runs(suite, results)
    notes += [f"{ABSENT}: no record; make it with `{command}`." for command in absent]
    return notes


def _sampling(renderer: RendererSettings) -> str:
    if renderer.samples_per_pixel is not None:
        return f"at {renderer.samples_per_pixel} samples a pixel"
    return f"sampled to a noise floor of {renderer.noise_floor_db:g} dB"


def _rows_of_block(suite: Suite, block_id: str, results: pd.DataFrame) -> list[Row]:
    block = next(block for block in suite.blocks if block.id == block_id)
    found = results[results["block"] == block_id].set_index("method")
    rows = []
    for method in block.methods:
        if method not in found.index:
            blank = (ABSENT,) * len(TABLE_COLUMNS)
            none = (False,) * len(blank)
            rows.append(Row(condition=block.title, method=method, texts=blank, best=none, near_floor=none))
            continue
        record = found.loc[method]
        texts = tuple(
            ABSENT if pd.isna(record[column.source]) else column.text(record[column.source])
            for column in TABLE_COLUMNS
        )
        best = tuple(_is_best(column, found, text) for column, text in zip(TABLE_COLUMNS, texts, strict=True))
        near = tuple(
            column.source == "psnr_db" and bool(record["near_noise_floor"]) for column in TABLE_COLUMNS
        )
        rows.append(
            Row(condition=block.title, method=record["method_title"], texts=texts, best=best, near_floor=near)
        )
    return rows


def _is_best(column: Column, found: pd.DataFrame, text: str) -> bool:
    """Whether a figure, as printed, is its block's best; equal prints are all best."""
    values = found[column.source].dropna()
    if column.better == "neither" or len(values) < 2 or text == ABSENT:
        return False
    best = values.max() if column.better == "higher" else values.min()
    return text == column.text(best)


def _csv(suite: Suite, results: pd.DataFrame) -> str:
    order = pd.DataFrame(
        [(block.id, method) for block in suite.blocks for method in block.methods],
        columns=["block", "method"],
    )
    table = order.merge(results, how="left", on=["block", "method"])
    return table[list(results.columns)].to_csv(index=False, lineterminator="\n", na_rep=ABSENT)


def _markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    headings = ["Condition", "Method", *(column.heading for column in TABLE_COLUMNS)]
    body = [
        [
            row.condition if index == 0 or rows[index - 1].condition != row.condition else "",
            row.method,
            *(
                (f"**{text}**" if best else text) + _MARK * near
                for text, best, near in zip(row.texts, row.best, row.near_floor, strict=True)
            ),
        ]
        for index, row in enumerate(rows)
    ]
    widths = [max(len(line[column]) for line in [headings, *body]) for column in range(len(headings))]
    lines = [_markdown_line(line, widths) for line in [headings, *body]]
    rule = (
        "|"
        + "|".join("-" * (width + 2) if i < 2 else "-" * (width + 1) + ":" for i, width in enumerate(widths))
        + "|"
    )
    return "\n".join([lines[0], rule, *lines[1:], "", *notes]) + "\n"


def _markdown_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [
        cell.ljust(width) if i < 2 else cell.rjust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "| " + " | ".join(padded) + " |"


def _latex(rows: Sequence[Row], legend: Sequence[str], notes: Sequence[str]) -> str:
    columns = len(TABLE_COLUMNS)
    lines = [
        "% needs \\usepackage{booktabs}",
        f"\\begin{{tabular}}{{ll{'r' * columns}}}",
        "\\toprule",
        " & ".join(["Condition", "Method", *(_tex(column.heading) for column in TABLE_COLUMNS)]) + r" \\",
    ]
    for index, row in enumerate(rows):
        new = index == 0 or rows[index - 1].condition != row.condition
        if new:
            lines.append("\\midrule")
        figures = [
            (f"\\textbf{{{_tex(text)}}}" if best else _tex(text)) + _tex(_MARK) * near
            for text, best, near in zip(row.texts, row.best, row.near_floor, strict=True)
        ]
        lines.append(" & ".join([_tex(row.condition) if new else "", _tex(row.method), *figures]) + r" \\")
    lines += ["\\bottomrule", "\\end{tabular}"]
    lines += [f"\\par\\smallskip{{\\footnotesize {_tex(line)}\\par}}" for line in legend]
    lines += [f"% {note}" for note in notes]
    return "\n".join(lines) + "\n"


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
    "†": r"\textdagger{}",
}


def _tex(text: str) -> str:
    return "".join(_TEX.get(character, character) for character in text)
