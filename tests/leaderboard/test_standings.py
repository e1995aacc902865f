"""Best, tied, behind; untested and incomplete ones claim nothing."""

import numpy as np
import pandas as pd
import pytest

from leaderboard.results import per_scan
from leaderboard.standings import paired_views, standings
from tests.records import record, view_score

METHODS = ("agp", "6dgs", "6dgs-agp")


def runs(scores, **changes):
    """Records by method, a PSNR a scan; a None is a run without a PSNR, an absent scan no run."""
    return per_scan(
        [
            record(method=method, scan=f"scan-{index:02d}", metrics={"psnr": value}, **changes)
            for method, values in scores.items()
            for index, value in enumerate(values)
            if value != "no run"
        ]
    )


def verdicts(frame, measure="psnr_db"):
    return {method: standing.verdict for (_, _, method, _), standing in standings(frame, [measure]).items()}


def test_differences_within_noise_tie_and_others_are_behind():
    noise = np.random.default_rng(0).normal(0, 0.5, 10)
    best = 27 + np.arange(10.0)
    frame = runs({"agp": best - 3 + noise, "6dgs": best - 0.05 + noise, "6dgs-agp": best})
    assert verdicts(frame) == {"agp": "behind", "6dgs": "tie", "6dgs-agp": "best"}
    tests = {method: each.test for (_, _, method, _), each in standings(frame, ["psnr_db"]).items()}
    assert tests["agp"].p < 0.05 <= tests["6dgs"].p
    assert tests["agp"].difference == pytest.approx(np.mean(noise - 3))
    assert tests["6dgs-agp"] is None


def test_the_same_mean_difference_may_be_noise_or_not():
    """What a table of means alone would not show."""
    steady = np.arange(10.0)
    wild = np.random.default_rng(1).permutation([-8, -6, -4, -2, 0.5, 1, 3, 5, 7.0, 13.5])
    assert wild.mean() == 1
    assert verdicts(runs({"agp": steady + 1, "6dgs": steady})) == {"agp": "best", "6dgs": "behind"}
    assert verdicts(runs({"agp": steady + wild, "6dgs": steady})) == {"agp": "best", "6dgs": "tie"}


def test_lower_is_better_where_it_is():
    frame = per_scan(
        [
            record(method=method, scan=f"scan-{index}", seconds_without_views=seconds + index)
            for method, seconds in (("agp", 1.0), ("6dgs", 100.0))
            for index in range(6)
        ]
    )
    assert verdicts(frame, "seconds_without_views") == {"agp": "best", "6dgs": "behind"}


def test_too_few_scans_are_untested_however_clear_they_look():
    frame = runs({"agp": [20.0] * 5, "6dgs": [35.0] * 5})
    found = standings(frame, ["psnr_db"])
    assert found["s", "b", "6dgs", "psnr_db"].verdict == "best"
    behind = found["s", "b", "agp", "psnr_db"]
    assert behind.verdict == "untested"
    assert behind.test.reason == "a paired test needs 6 scans, found 5 scans"


def test_a_mean_over_fewer_scans_is_not_ranked():
    """It would be best, on the easy scans alone."""
    frame = runs({"agp": [20.0, 21, 30, 31, 32, 33, 34], "6dgs": [19.0, 20, 29, 30, 31, 32, 33]})
    easy = runs({"6dgs-agp": ["no run", "no run", 30.0, 31, 32, 33, 34]})
    mixed = per_scan_of(frame, easy)
    assert verdicts(mixed) == {"agp": "best", "6dgs": "behind", "6dgs-agp": "incomplete"}


def per_scan_of(*frames):
    return pd.concat(frames, ignore_index=True)


def test_a_run_without_the_number_is_not_ranked_by_it():
    frame = runs({"agp": [20.0] * 6, "6dgs": [30.0] * 5 + [None], "6dgs-agp": [21.0] * 6})
    assert verdicts(frame) == {"agp": "behind", "6dgs": "incomplete", "6dgs-agp": "best"}
    assert sorted(verdicts(frame, "ssim").values()) == ["best", "tie", "tie"]


def test_a_scan_that_no_method_has_the_number_of_is_no_bar():
    frame = runs({"agp": [None, *[20.0] * 6], "6dgs": [None, *[30.0] * 6]})
    assert verdicts(frame) == {"agp": "behind", "6dgs": "best"}
    assert verdicts(frame, "gmsd") == {"agp": "incomplete", "6dgs": "incomplete"}


def test_one_method_alone_is_not_the_best_of_anything():
    assert verdicts(runs({"agp": [20.0] * 8})) == {"agp": "alone"}
    half = runs({"agp": [20.0] * 8, "6dgs": [20.0, None] * 4})
    assert verdicts(half) == {"agp": "alone", "6dgs": "incomplete"}


def test_blocks_are_ranked_apart():
    first = runs({"agp": [20.0] * 6, "6dgs": [30.0] * 6})
    second = runs({"agp": [30.0] * 6, "6dgs": [20.0] * 6}, block="c")
    found = standings(per_scan_of(first, second), ["psnr_db"])
    assert {key[:3]: each.verdict for key, each in found.items()} == {
        ("s", "b", "agp"): "behind",
        ("s", "b", "6dgs"): "best",
        ("s", "c", "agp"): "best",
        ("s", "c", "6dgs"): "behind",
    }


def test_views_are_paired_by_scan_and_number():
    def of(method, offset, order):
        views = [view_score(view, {"psnr": 20.0 + view * view + offset}) for view in order]
        return record(method=method, views=views)

    test = paired_views(
        [of("agp", 1.5, range(8)), of("6dgs", 0.0, reversed(range(8)))], "agp", "6dgs", "psnr"
    )
    assert (test.pairs, test.difference) == (8, pytest.approx(1.5))
    assert test.p < 0.05
    few = paired_views([record(), record(method="6dgs")], "agp", "6dgs", "psnr@group:liver")
    assert (few.pairs, few.p) == (1, None)
    assert few.reason == "a paired test needs 6 views, found 1 view"
