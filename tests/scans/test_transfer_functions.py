"""Table 5 of the paper, transcribed by hand in another layout than the files'."""

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.resources import resource
from renderbench.scans.groups import GROUPS
from renderbench.scans.transfer import load_transfer_function, transfer_function_names

# One line a group: theme | HU r g b a / HU r g b a / ... A lone HU is transparent black.
SEEN = """
Neutral grayscale | -1024 / 3072
Soft purple gradient | -1024 / -150 / 20 70 50 90 .05 / 80 110 80 140 .2 / 180 150 120 170 .5 / 250 190 160 200 .7 / 3072 220 190 230 .85
Realistic Brown Gradient | -1024 / -20 / 30 100 70 50 .1 / 90 140 100 70 .3 / 180 170 130 90 .6 / 250 190 150 110 .75 / 3072 210 170 130 .85
Beige/Brown (Realistic) | -1024 / -50 / 20 170 140 100 .05 / 80 190 160 120 .25 / 180 210 180 140 .55 / 250 225 195 155 .7 / 3072 240 210 170 .85
Golden subtlety | -1024 / 0 / 30 160 125 35 .1 / 100 200 165 70 .35 / 200 220 185 80 .55 / 250 240 200 90 .7 / 3072 255 225 120 .75
Realistic Pinkish Beige | -1024 / -850 190 180 180 .0008 / -500 210 200 200 .0025 / 0 230 220 220 .004 / 1000 240 230 230 .006 / 3072 245 235 235 .008
Pale Beige/Pinkish | -1024 / -50 / 20 220 200 190 .1 / 150 230 210 200 .35 / 250 240 220 210 .5 / 350 245 225 215 .65 / 3072 250 230 220 .75
Ivory bone realism | -1024 / 100 180 30 30 .1 / 180 255 215 140 .6 / 280 255 240 240 .9 / 350 255 255 255 1 / 3072 255 255 255 1
Muted Red Gradient | -1024 / -50 / 50 120 30 30 .1 / 150 160 50 50 .3 / 250 180 70 70 .5 / 400 200 90 90 .7 / 600 220 110 110 .8 / 3072 235 150 150 .85
Soft beige/yellowish hues | -1024 / -20 / 10 175 165 115 .1 / 80 215 205 155 .35 / 200 230 220 170 .5 / 350 240 230 180 .7 / 600 245 235 195 .75 / 3072 255 245 225 .85
Realistic Muscle Pink to Beige | -1024 / 0 180 120 120 .05 / 100 200 140 140 .25 / 200 220 160 160 .4 / 250 230 170 170 .55 / 500 240 180 180 .7 / 3072 245 190 190 .85
Beige Pink to Tan | -1024 / 0 200 170 150 .05 / 150 210 180 160 .35 / 250 220 190 170 .55 / 400 230 200 180 .7 / 600 235 205 185 .75 / 3072 240 210 190 .85
"""  # noqa: E501
UNSEEN = """
Neutral grayscale | -1024 / 3072
Vibrant Magenta/Purple | -1024 / 0 / 40 150 40 130 .1 / 100 190 70 160 .3 / 200 220 100 190 .6 / 300 240 130 210 .8 / 3072 255 160 230 .85
Deep Red-Brown | -1024 / 10 / 50 130 50 30 .15 / 120 160 70 50 .4 / 220 180 90 70 .7 / 300 195 110 85 .8 / 3072 210 130 100 .9
Ochre/Yellow-Orange | -1024 / -20 / 30 190 140 50 .1 / 90 210 160 70 .3 / 190 230 180 90 .6 / 280 245 200 110 .75 / 3072 255 220 130 .8
Muted Teal/Cyan | -1024 / 10 / 50 50 120 130 .15 / 120 70 150 160 .4 / 220 90 180 190 .65 / 300 110 200 210 .75 / 3072 130 220 230 .8
Very Light Airy Blue | -1024 / -900 170 190 210 .001 / -600 190 210 230 .003 / -100 210 230 245 .005 / 500 220 240 255 .007 / 3072 230 245 255 .009
Pale Lavender/Grey | -1024 / -80 / 0 180 170 190 .1 / 100 200 190 210 .3 / 200 220 210 230 .5 / 350 235 225 245 .65 / 3072 245 235 255 .7
Cool white to steel blue gradient | -1024 / 100 240 248 255 0 / 180 176 196 222 .8 / 350 70 130 180 1 / 3072 70 130 180 1
Bright Anatomical Red | -1024 / 0 / 70 190 20 20 .2 / 180 220 40 40 .5 / 300 240 60 60 .75 / 500 255 80 80 .85 / 700 255 120 120 .9 / 3072 255 150 150 .95
Soft Mint Green | -1024 / 0 / 30 120 190 140 .1 / 100 150 220 170 .35 / 220 180 240 200 .55 / 400 200 250 220 .7 / 700 220 255 235 .75 / 3072 235 255 245 .8
Terracotta/Brownish-Red | -1024 / 20 160 90 70 .1 / 120 180 110 90 .3 / 220 200 130 110 .5 / 350 215 150 130 .7 / 600 230 170 150 .8 / 3072 240 190 170 .85
Warm Orange/Tan | -1024 / 15 190 120 60 .1 / 100 210 145 80 .35 / 200 225 165 100 .6 / 350 240 185 120 .75 / 600 250 200 140 .8 / 3072 255 215 160 .85
"""  # noqa: E501


def transcription(table: str) -> list[tuple[str, list[list[float]]]]:
    rows = []
    for line in table.strip().splitlines():
        theme, _, points = line.partition(" | ")
        numbers = [[float(number) for number in point.split()] for point in points.split("/")]
        rows.append((theme, [row if len(row) == 5 else [*row, 0, 0, 0, 0] for row in numbers]))
    return rows


@pytest.mark.parametrize(("name", "table"), [("seen", SEEN), ("unseen", UNSEEN)])
def test_every_point_is_that_of_table_5(name, table):
    function = load_transfer_function(name)
    rows = transcription(table)
    assert len(rows) == 12
    for group, (theme, points) in zip(GROUPS, rows, strict=True):
        assert function.themes[group.id] == theme
        assert function.points[group.id].tolist() == points


@pytest.mark.parametrize("name", ["seen", "unseen"])
def test_rgba_is_linear_between_points_in_every_group(name):
    function = load_transfer_function(name)
    hu = np.arange(-1100, 3200, 7, dtype=np.int16)
    ct = np.broadcast_to(hu, (12, 1, len(hu))).copy()
    groups = np.broadcast_to(np.arange(12, dtype=np.uint8)[:, None, None], ct.shape).copy()
    rgba = function.apply(ct, groups)
    assert rgba.dtype == np.float32
    assert rgba.shape == (4, 12, 1, len(hu))
    for group in GROUPS:
        points = function.points[group.id]
        for channel, scale in enumerate((255, 255, 255, 1)):
            expected = np.interp(hu, points[:, 0], points[:, channel + 1]) / scale
            np.testing.assert_allclose(rgba[channel, group.index, 0], expected, rtol=1e-6, atol=1e-7)


def test_values_beyond_the_ends_are_those_of_the_ends():
    function = load_transfer_function("seen")
    ct = np.array([[[-32768, -1024, 3072, 32767]]], dtype=np.int16)
    rgba = function.apply(ct, np.full(ct.shape, 7, dtype=np.uint8))
    assert rgba[:, 0, 0, 0].tolist() == rgba[:, 0, 0, 1].tolist() == [0, 0, 0, 0]
    assert rgba[:, 0, 0, 2].tolist() == rgba[:, 0, 0, 3].tolist() == [1, 1, 1, 1]


def test_a_slab_of_a_scan_looks_as_it_does_within_the_scan():
    function = load_transfer_function("unseen")
    random = np.random.default_rng(0)
    ct = random.integers(-1200, 3300, (9, 8, 7)).astype(np.int16)
    groups = random.integers(0, 12, ct.shape).astype(np.uint8)
    whole = function.apply(ct, groups, dtype=np.float16)
    assert whole.dtype == np.float16
    np.testing.assert_array_equal(function.apply(ct[3:7], groups[3:7], dtype=np.float16), whole[:, 3:7])
    np.testing.assert_array_equal(function.apply(ct, groups).astype(np.float16), whole)


def test_the_shipped_transfer_functions_differ():
    assert transfer_function_names() == ["seen", "unseen"]
    seen, unseen = map(load_transfer_function, transfer_function_names())
    assert seen.digest != unseen.digest
    assert seen.digest == load_transfer_function("seen").digest


@pytest.fixture
def text() -> str:
    return resource("datasets", "transfer_functions", "seen.toml").read_text()


def test_a_transfer_function_of_ones_own(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text)
    mine = load_transfer_function(str(path))
    assert mine.id == "mine"
    assert mine.digest == load_transfer_function("seen").digest
    path.write_text(text.replace("[3072, 210, 170, 130, 0.85]", "[3072, 210, 170, 130, 0.8]"))
    assert load_transfer_function(str(path)).digest != mine.digest


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[spleen]", "[spleeen]", "spleeen.*did you mean 'spleen'"),
        ('theme = "Soft purple gradient"', 'themes = "Soft"', "spleen.themes.*did you mean 'theme'"),
        (
            "[30, 100, 70, 50, 0.1]",
            "[-20, 100, 70, 50, 0.1]",
            "liver.*increase strictly, found -20 after -20",
        ),
        ("[30, 100, 70, 50, 0.1]", "[30, 100, 70, 50, 10]", "liver.*less than or equal to 1, found 10"),
        ("[30, 100, 70, 50, 0.1]", "[30, 300, 70, 50, 0.1]", "liver.*less than or equal to 255, found 300"),
        ("[30, 100, 70, 50, 0.1]", "[30, 100, 70, 0.1]", "liver"),
        ("[liver]", "[liver", "syntax error"),
    ],
)
def test_a_faulty_file_is_one_clear_line(tmp_path, text, old, new, words):
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=words) as caught:
        load_transfer_function(str(path))
    assert "mine.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'unseen'"):
        load_transfer_function("unsen")
    with pytest.raises(InputError, match="expected a TOML file"):
        load_transfer_function("absent.toml")
