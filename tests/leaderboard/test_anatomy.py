"""Tables 3, 4 and 5 as we print them, against the paper's, row by row and point by point."""

import io

import pandas as pd
import pytest

from leaderboard.tables import table_text
from tests.leaderboard import paper

LABELS = [line.split(" | ") for line in paper.TABLES_3_AND_4.strip().splitlines()]
OF_TABLE = {"3": LABELS[:61], "4": LABELS[61:]}


def rows_of_markdown(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().replace("\\", "") for cell in line[2:-2].split(" | ")] for line in lines[1:]]


def rows_of_latex(text: str) -> list[list[str]]:
    body = text.partition("\\endhead")[2].partition("\\bottomrule")[0]
    lines = [line.removesuffix(r"\\") for line in body.splitlines() if line.endswith(r"\\")]
    plain = [line.replace(r"\&", "\0").replace(r"\_", "_").replace("{}[", "[") for line in lines]
    return [[cell.strip().replace("\0", "&") for cell in line.split("&")] for line in plain]


def test_the_transcription_has_every_label():
    assert [int(row[0]) for row in LABELS] == list(range(120))
    assert LABELS[60][1] == "brachiocephalic_vein_right"


@pytest.mark.parametrize("number", ["3", "4"])
def test_every_row_of_tables_3_and_4_is_the_papers(number):
    assert rows_of_markdown(table_text(number, None, "markdown")) == OF_TABLE[number]
    assert rows_of_latex(table_text(number, None, "latex")) == OF_TABLE[number]
    frame = pd.read_csv(io.StringIO(table_text(number, None, "csv")), dtype=str)
    assert frame.to_numpy().tolist() == OF_TABLE[number]


def points_of_the_paper() -> dict[tuple[str, int], list[list[float]]]:
    """By transfer function and group, [HU, r, g, b, a] a point."""
    points: dict[tuple[str, int], list[list[float]]] = {}
    group = -1
    for line in paper.TABLE_5.strip("\n").splitlines():
        fields = [field.strip() for field in line.split("|")]
        if fields[0]:
            group = int(fields[0])
            continue
        for name, (hu, value) in zip(("seen", "unseen"), (fields[2:4], fields[4:6]), strict=True):
            if hu:
                numbers = [float(number) for number in value.strip("[]").split(",")]
                points.setdefault((name, group), []).append([float(hu), *numbers])
    return points


def themes_of_the_paper() -> list[tuple[int, str, str, str]]:
    heads = [line.split(" | ") for line in paper.TABLE_5.strip().splitlines() if line[0].isdigit()]
    return [(int(row[0]), row[1], row[2], row[4].removesuffix(" |")) for row in heads]


def points_of_rows(rows: list[list[str]]) -> dict[tuple[str, int], list[list[float]]]:
    points: dict[tuple[str, int], list[list[float]]] = {}
    group = -1
    for row in rows:
        if row[0]:
            group = int(row[0])
            continue
        for name, (hu, value) in zip(("seen", "unseen"), (row[2:4], row[4:6]), strict=True):
            if hu:
                numbers = [float(number) for number in value.strip("[]").split(", ")]
                points.setdefault((name, group), []).append([float(hu), *numbers])
    return points


def test_every_point_of_table_5_is_the_papers_in_every_format():
    theirs = points_of_the_paper()
    assert len(theirs) == 24
    assert sum(map(len, theirs.values())) == 79 + 78
    markdown = rows_of_markdown(table_text("5", None, "markdown"))
    assert points_of_rows(markdown) == theirs
    assert points_of_rows(rows_of_latex(table_text("5", None, "latex"))) == theirs
    frame = pd.read_csv(io.StringIO(table_text("5", None, "csv")))
    ours = {
        (name, int(group)): rows[["hu", "red", "green", "blue", "alpha"]].to_numpy().tolist()
        for (name, group), rows in frame.groupby(["transfer_function", "group_index"])
    }
    assert ours == theirs


def test_every_group_and_theme_of_table_5_is_the_papers():
    heads = [row for row in rows_of_markdown(table_text("5", None, "markdown")) if row[0]]
    for (index, group, seen, unseen), ours in zip(themes_of_the_paper(), heads, strict=True):
        assert (int(ours[0]), ours[1], ours[2], ours[4]) == (index, group, seen, unseen)
