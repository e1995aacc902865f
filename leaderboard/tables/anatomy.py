"""Tables 3, 4 and 5 of the paper, from the label map and the transfer functions that everything uses."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leaderboard.tables.model import Cell, Heading, Table, plain
from renderbench.scans.groups import GROUP_INDEX, GROUPS, LABELS, Label
from renderbench.scans.transfer import TransferFunction, load_transfer_function

_LAST_OF_TABLE_3 = 60
_SHOWN = {"seen": "Seen TF", "unseen": "Unseen TF"}
_LABEL_HEADINGS = (
    Heading(text="Label", numeric=True),
    Heading(text="Description"),
    Heading(text="Index", numeric=True),
    Heading(text="Group"),
)


def labels_table(number: int) -> Table:
    """Table 3 (labels 0 to 60) or 4 (61 to 119): the label map.

    Args:
        number: 3 or 4.
    """
    labels = _labels(number)
    rows = [
        plain(str(label.value), label.name, str(GROUP_INDEX[label.group]), _group_name(label))
        for label in labels
    ]
    span = f"labels {labels[0].value}-{labels[-1].value}"
    title = f"Table {number}: labels of TotalSegmentator and user-defined ones, and their groups ({span})"
    return Table(title=title, headings=_LABEL_HEADINGS, rows=rows)


def labels_frame(number: int) -> pd.DataFrame:
    """The same as a data frame: label, description, group_index, group."""
    return pd.DataFrame(
        [
            (label.value, label.name, GROUP_INDEX[label.group], _group_name(label))
            for label in _labels(number)
        ],
        columns=["label", "description", "group_index", "group"],
    )


def transfer_table() -> Table:
    """Table 5: every group's theme and points, of the Seen and the Unseen transfer function side by side."""
    functions = [load_transfer_function(name) for name in _SHOWN]
    headings = [
        Heading(text="Index", numeric=True),
        Heading(text="Group"),
        *(
            heading
            for shown in _SHOWN.values()
            for heading in (
                Heading(text="HU", above=shown, numeric=True),
                Heading(text="[R, G, B, A]", above=shown),
            )
        ),
    ]
    rows: list[list[Cell]] = []
    breaks = set()
    for group in GROUPS:
        breaks.add(len(rows))
        themes = [Cell(text=function.themes[group.id], span=2) for function in functions]
        # Without what the name holds in brackets, as in the paper: Tables 3 and 4 have it in full.
        rows.append([*plain(str(group.index), group.name.partition(" (")[0]), *themes])
        columns = [_points(function, group.id) for function in functions]
        for index in range(max(len(column) for column in columns)):
            points = [column[index] if index < len(column) else ("", "") for column in columns]
            rows.append(plain("", "", *(text for point in points for text in point)))
    title = "Table 5: the transfer functions, a theme and points in Hounsfield units a group"
    return Table(title=title, headings=headings, rows=rows, breaks=frozenset(breaks))


def transfer_frame() -> pd.DataFrame:
    """The same as a data frame, a row a point; colours 0 to 255, alpha 0 to 1."""
    return pd.DataFrame(
        [
            (name, group.index, group.name, function.themes[group.id], *point)
            for name, function in ((name, load_transfer_function(name)) for name in _SHOWN)
            for group in GROUPS
            for point in function.points[group.id].tolist()
        ],
        columns=[
            "transfer_function",
            "group_index",
            "group",
            "theme",
            "hu",
            "red",
            "green",
            "blue",
            "alpha",
        ],
    )


def _labels(number: int) -> Sequence[Label]:
    first_part = number == 3
    return [label for label in LABELS if (label.value <= _LAST_OF_TABLE_3) == first_part]


def _group_name(label: Label) -> str:
    return GROUPS[GROUP_INDEX[label.group]].name


def _points(function: TransferFunction, group: str) -> list[tuple[str, str]]:
    return [
        (f"{point[0]:g}", f"[{', '.join(f'{value:g}' for value in point[1:])}]")
        for point in function.points[group].tolist()
    ]
