import io
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest

from leaderboard.results import COLUMNS, NEAR_FLOOR_DB, load_records, per_block
from leaderboard.tables import ABSENT, NEAR_FLOOR_NOTE, table_of
from renderbench.config import Suite
from renderbench.errors import InputError
from tests.conftest import REPOSITORY
from tests.records import record, write

METHODS = ["agp", "6dgs", "6dgs-agp"]
SUITE = Suite.model_validate(
    {
        "name": "s",
        "blocks": [
            {"id": "b", "title": "Real CT, Seen TF", "dataset": "folder", "methods": METHODS},
            {"id": "c", "title": "50% & more_", "dataset": "folder", "methods": ["agp"]},
        ],
    }
)


@pytest.fixture
def results(tmp_path):
    write(tmp_path, record())
    write(tmp_path, record(scan="scan-2", metrics={"psnr": 24.0}, points=2000))
    write(tmp_path, record(method="6dgs", method_title="6DGS", metrics={"psnr": 25.0, "ssim": 0.7}, fps=5.0))
    return per_block(load_records(tmp_path / "runs", "s"))


def test_one_row_a_method_and_block_with_means_over_scans(results):
    assert list(results.columns) == list(COLUMNS)
    agp = results[results["method"] == "agp"].iloc[0]
    assert agp["scans"] == 2
    assert agp["psnr_db"] == 22.0
    assert agp["points"] == 1500
    assert agp["psnr_db_sd_views"] == pytest.approx(pd.Series([19.0, 21.0, 19.0, 21.0]).std())


def test_markdown_has_every_row_marks_the_best_and_says_what_is_missing(results):
    text = table_of(SUITE, results, "markdown")
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert len(rows) == 2 + 4
    assert "**25.00**" in rows[3]
    assert "**0.800**" in rows[2]
    assert rows[4].count(ABSENT) == 9
    assert "renderbench run --root ROOT --suite s --method 6dgs-agp" in text
    assert "Protocol: Real CT, Seen TF: heldout" in text
    assert len({len(row) for row in rows}) == 1


def test_csv_keeps_unrounded_numbers_and_names_absent_rows(results):
    table = pd.read_csv(io.StringIO(table_of(SUITE, results, "csv")), na_values=ABSENT)
    assert list(table["method"]) == ["agp", "6dgs", "6dgs-agp", "agp"]
    assert table["psnr_db"].isna().tolist() == [False, False, True, True]


def test_latex_escapes_and_compiles_where_latex_is(results, tmp_path):
    text = table_of(SUITE, results, "latex")
    assert r"50\% \& more\_" in text
    assert r"\textbf{25.00}" in text
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert {line.replace(r"\&", "").count("&") for line in body} == {10}
    if shutil.which("pdflatex"):
        (tmp_path / "t.tex").write_text(
            "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + text + "\\end{document}\n"
        )
        subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


@pytest.mark.parametrize(("floor_db", "near"), [(30.9, True), (31.0, True), (31.1, False), (None, False)])
def test_a_score_within_six_db_of_the_floor_is_marked(tmp_path, floor_db, near):
    write(tmp_path, record(metrics={"psnr": 25.0}, noise_floor_db=floor_db, noise_floor_ssim=0.876))
    write(
        tmp_path,
        record(method="6dgs", metrics={"psnr": 20.0}, noise_floor_db=floor_db, noise_floor_ssim=0.876),
    )
    results = per_block(load_records(tmp_path / "runs", "s"))
    assert dict(zip(results["method"], results["near_noise_floor"], strict=True)) == {
        "agp": near,
        "6dgs": False,
    }

    markdown = table_of(SUITE, results, "markdown")
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert ("**25.00**†" in rows[2], "20.00†" in rows[3]) == (near, False)
    assert (f"† {NEAR_FLOOR_NOTE}" in markdown) == ("†" in markdown) == near
    floor = [cell.strip() for cell in rows[2].split("|")][-3:-1]
    assert floor == ["0.876", ABSENT if floor_db is None else f"{floor_db:.1f}"]
    assert len({len(row) for row in rows}) == 1

    latex = table_of(SUITE, results, "latex")
    assert (r"\textbf{25.00}\textdagger{}" in latex) == near
    assert "†" not in "".join(line for line in latex.splitlines() if not line.startswith("%"))
    legend = [line for line in latex.splitlines() if r"{\footnotesize \textdagger{} within 6 dB" in line]
    assert len(legend) == near

    table = pd.read_csv(io.StringIO(table_of(SUITE, results, "csv")), na_values=ABSENT)
    assert table["near_noise_floor"].tolist()[:2] == [near, False]
    assert table["noise_floor_ssim"].tolist()[:2] == [0.876, 0.876]
    alone = pd.read_csv(io.StringIO(results.to_csv(index=False)))
    assert alone["near_noise_floor"].dtype == bool


def test_the_legend_states_what_the_mark_means():
    """Noise power over error power at 6 dB, and what the PSNR gains without the noise."""
    share = 10 ** (-NEAR_FLOOR_DB / 10)
    assert 0.25 < share < 0.26
    assert 1.2 < -10 * np.log10(1 - share) < 1.3
    assert "a quarter of the error" in NEAR_FLOOR_NOTE
    assert "at least 1.2 dB" in NEAR_FLOOR_NOTE


def test_means_over_scans_decide_the_mark(tmp_path):
    write(tmp_path, record(metrics={"psnr": 36.0}, noise_floor_db=40.0))
    write(tmp_path, record(scan="scan-2", metrics={"psnr": 30.0}, noise_floor_db=40.0))
    row = per_block(load_records(tmp_path / "runs", "s")).iloc[0]
    assert (row["psnr_db"], row["noise_floor_db"], row["near_noise_floor"]) == (33.0, 40.0, False)


def test_no_records_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="expected run records of suite 's', found none"):
        load_records(tmp_path / "runs", "s")


def test_every_column_of_the_csv_is_documented():
    text = (REPOSITORY / "docs" / "formats.md").read_text()
    documented = [
        line.split("`")[1] for line in text.partition("leaderboard.csv`")[2].splitlines() if "| `" in line
    ]
    assert documented == list(COLUMNS)
