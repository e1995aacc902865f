"""Published figures on the front page: the paper's, in places of their own, with what differs."""

import pytest

from leaderboard.results import per_block
from leaderboard.site.comparison import published_beside
from tests.records import record


def beside(*records) -> dict[str, dict]:
    """By the title of the published block, the pair."""
    return {pair["published_title"]: pair for pair in published_beside(per_block(records))["blocks"]}


def test_a_block_stands_beside_the_paper_s_of_its_data_and_condition():
    run = {"dataset": "ct-org", "method": "6dgs", "method_title": "6DGS", "settings": {"iterations": 300}}
    pairs = beside(record(**run), record(**run | {"method": "agp", "method_title": "AGP", "settings": {}}))
    assert list(pairs) == ["CT-ORG, OOD, Seen TF"]
    pair = pairs["CT-ORG, OOD, Seen TF"]
    rows = {row["method"]: row for row in pair["rows"]}
    assert list(rows) == ["6dgs", "6dgs-agp", "renderfm", "renderfm-ft", "agp"]
    assert rows["6dgs"]["ours"]["psnr_db"] == 20.0
    assert rows["6dgs"]["published"] == pytest.approx(
        {
            "ssim": 0.903,
            "psnr_db": 25.97,
            "lpips_vgg": 0.105,
            "seconds_without_views": 1528.7,
            "points": 75_956,
            "fps": 679.1,
        }
    )
    assert rows["renderfm"]["ours"] is None
    assert rows["renderfm"]["method_title"] == "Render-FM"
    assert rows["agp"]["published"] is None
    assert "iterations of 6dgs 300 (paper: 30000)" in pair["differs"]
    assert not any(line.startswith("data ") for line in pair["differs"])


def test_other_data_stand_in_and_it_is_said_first():
    pairs = beside(record(dataset="phantom"))
    assert len(pairs) == 3
    assert pairs["CTPelvic1K"]["table"] == 2
    assert pairs["CTPelvic1K"]["differs"][0] == "data phantom (paper: ctpelvic1k)"


def test_where_a_suite_has_the_paper_s_data_nothing_else_stands_in():
    own = record(dataset="ct-org")
    other = record(dataset="phantom", block="c", block_title="Phantom")
    assert [pair["block"] for pair in beside(own, other).values()] == ["b"]


def test_what_the_paper_does_not_show_stands_beside_nothing():
    assert beside(record(groups="organs")) == {}
