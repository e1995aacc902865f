"""Tables 1 and 2: ours beside the paper's, in columns of their own, with what differs."""

import io

import pandas as pd
import pytest

from leaderboard.published import load_published
from leaderboard.study import study_of
from leaderboard.tables import ABSENT, table_text
from leaderboard.tables.compared import compared_tables
from renderbench.config import Suite, load_suite
from tests.leaderboard import paper
from tests.leaderboard.latex import compile_where_latex_is
from tests.records import record

PUBLISHED = load_published()


def suite_of(dataset, methods=("agp", "6dgs"), **changes):
    block = {"id": "b", "title": "Mine", "dataset": dataset, "methods": list(methods)} | changes
    return Suite.model_validate({"name": "s", "blocks": [block]})


def study(suite, records=(), **options):
    return study_of(suite, list(records), announce=pytest.fail, **options)


def cells(text: str) -> list[list[list[str]]]:
    """By table, its rows; the first is the head."""
    parts = text.split("**Table ")[1:]
    return [
        [
            [cell.strip() for cell in line[2:-2].split(" | ")]
            for line in part.splitlines()
            if line.startswith("| ")
        ]
        for part in parts
    ]


def test_every_published_row_is_printed_as_published_even_without_any_record():
    """The paper's own columns, read back, are the paper's own text."""
    for number, transcribed in (("1", paper.TABLE_1), ("2", paper.TABLE_2)):
        quality, cost = cells(table_text(number, study(load_suite("paper")), "markdown"))
        printed = [
            [row[6], row[9], row[12], *(field.replace(",", "") for field in (other[6], other[9], other[12]))]
            for row, other in zip(quality[1:], cost[1:], strict=True)
        ]
        lines = transcribed.strip("\n").splitlines()
        assert printed == [[field.replace(",", "") for field in line.split(" | ")[-6:]] for line in lines]
        assert {row[5] for row in quality[1:]} == {ABSENT}


def test_without_records_it_says_which_commands_make_them():
    text = table_text("1", study(load_suite("paper"), called="paper"), "markdown")
    note = next(line for line in text.splitlines() if line.startswith("Runs are missing"))
    commands = note.split("`")[1::2]
    assert commands == [
        "renderbench dataset totalsegmentator --raw DIR --root ROOT",
        "renderbench dataset ct-org --raw DIR --root ROOT",
        "renderbench groundtruth --root ROOT --suite paper",
        "renderbench run --root ROOT --suite paper --method 6dgs",
        "renderbench run --root ROOT --suite paper --method 6dgs-agp",
        "renderbench run --root ROOT --suite paper --method renderfm",
        "renderbench run --root ROOT --suite paper --method renderfm-ft",
    ]


def test_a_method_that_the_suite_does_not_list_is_named():
    paper = load_suite("paper")
    fits = [block.model_copy(update={"methods": ["6dgs", "6dgs-agp"]}) for block in paper.blocks]
    text = table_text("1", study(paper.model_copy(update={"blocks": fits})), "markdown")
    assert "TotalSeg, ID, Seen TF: n/a, suite paper does not list Render-FM there." in text


def test_ours_theirs_and_the_difference_have_columns_of_their_own():
    suite = suite_of("totalsegmentator", ["6dgs", "agp"])
    records = [
        record(
            dataset="totalsegmentator",
            method="6dgs",
            method_title="6DGS",
            metrics={"psnr": 28.004, "ssim": 0.9, "lpips-vgg": 0.1},
            points=70_000,
            fps=100.0,
            seconds_without_views=500.0,
        ),
        record(dataset="totalsegmentator"),
    ]
    quality, cost = cells(table_text("1", study(suite, records), "markdown"))
    assert quality[0] == [
        "Paper's condition", "Ours", "Method", "Scans ours", "Scans paper",
        "SSIM ours", "SSIM paper", "SSIM Δ",
        "PSNR (dB) ours", "PSNR (dB) paper", "PSNR (dB) Δ",
        "LPIPS ours", "LPIPS paper", "LPIPS Δ",
    ]  # fmt: skip
    first = quality[1]
    assert first[:5] == ["TotalSeg, ID, Seen TF", "Mine", "6DGS", "1", "46"]
    assert first[5:8] == ["**0.900**", "0.912", "−0.012"]
    assert first[8:11] == ["**28.00**", "26.63", "+1.37"]
    assert first[12:] == ["0.096", "+0.004"]
    assert cost[1][5:] == [
        "500.0",
        "1,463.9",
        "−963.9",
        "70,000",
        "68,785",
        "+1,215",
        "**100.0**",
        "697.5",
        "−597.5",
    ]
    ours_alone = quality[5]
    assert ours_alone[2:5] == ["AGP", "1", ABSENT]
    assert ours_alone[5:8] == ["0.800", ABSENT, ABSENT]
    not_ours = quality[2]
    assert not_ours[2:] == ["6DGS + AGP", ABSENT, "46", ABSENT, "0.925", ABSENT, ABSENT, "28.92", ABSENT, ABSENT, "0.093", ABSENT]  # fmt: skip  # noqa: E501


def test_conditions_that_differ_are_named_and_equal_ones_are_not():
    suite = suite_of("totalsegmentator", ["6dgs"], protocol="paper")
    hardware = {"cpu": "A CPU", "cores": 2, "gpu": "none"}
    made = record(
        dataset="totalsegmentator",
        method="6dgs",
        protocol="paper",
        test_views=40,
        settings={"iterations": 1000},
        hardware=hardware,
    )
    text = table_text("1", study(suite, [made]), "markdown")
    note = next(line for line in text.splitlines() if line.startswith("TotalSeg, ID, Seen TF, ours Mine:"))
    assert "resolution 64 (paper: 1600)" in note
    assert "scans 1 (paper: 46)" in note
    assert "fitting views 4 (paper: 20)" in note
    assert "renderer native (paper: pbrt)" in note
    assert "hardware A CPU, 2 cores, GPU none (paper: a GPU that the paper does not name" in note
    assert "iterations of 6dgs 1000 (paper: 30000)" in note
    for same in ("data", "protocol", "test views"):
        assert f"{same} " not in note.partition(":")[2]


def test_a_suite_of_other_data_stands_in_and_says_so():
    text = table_text("2", study(suite_of("phantom"), [record(dataset="phantom", method="6dgs")]), "markdown")
    rows = cells(text)[0][1:]
    assert [row[1] for row in rows] == ["Mine", "", "", "", ""]
    # As our records call a method; what we have no record of, as the paper does; ours alone come last.
    assert [row[2] for row in rows] == ["AGP", "6DGS + AGP", "Render-FM", "Render-FM + FT", "agp"]
    assert "CTPelvic1K, ours Mine: data phantom (paper: ctpelvic1k)" in text


def test_a_suite_of_the_papers_data_never_stands_in_for_other_data():
    paper = load_suite("paper")
    without = paper.model_copy(update={"blocks": [each for each in paper.blocks if each.dataset == "ct-org"]})
    text = table_text("2", study(without), "markdown")
    rows = cells(text)[0][1:]
    assert len(rows) == 4
    assert {row[5] for row in rows} == {ABSENT}
    assert "CTPelvic1K: n/a, suite paper has no block of dataset ctpelvic1k, transfer function seen" in text


def test_transfer_function_and_groups_must_be_the_same():
    tables = compared_tables(study(suite_of("ct-org", groups=["skeleton"])), 1)
    beside = {row[0].text: row[1].text for row in tables[0].rows if row[0].text}
    assert beside == {
        "TotalSeg, ID, Seen TF": ABSENT,
        "CT-ORG, OOD, Seen TF": ABSENT,
        "CT-ORG, OOD, Unseen TF": ABSENT,
        "CT-ORG, OOD, Seen TF, skeleton group": "Mine",
    }


def test_published_figures_are_never_ranked_against_ours():
    for table in compared_tables(study(suite_of("phantom"), [record(), record(method="6dgs")]), 1):
        for column, heading in enumerate(table.headings):
            if heading.text in ("paper", "Δ"):
                assert not any(row[column].bold for row in table.rows)


def test_the_csv_is_tidy_and_unrounded():
    suite = suite_of("totalsegmentator", ["6dgs"])
    made = record(dataset="totalsegmentator", method="6dgs", metrics={"psnr": 28.0041})
    frame = pd.read_csv(io.StringIO(table_text("1", study(suite, [made]), "csv")))
    assert len(frame) == 16
    row = frame.iloc[0]
    assert (row["published_block"], row["block"], row["method"]) == ("totalseg-seen", "b", "6dgs")
    assert row["psnr_db"] == 28.0041
    first = table_text("1", study(suite, [made]), "csv").splitlines()[1]
    assert first.startswith("1,totalseg-seen,s,b,6dgs,AGP,1,1,46,")
    assert row["psnr_db_published"] == 26.63
    assert row["psnr_db_difference"] == pytest.approx(1.3741)
    assert row["differs"].startswith("scans 1 (paper: 46)")
    assert frame["lpips_vgg"].isna().all()
    assert frame["lpips_vgg_published"].notna().all()
    assert frame["block"].isna().sum() == 12


@pytest.mark.parametrize("number", ["1", "2"])
def test_latex_has_the_papers_columns_and_compiles_where_latex_is(number, tmp_path):
    made = [record(dataset="phantom", method="6dgs"), record(dataset="phantom")]
    text = table_text(number, study(suite_of("phantom"), made), "latex")
    assert r"\multicolumn{3}{c}{PSNR (dB)}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.replace(r"\&", "").count("&") for line in body} == {13}
    compile_where_latex_is(text, tmp_path)
