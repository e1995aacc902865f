"""``renderbench tables`` and ``leaderboard export`` as a user runs them: files, exit codes, errors."""

import json

import pandas as pd
import pytest

from leaderboard import cli
from leaderboard.results import COLUMNS
from leaderboard.tables import TABLES
from renderbench.errors import InputError
from tests.conftest import REPOSITORY
from tests.records import record, write

SUITE = """
name = "s"
[[blocks]]
id = "b"
title = "Real CT, Seen TF"
dataset = "folder"
methods = ["agp", "6dgs"]
"""


@pytest.fixture
def root(tmp_path):
    write(tmp_path, record())
    write(tmp_path, record(method="6dgs"))
    write(tmp_path, record(suite="other"))
    (tmp_path / "s.toml").write_text(SUITE)
    return tmp_path


def tables(renderbench, root, *options):
    return renderbench("tables", "--root", root, "--suite", root / "s.toml", *options)


def test_all_tables_in_all_formats(renderbench, root):
    done = tables(renderbench, root, "--table", "all", "--format", "all")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    written = {path.name for path in (root / "leaderboard" / "tables").iterdir()}
    stems = ["s", "s.table-1", "s.table-2", "table-3", "table-4", "table-5"]
    assert written == {f"{stem}.{suffix}" for stem in stems for suffix in ("csv", "md", "tex")}
    folder = root / "leaderboard" / "tables"
    assert done.stdout == "\n".join((folder / f"{stem}.md").read_text() for stem in stems)
    for stem in stems:
        assert len(pd.read_csv(folder / f"{stem}.csv")) > 1
    assert len(stems) == len(TABLES)


def call(root, table="suite", table_format="markdown", suite=None):
    """The verb itself: a process of its own takes seconds to load."""
    cli.tables(root, str(suite or root / "s.toml"), cli.TableName(table), cli.TableFormat(table_format))


def test_tables_of_the_paper_alone_need_no_suite(root, capsys):
    cli.tables(root, None, cli.TableName("5"), cli.TableFormat("csv"))
    assert capsys.readouterr().out == (root / "leaderboard" / "tables" / "table-5.csv").read_text()
    with pytest.raises(InputError, match="--table 1: expected a --suite, found none; add one"):
        cli.tables(root, None, cli.TableName("1"), cli.TableFormat("csv"))


def test_an_older_record_is_named_and_the_rest_is_tabulated(root, capsys):
    path = root / "runs" / "s" / "b" / "scan-1" / "6dgs" / "record.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema": 2}))
    call(root)
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert f"{path}: expected run schema 3, found 2" in printed.err
    assert "| 6dgs   |   n/a |" in printed.out
    assert f"renderbench run --root ROOT --suite {root / 's.toml'} --method 6dgs`" in printed.out


def test_two_records_of_one_run_are_one_clear_line(renderbench, root):
    folder = root / "runs" / "s" / "b" / "scan-1" / "agp-copy"
    folder.mkdir()
    record().write(folder)
    done = tables(renderbench, root)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "agp-copy" in done.stderr
    assert not (root / "leaderboard").exists()


def test_without_records_tables_1_and_2_say_what_makes_them(root, capsys):
    call(root, "1", suite="paper")
    printed = capsys.readouterr().out
    assert "`renderbench run --root ROOT --suite paper --method 6dgs`" in printed
    assert "27.30" in printed
    with pytest.raises(InputError, match="make them with `renderbench run"):
        call(root, "suite", suite="paper")


def test_the_export_names_what_it_leaves_out(renderbench, root):
    path = root / "runs" / "s" / "b" / "scan-1" / "6dgs" / "record.json"
    path.write_text(path.read_text()[:100])
    done = renderbench("leaderboard", "export", "--root", root, "--csv", root / "board.csv")
    assert done.returncode == 0
    assert str(path) in done.stderr
    board = pd.read_csv(root / "board.csv")
    assert list(board.columns) == list(COLUMNS)
    assert list(zip(board["suite"], board["method"], strict=True)) == [("other", "agp"), ("s", "agp")]


def test_what_the_documentation_says_of_the_tables_is_so():
    text = (REPOSITORY / "docs" / "tables.md").read_text()
    for column in ("published_block", "scans_published", "differs", "transfer_function", "group_index"):
        assert f"`{column}`" in text
    for table in TABLES:
        assert table in text.splitlines()[3]
