"""The site as a visitor meets it: from a folder, in headless Chromium, by mouse, by keyboard and by name."""

import io
import re

import imageio.v3 as iio
import numpy as np
import pytest

from leaderboard.site.export import export_site
from renderbench.layout import Root
from tests.leaderboard.site.test_export import NASTY, export, scan_pages
from tests.leaderboard.studies import write_study
from tests.records import record, view_score


def many(count: int = 130) -> list:
    """Records of two methods under two conditions."""
    made = []
    for index in range(count):
        psnr, method = 20.0 + index * 37 % 101 / 10, ("agp", "6dgs")[index % 2]
        block = ("seen", "bones")[index // 2 % 2]
        made.append(
            record(
                block=block,
                block_title=block.title(),
                groups={"seen": "all", "bones": "skeleton"}[block],
                scan=f"scan-{index // 4:03d}",
                method=method,
                method_title=method.upper(),
                metrics={"psnr": psnr},
                seconds_without_views=1.0 + index % 7,
                views=[view_score(view, {"psnr": psnr, "ssim": 0.8}) for view in (0, 1)],
            )
        )
    return made


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site of records without pictures."""
    base = tmp_path_factory.mktemp("many")
    export_site(base / "site", many(), Root(base / "root"), ["left out: one that is too old"])
    return base / "site"


@pytest.fixture(scope="module")
def pictured(tmp_path_factory):
    """The page of a scan with pictures."""
    base = tmp_path_factory.mktemp("pictured")
    export(write_study(base / "root"), base / "site")
    return scan_pages(base / "site")[0]


def column(page, key: str) -> list[str]:
    place = page.locator("#table thead th").evaluate_all(
        "(all, key) => all.findIndex((each) => each.dataset.key === key)", key
    )
    return page.locator(f"#table tbody tr > :nth-child({place + 1})").all_inner_texts()


def numbers(texts: list[str]) -> list[float]:
    return [float(re.match(r"[\d.,]+", text).group().replace(",", "")) for text in texts]


def test_a_heading_sorts_all_rows_both_ways(site, visit):
    page = visit(site / "index.html")
    page.get_by_label("Single scans").check()
    heading = page.locator("[data-key=psnr_db]")
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    shown = numbers(column(page, "psnr_db"))
    everything = sorted((each.metrics["psnr"] for each in many()), reverse=True)
    assert shown == pytest.approx(everything[:50], abs=0.005)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert numbers(column(page, "psnr_db")) == pytest.approx(everything[::-1][:50], abs=0.005)
    assert page.locator("#table .status").inner_text() == "1–50 of 130 rows"
    page.get_by_role("button", name="Next").click()
    assert numbers(column(page, "psnr_db")) == pytest.approx(everything[::-1][50:100], abs=0.005)


def test_seconds_sort_best_first(site, visit):
    page = visit(site / "index.html")
    page.locator("[data-key=seconds_without_views] button").click()
    shown = numbers(column(page, "seconds_without_views"))
    assert shown == sorted(shown)


def test_filters_leave_what_they_name(site, visit):
    page = visit(site / "index.html")
    assert len(column(page, "method")) == 4
    page.get_by_label("Groups").select_option("skeleton")
    assert {text.split("\n")[0] for text in column(page, "condition")} == {"Bones"}
    page.get_by_label("Method").select_option("agp")
    assert [text.split("\n")[-1] for text in column(page, "method")] == ["AGP"]
    assert page.locator("#scan-cards li").count() == 24
    assert page.get_by_label("Condition").locator("option").all_inner_texts() == ["Bones"]


def test_the_pareto_front_is_marked(tmp_path, visit):
    """One method beats another in both; a third is worse and faster."""
    runs = [("a", 30.0, 100.0, 50.0), ("b", 29.0, 200.0, 40.0), ("c", 25.0, 10.0, 5.0)]
    records = [
        record(method=name, method_title=name, metrics={"psnr": psnr}, seconds_without_views=seconds, fps=fps)
        for name, psnr, seconds, fps in runs
    ]
    export_site(tmp_path / "site", records, Root(tmp_path), [])
    page = visit(tmp_path / "site" / "index.html")
    front = {
        plot: [text.split(":")[0] for text in page.locator(f"#{plot} .dot.best").evaluate_all(LABELS)]
        for plot in ("plot-time", "plot-fps")
    }
    assert front == {"plot-time": ["a", "c"], "plot-fps": ["a"]}
    dominated = page.locator("#plot-time .dot:not(.best)")
    assert dominated.evaluate_all(LABELS) == ["b: PSNR (dB) 29.00, preparation time 3.3 min"]


LABELS = "(dots) => dots.map((dot) => dot.getAttribute('aria-label'))"


def test_hostile_names_do_nothing_and_read_as_they_are(tmp_path, visit):
    hostile = dict.fromkeys(("scan", "block_title", "method_title", "dataset", "groups", "protocol"), NASTY)
    records = [
        record(**hostile, hardware={"cpu": NASTY, "cores": 2, "gpu": NASTY}, settings={NASTY: NASTY}),
        record(**hostile, method="other", absent={"lpips-alex": NASTY}),
    ]
    export_site(tmp_path / "site", records, Root(tmp_path), [NASTY])
    page = visit(tmp_path / "site" / "index.html")
    page.get_by_label("Single scans").check()
    assert page.title() == "Leaderboard · renderbench"
    assert page.locator("img").count() == 0
    assert NASTY in column(page, "scan")
    page.locator("#scan-cards a").click()
    page.wait_for_selector("#scores td")
    assert page.locator("h1").inner_text() == NASTY
    assert page.title() == f"{NASTY} · renderbench"
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == page.locator("script[src], #data").count()


def test_the_divider_moves_by_keyboard_and_says_where_it_is(pictured, visit):
    page = visit(pictured)
    slider = page.get_by_role("slider")
    assert slider.get_attribute("aria-label") == "Divider: Ground truth on its left, AGP on its right"
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "60 % Ground truth"
    clip = page.locator(".compare .over").evaluate("(image) => getComputedStyle(image).clipPath")
    assert clip.replace(" ", "") in ("inset(0pxcalc(40%)0px0px)", "inset(0px40%0px0px)")
    page.get_by_label("Left", exact=True).select_option("6dgs")
    assert "/1-" not in page.locator(".compare .over").get_attribute("src")
    over = page.locator(".compare .over")
    assert over.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 40


def test_an_error_map_shows_the_error(pictured, visit):
    """Zero where render and ground truth agree, and brighter for the worse method."""
    page = visit(pictured)
    page.get_by_label("White at an error of").select_option("16")
    page.locator("#error-maps img").evaluate_all("(all) => Promise.all(all.map((image) => image.decode()))")
    maps = {}
    for place in range(2):
        figure = page.locator("#error-maps figure").nth(place)
        shot = iio.imread(io.BytesIO(figure.locator(".map").screenshot()))[..., :3].astype(float)
        maps[figure.locator(".method").inner_text()] = shot[20:-20, 20:-20].mean()
    assert maps["6DGS"] > 1.2 * maps["AGP"] > 1.2

    perfect = page.evaluate(
        """async () => {
            const map = document.querySelector('#error-maps .map');
            map.querySelector('.difference').src = map.querySelector('img').src;
            await map.querySelector('.difference').decode();
        }"""
    )
    assert perfect is None
    black = iio.imread(io.BytesIO(page.locator("#error-maps .map").first.screenshot()))[..., :3]
    assert np.median(black) <= 4


def test_views_are_chosen_by_keyboard(pictured, visit):
    page = visit(pictured)
    before = page.locator(".compare .under").get_attribute("src")
    page.locator("#views input").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#views input").nth(1).is_checked()
    assert page.locator(".compare .under").get_attribute("src") != before


def test_every_control_and_picture_has_a_name(site, pictured, visit):
    for path in (site / "index.html", pictured):
        page = visit(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, select, input, [role=img], img')]
                .filter((each) => each.checkVisibility() && !each.hasAttribute('alt'))
                .filter((each) => !each.getAttribute('aria-label') && !each.labels?.length)
                .filter((each) => !each.textContent.trim())
                .map((each) => each.outerHTML)"""
        )
        assert nameless == []
        assert page.locator("html").get_attribute("lang") == "en"
        levels = page.locator("h1, h2").evaluate_all("(all) => all.map((each) => each.tagName)")
        assert levels[0] == "H1"
        assert levels.count("H1") == 1


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_its_window(site, pictured, visit, width):
    for path in (site / "index.html", pictured):
        page = visit(path, width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def luminance(css: str) -> float:
    channels = [int(value) / 255 for value in re.findall(r"\d+", css)[:3]]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_is_readable_in_both_themes_and_the_button_changes_them(site, visit, scheme):
    page = visit(site / "index.html", scheme=scheme)
    paper = luminance(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert (paper > 0.5) == (scheme == "light")
    for selector in (
        "h1",
        ".standfirst",
        "tbody td",
        "thead button",
        ".status",
        ".dot text",
        "#plot-note",
        ".beside td.theirs",
    ):
        colour = page.locator(selector).first.evaluate(
            "(each) => getComputedStyle(each)[each instanceof SVGElement ? 'fill' : 'color']"
        )
        light, dark = sorted([luminance(colour), paper], reverse=True)
        # WCAG 2.2, 1.4.3: at least 4.5 for text of this size.
        assert (light + 0.05) / (dark + 0.05) >= 4.5, selector
    page.locator("#theme").click()
    assert (luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.5) != (
        scheme == "light"
    )


def test_published_figures_stand_in_columns_of_their_own(site, visit):
    """As the paper prints them, none bold; the results above have none of them."""
    page = visit(site / "index.html")
    section = page.locator("#published")
    heading = "Render-FM, Table 1: TotalSeg, ID, Seen TF"
    table = section.get_by_role("region", name=heading)
    row = table.locator("tbody tr", has=page.get_by_role("rowheader", name="6DGS", exact=True))
    assert row.locator(".theirs").all_inner_texts() == [
        "0.912",
        "26.63",
        "0.096",
        "1,463.9",
        "68,785",
        "697.5",
    ]
    assert len(row.locator("td:not(.theirs)").all_inner_texts()) == 6
    assert section.locator("strong").count() == 0
    assert "1,463.9" not in page.locator("#results").inner_text()
    section.locator("summary").first.click()
    assert "data folder (paper: totalsegmentator)" in section.locator(".differs li").all_inner_texts()
    page.get_by_label("Method").select_option("agp")
    assert {text.strip() for text in section.locator("tbody th").all_inner_texts()} == {"AGP"}


def test_what_was_left_out_is_named(site, visit):
    assert visit(site / "index.html").locator("#skipped li").all_inner_texts() == [
        "left out: one that is too old"
    ]
