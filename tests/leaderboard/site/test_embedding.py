"""Data inside pages: nothing in it can end its element, and columns hold what rows held."""

import json
import math

import pytest

from leaderboard.site.embedding import columns_of, embedded, page, rounded

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


def read_back(payload):
    """As a browser reads it: what JSON does not know is an error."""

    def refuse(word):
        raise ValueError(f"{word} is not JSON")

    return json.loads(embedded(payload), parse_constant=refuse)


def test_nan_never_reaches_a_page():
    none = [math.nan, math.inf, -math.inf, None]
    assert read_back({"psnr": none, "ssim": rounded(none)}) == {"psnr": [None] * 4, "ssim": [None] * 4}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (26.123456789, 26.1235),
        (-0.00123456789, -0.00123457),
        (458231, 458231),
        (12345678901, 12345678901),
        (1234567.8, 1234568),
        (1e-7, 1e-7),
        (3.0, 3),
        (0.0, 0),
    ],
)
def test_figures_keep_six_digits_and_whole_numbers(value, kept):
    assert rounded([value]) == [kept]


def test_columns_hold_what_rows_held():
    rows = [{"method": "a", "psnr": 1.5}, {"method": "b", "psnr": None}, {"method": "a", "psnr": 2.5}]
    columns = read_back(columns_of(rows, ["psnr"]))
    assert columns["psnr"] == [1.5, None, 2.5]
    assert [columns["method"]["of"][at] for at in columns["method"]["at"]] == ["a", "b", "a"]
    assert columns_of([], ["psnr"]) == {}
