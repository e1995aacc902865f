import io
import shutil
import subprocess

import pandas as pd
import pytest

from leaderboard.results import COLUMNS, load_records, per_block
from leaderboard.tables import ABSENT, table_of
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
    write(tmp_path, record(scan="scan-2", psnr_db=24.0, points=2000))
    write(tmp_path, record(method="6dgs", method_title="6DGS", psnr_db=25.0, ssim=0.7, fps=5.0))
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
    assert rows[4].count(ABSENT) == 8
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
    assert {line.replace(r"\&", "").count("&") for line in body} == {9}
    if shutil.which("pdflatex"):
        (tmp_path / "t.tex").write_text(
            "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n" + text + "\\end{document}\n"
        )
        subprocess.run(["pdflatex", "-halt-on-error", "t.tex"], cwd=tmp_path, check=True, capture_output=True)


def test_no_records_is_one_clear_line(tmp_path):
    with pytest.raises(InputError, match="expected run records of suite 's', found none"):
        load_records(tmp_path / "runs", "s")


def test_every_column_of_the_csv_is_documented():
    text = (REPOSITORY / "docs" / "formats.md").read_text()
    documented = [
        line.split("`")[1] for line in text.partition("leaderboard.csv`")[2].splitlines() if "| `" in line
    ]
    assert documented == list(COLUMNS)
