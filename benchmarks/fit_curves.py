"""A study's fits as curves, one SVG: ``python benchmarks/fit_curves.py --root ROOT --suite SUITE``.

One panel a scan and block. A line is one run: PSNR on the views that select, by iteration. The ring is the
evaluation that was chosen; the dot at the right edge is that scene's PSNR on the test views. Rows of one
method share a colour.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path

from renderbench.artefacts import write_text
from renderbench.config import load_suite
from renderbench.errors import InputError, RenderbenchError
from renderbench.evaluation.record import Record, find_records
from renderbench.layout import Root

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 24, 34, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
INK, GRID = "#333333", "#dddddd"

Axis = Callable[[float], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--suite", required=True)
    parser.add_argument("--output", type=Path, help="ROOT/runs/SUITE/curves.svg by default")
    arguments = parser.parse_args()
    suite = load_suite(arguments.suite)
    runs = Root(arguments.root).path / "runs"
    records = [record for record in find_records(runs, suite.name) if record.notes.get("curve")]
    if not records:
        raise InputError(
            runs / suite.name, "expected runs with curves, found none", "run a method that fits first"
        )
    output = arguments.output or runs / suite.name / "curves.svg"
    write_text(output, draw(records))
    print(output)


def draw(records: Sequence[Record]) -> str:
    """The SVG."""
    cases: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        cases[record.block, record.scan].append(record)
    methods = sorted({record.base_method for record in records})
    colours = {method: COLOURS[index % len(COLOURS)] for index, method in enumerate(methods)}
    columns = min(len(cases), 3)
    rows = -(-len(cases) // columns)
    width, height = columns * WIDTH, rows * HEIGHT + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for index, (case, of_case) in enumerate(sorted(cases.items())):
        x, y = index % columns * WIDTH, index // columns * HEIGHT
        parts += [f'<g transform="translate({x} {y})">', *panel("/".join(case), of_case, colours), "</g>"]
    for index, (method, colour) in enumerate(colours.items()):
        x, y = LEFT + index * 130, rows * HEIGHT + 14
        parts.append(
            f'<line x1="{x}" y1="{y}" x2="{x + 24}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
            f'<text x="{x + 30}" y="{y + 4}">{escape(method)}</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel(title: str, records: Sequence[Record], colours: dict[str, str]) -> list[str]:
    """One panel, WIDTH by HEIGHT."""
    last = max(point["iteration"] for record in records for point in record.notes["curve"])
    scores = [point["selection_psnr_db"] for record in records for point in record.notes["curve"]]
    scores += [score for record in records if (score := record.metrics["psnr"]) is not None]
    low, high = int(min(scores)), int(max(scores)) + 1

    def across(iteration: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * iteration / last

    def down(score: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (score - low) / (high - low)

    parts = [f'<text x="{LEFT}" y="20" font-weight="bold">{escape(title)}</text>']
    for score in range(low, high + 1, max((high - low) // 6, 1)):
        y = down(score)
        parts.append(
            f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="{GRID}"/>'
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{score}</text>'
        )
    for quarter in range(5):
        x = across(last * quarter / 4)
        parts.append(
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">'
            f"{last * quarter // 4:,}</text>"
        )
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts += [
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">iteration</text>',
        f'<text x="14" y="{middle}" text-anchor="middle" transform="rotate(-90 14 {middle})">'
        "PSNR (dB)</text>",
    ]
    for record in records:
        parts += line(record, colours[record.base_method], across, down)
    return parts


def line(record: Record, colour: str, across: Axis, down: Axis) -> list[str]:
    """One run: its curve, what was chosen, and what that scores on the test views."""
    curve = record.notes["curve"]
    points = " ".join(
        f"{across(point['iteration']):.1f},{down(point['selection_psnr_db']):.1f}" for point in curve
    )
    chosen = next(point for point in curve if point["iteration"] == record.notes["selected_iteration"])
    x, y = across(chosen["iteration"]), down(chosen["selection_psnr_db"])
    parts = [
        f"<g><title>{escape(record.method_title)}</title>"
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="none" stroke="{colour}" stroke-width="1.5"/>'
    ]
    if (score := record.metrics["psnr"]) is not None:
        parts.append(f'<circle cx="{WIDTH - RIGHT + 8}" cy="{down(score):.1f}" r="3" fill="{colour}"/>')
    return [*parts, "</g>"]


if __name__ == "__main__":
    try:
        main()
    except RenderbenchError as error:
        sys.exit(str(error))
