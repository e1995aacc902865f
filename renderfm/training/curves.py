"""The curve of a training: a CSV to work with, and a plot as SVG to look at."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from renderbench.artefacts import write_text

_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 360, 56, 28, 150, 40
_COLOURS = ("#999999", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_FIRST = ("iteration", "seconds", "learning_rate", "loss", "training_psnr_db", "validation_psnr_db")


def write_curve(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a curve as CSV.

    Args:
        path: of the file.
        rows: each with ``iteration``; what a row lacks is left empty. Columns beyond the usual ones follow
            in the order of their first appearance.

    Raises:
        InputError: the path cannot be written to.
    """
    more = dict.fromkeys(key for row in rows for key in row if key not in _FIRST)
    text = io.StringIO()
    writer = csv.DictWriter(text, [*_FIRST, *more], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


def write_plot(path: Path, rows: Sequence[Mapping[str, Any]], *, title: str) -> None:
    """Draw the PSNR on training and validation views over iterations, as SVG.

    Args:
        path: of the file.
        rows: as :func:`write_curve` takes them.
        title: above the plot.

    Raises:
        InputError: the path cannot be written to.
    """
    series = {
        name: [(row["iteration"], row[name]) for row in rows if math.isfinite(row.get(name, math.nan))]
        for name in dict.fromkeys(key for row in rows for key in row if key.endswith("psnr_db"))
    }
    series = {name: points for name, points in series.items() if points}
    if not series:
        return
    everything = [point for points in series.values() for point in points]
    last = max(1, *(int(iteration) for iteration, _ in everything))
    low = math.floor(min(value for _, value in everything))
    high = max(low + 1, math.ceil(max(value for _, value in everything)))

    def place(iteration: float, value: float) -> tuple[float, float]:
        x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * iteration / last
        y = _TOP + (_HEIGHT - _TOP - _BOTTOM) * (high - value) / (high - low)
        return round(x, 1), round(y, 1)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="18" font-size="13">{escape(title)}</text>',
    ]
    for value in range(low, high + 1):
        (x0, y), (x1, _) = place(0, value), place(last, value)
        parts.append(f'<path d="M{x0} {y}H{x1}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x0 - 6}" y="{y + 4}" text-anchor="end">{value} dB</text>')
    for quarter in range(5):
        iteration = last * quarter / 4
        x, y = place(iteration, low)
        parts.append(f'<text x="{x}" y="{y + 16}" text-anchor="middle">{iteration:g}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        line = " ".join(f"{x},{y}" for x, y in (place(*point) for point in points))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        label = name.removesuffix("_psnr_db")
        y = _TOP + 14 * (number + 1)
        parts.append(f'<text x="{_WIDTH - _RIGHT + 8}" y="{y}" fill="{colour}">{escape(label)}</text>')
    write_text(path, "\n".join([*parts, "</svg>"]) + "\n")
