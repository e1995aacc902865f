"""Records averaged: means, intervals, counts, and what is refused."""

import io

import numpy as np
import pandas as pd
import pytest

from leaderboard.measures import MEASURES, column_of
from leaderboard.results import COLUMNS, per_block, per_scan
from leaderboard.statistics import mean_intervals
from renderbench.errors import InputError
from renderbench.evaluation.metrics.registry import METRICS
from tests.conftest import REPOSITORY
from tests.records import record, view_score


def scans(count, **changes):
    """As many scans of one row, PSNR 20, 21, ..."""
    return [
        record(scan=f"scan-{index:02d}", **{"metrics": {"psnr": 20.0 + index}} | changes)
        for index in range(count)
    ]


def test_one_row_a_method_and_block_with_means_over_scans():
    results = per_block(
        [
            record(),
            record(scan="scan-2", metrics={"psnr": 24.0}, points=2000),
            record(method="6dgs", metrics={"psnr": 25.0}),
        ]
    )
    assert list(results.columns) == list(COLUMNS)
    assert list(results["method"]) == ["agp", "6dgs"]
    agp = results.iloc[0]
    assert (agp["scans"], agp["scans_of_block"], agp["complete"]) == (2, 2, True)
    assert (agp["psnr_db"], agp["psnr_db_scans"], agp["points"]) == (22.0, 2, 1500)
    assert agp["psnr_group_liver_db"] == 18.0
    assert agp["psnr_db_sd_views"] == pytest.approx(pd.Series([19.0, 21.0, 19.0, 21.0]).std())


def test_a_block_with_missing_scans_says_so():
    results = per_block([*scans(3), record(method="6dgs", scan="scan-01")]).set_index("method")
    assert results.loc["agp", ["scans", "scans_of_block", "complete"]].tolist() == [3, 3, True]
    assert results.loc["6dgs", ["scans", "scans_of_block", "complete"]].tolist() == [1, 3, False]
    wanted = {("s", "b"): [f"scan-{index:02d}" for index in range(46)]}
    results = per_block(scans(3), wanted)
    assert results.loc[0, ["scans", "scans_of_block", "complete"]].tolist() == [3, 46, False]
    # A scan that the block does not list still counts as one of it: its run was averaged.
    assert per_block(scans(3), {("s", "b"): ["scan-99"]}).loc[0, "scans_of_block"] == 4


def test_a_metric_that_some_scans_lack_has_its_own_count():
    records = [*scans(2), record(scan="scan-02", metrics={"psnr": None, "ssim": 0.5})]
    row = per_block(records).iloc[0]
    assert (row["psnr_db"], row["psnr_db_scans"], row["scans"]) == (20.5, 2, 3)
    assert row["ssim_scans"] == 3
    assert np.isnan(row["gmsd"])
    assert row["gmsd_scans"] == 0
    assert row["absent"] == "lpips-alex: no weights"


def test_intervals_are_those_of_the_scans_of_each_row():
    random = np.random.default_rng(0)
    first, second = random.normal(27, 2, 8), random.normal(20, 1, 6)
    records = [record(scan=f"x{i}", metrics={"psnr": value, "ssim": 0.5}) for i, value in enumerate(first)]
    records += [record(scan=f"x{i}", method="6dgs", metrics={"psnr": v}) for i, v in enumerate(second)]
    # Interleaved, as nothing promises an order.
    results = per_block([records[i] for i in random.permutation(len(records))]).set_index("method")
    for method, values in (("agp", first), ("6dgs", second)):
        expected = mean_intervals(values[None])[0]
        found = results.loc[method, ["psnr_db_low", "psnr_db_high"]].to_numpy(dtype=float)
        np.testing.assert_allclose(found, expected)
        assert found[0] < values.mean() < found[1]
    assert results.loc["agp", ["ssim_low", "ssim_high"]].tolist() == [0.5, 0.5]


def test_a_scan_without_the_number_is_no_scan_of_its_interval():
    records = [*scans(6), record(scan="scan-06", metrics={"psnr": None})]
    row = per_block(records).iloc[0]
    expected = mean_intervals(np.arange(20.0, 26.0)[None])[0]
    np.testing.assert_allclose([row["psnr_db_low"], row["psnr_db_high"]], expected)
    assert row["ssim_scans"] == 7
    short = per_block([*scans(5), record(scan="scan-05", metrics={"psnr": None})]).iloc[0]
    assert np.isnan(short["psnr_db_low"])
    assert short["ssim_low"] == pytest.approx(0.8)


def test_hardware_that_differs_is_listed_not_dropped():
    other = {"cpu": "Another CPU", "cores": 64, "gpu": "A GPU"}
    row = per_block([record(), record(scan="scan-2", hardware=other, device="A GPU")]).iloc[0]
    assert row["cpu"] == "A CPU & more | Another CPU"
    assert row["cores"] == "2 | 64"
    assert row["gpu"] == "none | A GPU"
    assert row["device"] == "cpu | A GPU"
    assert per_block([record()]).loc[0, "cores"] == 2


def test_reasons_that_differ_are_listed():
    row = per_block([record(), record(scan="scan-2", absent={"gmsd": "too small"})]).iloc[0]
    assert row["absent"] == "lpips-alex: no weights | gmsd: too small"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"resolution": 128},
            r"s/b: expected runs of one block with the same resolution, found 64 \(scan scan-1",
        ),
        ({"resolution": 128, "method": "6dgs"}, "s/b: expected runs of one block with the same resolution"),
        ({"test_views": 8}, "same test_views"),
        ({"protocol": "paper"}, "same protocol"),
        ({"settings": {"iterations": 5}}, "s/b/agp: expected runs of one method with the same settings"),
    ],
)
def test_runs_that_cannot_be_compared_are_refused(changes, words):
    with pytest.raises(InputError, match=words):
        per_block([record(), record(**{"scan": "scan-2"} | changes)])


def test_blocks_may_differ_from_each_other_and_methods_in_settings():
    results = per_block(
        [record(), record(block="c", resolution=128), record(method="6dgs", settings={"iterations": 5})]
    )
    assert results["resolution"].tolist() == [64, 128, 64]


def test_duplicates_are_refused():
    with pytest.raises(InputError, match="expected one run, found two"):
        per_block([record(), record()])


def test_no_records_are_no_rows():
    assert list(per_block([]).columns) == list(COLUMNS)
    assert per_block([]).empty


@pytest.mark.parametrize(("floor_db", "near"), [(30.9, True), (31.0, True), (31.1, False), (None, False)])
def test_a_score_within_six_db_of_the_floor(floor_db, near):
    results = per_block(
        [
            record(metrics={"psnr": 25.0}, noise_floor_db=floor_db),
            record(method="6dgs", metrics={"psnr": 20.0}, noise_floor_db=floor_db),
        ]
    )
    assert results["near_noise_floor"].tolist() == [near, False]
    assert results["near_noise_floor"].dtype == bool


def test_means_over_scans_decide_the_floor():
    records = [
        record(metrics={"psnr": 36.0}, noise_floor_db=40.0),
        record(scan="scan-2", metrics={"psnr": 30.0}, noise_floor_db=40.0),
    ]
    assert not per_block(records).loc[0, "near_noise_floor"]


def test_views_without_a_score_do_not_enter_the_deviation():
    views = [view_score(0, {"psnr": 19.0}), view_score(1, {"psnr": None}), view_score(2, {"psnr": 23.0})]
    row = per_block([record(views=views)]).iloc[0]
    assert row["psnr_db_sd_views"] == pytest.approx(np.std([19.0, 23.0], ddof=1))


def test_every_metric_has_a_column_of_its_own():
    columns = [measure.column for measure in MEASURES]
    assert len(set(columns)) == len(columns)
    assert {column_of(metric) for metric in METRICS} <= set(columns)
    assert column_of("psnr@group:liver") == "psnr_group_liver_db" in columns
    assert column_of("ms-ssim@foreground") == "ms_ssim_foreground" in columns
    for measure in MEASURES:
        assert measure.column.isidentifier()


def test_a_row_of_per_scan_is_a_run():
    runs = per_scan([record(), record(scan="scan-2")])
    assert runs["scan"].tolist() == ["scan-1", "scan-2"]
    assert runs["scene_bytes"].tolist() == [50_000.0, 50_000.0]


def test_the_csv_comes_back_through_pandas():
    results = per_block(scans(7))
    back = pd.read_csv(io.StringIO(results.to_csv(index=False)))
    assert list(back.columns) == list(COLUMNS)
    assert back["psnr_db_low"].dtype == float
    assert back["complete"].dtype == bool
    np.testing.assert_allclose(back["psnr_db_high"], results["psnr_db_high"])


def test_every_column_of_the_csv_is_documented():
    """Measures once each, with the four suffixes on their own."""
    text = (REPOSITORY / "docs" / "formats.md").read_text().partition("leaderboard.csv`")[2]
    text = text.partition("\n## ")[0]
    documented = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    suffixes = ("_low", "_high", "_scans")
    bases = [
        column
        for column in COLUMNS
        if not (column.endswith(suffixes) and column.rpartition("_")[0] in COLUMNS)
    ]
    of_groups = [column for column in bases if column.startswith("psnr_group_")]
    expected = [column for column in bases if column not in of_groups]
    expected.insert(bases.index(of_groups[0]), "psnr_group_<group>_db")
    assert [name for name in documented if not name.startswith("<")] == expected
    assert [name for name in documented if name.startswith("<")] == [f"<measure>{end}" for end in suffixes]
