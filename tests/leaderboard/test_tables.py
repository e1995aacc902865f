import io

import numpy as np
import pandas as pd
import pytest

from leaderboard.results import NEAR_FLOOR_DB
from leaderboard.study import study_of
from leaderboard.tables import ABSENT, table_file, table_text
from leaderboard.tables.cells import NEAR_FLOOR_NOTE
from renderbench.config import Suite
from tests.leaderboard.latex import compile_where_latex_is
from tests.records import record, view_score

METHODS = ["agp", "6dgs", "6dgs-agp"]
SUITE = Suite.model_validate(
    {
        "name": "s",
        "blocks": [
            {"id": "b", "title": "Real CT, Seen TF", "dataset": "folder", "methods": METHODS},
            {"id": "c", "title": "50% & more_ <b>|x|</b>", "dataset": "folder", "methods": ["agp"]},
        ],
    }
)
HEADINGS = 3 + 10


def study(records, **options):
    return study_of(SUITE, records, announce=pytest.fail, **options)


@pytest.fixture
def few():
    return study(
        [
            record(),
            record(scan="scan-2", metrics={"psnr": 24.0}, points=2000),
            record(method="6dgs", method_title="6DGS", metrics={"psnr": 25.0, "ssim": 0.7}, fps=5.0),
            record(method="6dgs", method_title="6DGS", scan="scan-2", metrics={"psnr": 25.0, "ssim": 0.7}),
        ]
    )


def many(difference=2.0, noise=0.1):
    """Eight scans, two methods; the second better by ``difference``, give or take ``noise``."""
    first = np.random.default_rng(0).normal(25, 3, 8)
    second = first + difference + noise * np.array([1.0, -1.1, 0.9, -0.8, 1.2, -1.3, 0.7, -0.6])
    return study(
        [
            record(method=method, method_title=title, scan=f"scan-{i}", metrics={"psnr": value})
            for method, title, values in (("agp", "AGP", first), ("6dgs", "6DGS", second))
            for i, value in enumerate(values)
        ]
    )


def cells(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line[2:-2].split(" | ")] for line in lines]


def test_every_row_is_there_and_says_what_is_missing(few):
    text = table_text("suite", few, "markdown")
    rows = cells(text)
    assert [row[1] for row in rows] == ["Method", "AGP", "6DGS", "6dgs-agp", "agp"]
    assert {len(row) for row in rows} == {HEADINGS}
    assert rows[3][2:] == [ABSENT] * (HEADINGS - 2)
    commands = next(line for line in text.splitlines() if line.startswith("Runs are missing"))
    assert "`renderbench run --root ROOT --suite s --method 6dgs-agp`" in commands
    assert "--method 6dgs`" not in commands
    assert "Protocol: Real CT, Seen TF: heldout" in text
    assert "lpips-alex" not in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(line) for line in lines}) == 1


def test_too_few_scans_mark_the_best_figure_and_claim_nothing(few):
    text = table_text("suite", few, "markdown")
    rows = cells(text)
    assert (rows[1][4], rows[2][4]) == ("22.00", "**25.00**")
    assert (rows[1][3], rows[2][3]) == ("**0.800**", "0.700")
    assert "[" not in rows[2][4]
    assert "paired Wilcoxon test over scans" not in text
    assert "differences are not tested (n/a: a paired test needs 6 scans, found 2 scans)" in text
    assert r"\textbf{25.00}" in table_text("suite", few, "latex")
    legend = [line for line in table_text("suite", few, "latex").splitlines() if "not tested" in line]
    assert legend
    assert not legend[0].startswith("%")


def test_a_metric_that_could_not_be_computed_is_absent_with_its_reason():
    made = record(absent={"lpips-vgg": "no weights; see docs", "gmsd": "not printed here"})
    text = table_text("suite", study([made]), "markdown")
    assert cells(text)[1][6] == ABSENT
    assert "n/a: lpips-vgg: no weights; see docs." in text
    assert "gmsd" not in text


def test_equal_figures_that_are_not_tested_are_both_bold():
    text = table_text("suite", study([record(), record(method="6dgs", metrics={"psnr": 20.001})]), "markdown")
    assert [row[4] for row in cells(text)[1:3]] == ["**20.00**", "**20.00**"]


def test_enough_scans_have_intervals_and_a_clear_best():
    rows = cells(table_text("suite", many(), "markdown"))
    assert rows[2][4].startswith("**")
    assert not rows[1][4].startswith("**")
    low, high = rows[1][4].split("[")[1].rstrip("]").split(", ")
    assert float(low) < float(rows[1][4].split()[0]) < float(high)
    text = table_text("suite", many(), "markdown")
    assert "percentile bootstrap, 2000 resamples" in text
    assert "not tested" not in text


def test_a_difference_within_noise_is_a_tie():
    rows = cells(table_text("suite", many(difference=0.05, noise=1.0), "markdown"))
    assert rows[1][4].startswith("**")
    assert rows[2][4].startswith("**")
    assert rows[1][4] != rows[2][4]


def test_views_are_reported_as_views():
    views = [view_score(i, {"psnr": 20.0 + i}) for i in range(8)]
    better = [view_score(i, {"psnr": 21.0 + i * 1.01}) for i in range(8)]
    records = [record(views=views), record(method="6dgs", metrics={"psnr": 21.0}, views=better)]
    text = table_text("suite", study(records), "markdown")
    note = next(line for line in text.splitlines() if "PSNR (dB) over the same" in line)
    assert "8 test views, which are no scans and not independent" in note
    assert "6dgs against AGP" in note or "AGP against AGP" in note
    assert "+1.035 (p 0.0078)" in note


def test_missing_scans_are_counted_marked_and_not_ranked():
    records = [record(scan=f"scan-{i}", metrics={"psnr": 20.0 + i}) for i in range(7)]
    records += [
        record(method="6dgs", method_title="6DGS", scan=f"scan-{i}", metrics={"psnr": 30.0}) for i in range(6)
    ]
    text = table_text("suite", study(records, scans={"b": [f"scan-{i}" for i in range(9)]}), "markdown")
    agp, other = cells(text)[1:3]
    assert (agp[2], other[2]) == ("7/9‡", "6/9‡")
    assert not other[4].startswith("**")
    assert "‡ not over all scans of the block" in text
    assert "--method agp`" in text
    assert "--method 6dgs`" in text
    latex = table_text("suite", study(records, scans={"b": [f"scan-{i}" for i in range(9)]}), "latex")
    assert r"7/9\textdaggerdbl{}" in latex


def test_a_number_that_some_scans_lack_is_marked_itself():
    records = [record(scan="scan-1"), record(scan="scan-2", metrics={"psnr": None})]
    row = cells(table_text("suite", study(records), "markdown"))[1]
    assert (row[2], row[3], row[4]) == ("2", "0.800", "20.00‡")


def test_csv_keeps_unrounded_numbers_and_names_absent_rows(few):
    table = pd.read_csv(io.StringIO(table_text("suite", few, "csv")))
    assert list(table["method"]) == ["agp", "6dgs", "6dgs-agp", "agp"]
    assert table["psnr_db"].isna().tolist() == [False, False, True, True]
    assert list(table.columns) == list(few.results.columns)
    assert table["psnr_db"].tolist()[:2] == few.results["psnr_db"].tolist()
    assert table["scans"].tolist() == [2, 2, 0, 0]
    assert table["scans_of_block"].tolist()[:3] == [2, 2, 2]
    assert np.isnan(table["scans_of_block"][3])
    assert table["psnr_db_scans"].tolist() == [2, 2, 0, 0]
    assert table["complete"].tolist() == [True, True, False, False]
    assert table["block_title"].tolist()[2:] == [block.title for block in SUITE.blocks]


def test_markdown_escapes_what_would_end_a_cell_or_be_html(few):
    text = table_text("suite", few, "markdown")
    assert r"50% & more_ &lt;b&gt;\|x\|&lt;/b&gt;" in text
    assert "<b>" not in text
    title = "a\x1b[31mb\nc [x](javascript:1) `d"
    nasty = table_text("suite", study([record(method_title=title)]), "markdown")
    assert cells(nasty)[1][1] == "a�[31mb c [x]\\(javascript:1) \\`d"


def test_latex_escapes_and_compiles_where_latex_is(few, tmp_path):
    text = table_text("suite", few, "latex")
    assert r"50\% \& more\_ \textless{}b\textgreater{}\textbar{}x\textbar{}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {HEADINGS - 1}
    compile_where_latex_is(text, tmp_path)


def test_latex_compiles_with_any_name(tmp_path):
    title = "Zoë, Łódź, 胸部, Δ ≥ 5 °, €, “x”, \\input{/etc/passwd} ^^M ~#$%&_{} \x1b\x00\x07"
    text = table_text("suite", study([record(method_title=title)]), "latex")
    assert "Zoë, Łódź, (U+80F8)(U+90E8), $\\Delta$ $\\geq$ 5 $^\\circ$" in text
    assert "\\input" not in text
    compile_where_latex_is(text, tmp_path)


@pytest.mark.parametrize("which", ["3", "4", "5"])
def test_the_long_tables_compile_where_latex_is(which, tmp_path):
    text = table_text(which, None, "latex")
    assert text.count("\\begin{longtable}") == text.count("\\end{longtable}") == 1
    compile_where_latex_is(text, tmp_path)


@pytest.mark.parametrize(("floor_db", "near"), [(30.9, True), (31.1, False), (None, False)])
def test_a_score_within_six_db_of_the_floor_is_marked(floor_db, near):
    records = [
        record(metrics={"psnr": 25.0}, noise_floor_db=floor_db, noise_floor_ssim=0.876),
        record(method="6dgs", metrics={"psnr": 20.0}, noise_floor_db=floor_db, noise_floor_ssim=0.876),
    ]
    markdown = table_text("suite", study(records), "markdown")
    rows = cells(markdown)
    assert ("†" in rows[1][4], "†" in rows[2][4]) == (near, False)
    assert (f"† {NEAR_FLOOR_NOTE}" in markdown) == ("†" in markdown) == near
    assert rows[1][-2:] == ["0.876", ABSENT if floor_db is None else f"{floor_db:.1f}"]
    latex = table_text("suite", study(records), "latex")
    assert (r"\textbf{25.00}\textdagger{}" in latex) == near
    assert "†" not in "".join(line for line in latex.splitlines() if not line.startswith("%"))


def test_the_legend_states_what_the_mark_means():
    """Noise power over error power at 6 dB, and what the PSNR gains without the noise."""
    share = 10 ** (-NEAR_FLOOR_DB / 10)
    assert 0.25 < share < 0.26
    assert 1.2 < -10 * np.log10(1 - share) < 1.3
    assert "a quarter of the error" in NEAR_FLOOR_NOTE
    assert "at least 1.2 dB" in NEAR_FLOOR_NOTE


def test_records_of_no_block_or_method_are_left_out_and_named():
    lines = []
    made = study_of(
        SUITE, [record(), record(block="gone"), record(method="old", scan="x")], announce=lines.append
    )
    assert made.results["scans_of_block"].tolist() == [1]
    assert len(lines) == 2
    assert "gone/*/agp: suite s has no such block and method" in lines[0]


def test_a_suite_without_its_dataset_is_told_to_make_it_first():
    suite = SUITE.model_copy(update={"blocks": [SUITE.blocks[0].model_copy(update={"dataset": "ct-org"})]})
    commands = study_of(suite, [], announce=pytest.fail).commands()
    assert commands[0].startswith("renderbench dataset ct-org")
    assert commands[1] == "renderbench groundtruth --root ROOT --suite s"
    assert commands[2:] == [f"renderbench run --root ROOT --suite s --method {method}" for method in METHODS]


def test_files_are_called_after_suite_and_table():
    assert table_file("suite", "demo", "markdown") == "demo.md"
    assert table_file("2", "demo", "latex") == "demo.table-2.tex"
    assert table_file("5", "", "csv") == "table-5.csv"
