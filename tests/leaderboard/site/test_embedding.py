"""Data inside pages: nothing in it can end its element, and columns hold what rows held."""

import json
import math

import pytest

from leaderboard.site.embedding import columns_of, embedded, figure, page

NASTY = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u2028",
    "&lt;",
    '"><img src=x onerror=alert(1)>',
]


@pytest.mark.parametrize("name", NASTY)
def test_embedded_data_holds_no_markup_and_reads_back(name):
    text = embedded({"scan": name})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"scan": name}


def test_a_page_holds_its_data_once():
    text = page("index.html", {"name": "@DATA@</script>"})
    assert text.count("</script>") == page("index.html", {}).count("</script>")
    assert '{"name":"@DATA@\\u003c/script\\u003e"}' in text


def test_nan_never_reaches_a_page():
    with pytest.raises(ValueError, match="not JSON compliant"):
        embedded({"psnr": math.nan})
    assert [figure(value) for value in (math.nan, math.inf, None)] == [None, None, None]


@pytest.mark.parametrize(
    ("value", "kept"), [(26.123456789, 26.1235), (458231, 458231), (1e-7, 1e-7), (3.0, 3)]
)
def test_figures_keep_six_digits_and_whole_numbers(value, kept):
    assert figure(value) == kept


def test_columns_hold_what_rows_held():
    rows = [{"method": "a", "psnr": 1.5}, {"method": "b", "psnr": None}, {"method": "a", "psnr": 2.5}]
    columns = columns_of(rows, ["psnr"])
    assert columns["psnr"] == [1.5, None, 2.5]
    assert [columns["method"]["of"][at] for at in columns["method"]["at"]] == ["a", "b", "a"]
    assert columns_of([], ["psnr"]) == {}
