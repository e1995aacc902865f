"""The site as files: whole or not at all, only over itself, and only pictures that a record vouches for."""

import json
import re
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from leaderboard.records import load_records
from leaderboard.site.export import export_site
from renderbench.errors import InputError
from tests.leaderboard.studies import SIZE, write_study
from tests.records import record, write

NASTY = '"><img src=x onerror="document.title=1"></script>'


def payload(page: Path) -> dict:
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.S)
    return json.loads(found.group(1))


def export(root, folder, left_out=()):
    records = load_records(root.path / "runs", announce=lambda line: None)
    return export_site(folder, records, root, left_out)


def scan_pages(folder: Path) -> list[Path]:
    return sorted((folder / "scans").iterdir())


def test_every_run_is_on_the_front_page_and_on_its_scan_page(tmp_path):
    root = write_study(tmp_path / "root")
    report = export(root, tmp_path / "site")
    assert (report.pages, report.with_pictures) == (1, 1)
    front = payload(tmp_path / "site" / "index.html")
    records = {each.method: each for each in load_records(root.path / "runs", announce=print)}
    assert front["methods"] == list(records) == ["6dgs", "agp"]
    assert front["runs"]["psnr_db"] == [
        pytest.approx(each.metrics["psnr"], rel=1e-5) for each in records.values()
    ]
    (page,) = scan_pages(tmp_path / "site")
    scan = payload(page)
    assert front["scans"]["page"]["of"] == [page.name]
    assert [run["method"] for run in scan["runs"]] == ["6dgs", "agp"]
    assert scan["best"] == "agp"
    for run, of in zip(scan["runs"], records.values(), strict=True):
        assert run["views"]["ssim"] == pytest.approx([view.metrics["ssim"] for view in of.views], abs=1e-4)
        assert dict(run["provenance"])["Digest of what made it"] == of.digest
        assert f"test_views {of.inputs['test_views']}" in dict(run["provenance"])["Inputs"]


def test_pictures_are_the_ones_that_were_scored(tmp_path):
    root = write_study(tmp_path / "root")
    export(root, tmp_path / "site")
    (page,) = scan_pages(tmp_path / "site")
    scan = payload(page)
    assert len(scan["views"]) == 4
    for place, view in enumerate(scan["views"]):
        number = f"{view['view']:03d}.png"
        truth = root.views("folder", "scan-1", "seen", "all", "s-test") / "images" / number
        assert np.array_equal(iio.imread(page.parent / view["truth"]), iio.imread(truth))
        for run in scan["runs"]:
            shown = iio.imread(page.parent / run["pictures"][place])
            kept = root.run("s", "b", "scan-1", run["method"]) / "renders" / number
            assert np.array_equal(shown, iio.imread(kept))


def test_a_changed_render_is_not_shown_and_said(tmp_path):
    root = write_study(tmp_path / "root")
    for path in (root.run("s", "b", "scan-1", "agp") / "renders").iterdir():
        iio.imwrite(path, np.zeros((SIZE, SIZE, 3), np.uint8))
    export(root, tmp_path / "site")
    scan = payload(scan_pages(tmp_path / "site")[0])
    assert {run["method"]: bool(run["pictures"]) for run in scan["runs"]} == {"agp": False, "6dgs": True}
    assert any(
        "AGP is not shown: renders/" in line and "not what was scored" in line for line in scan["absent"]
    )


def test_a_run_judged_on_other_ground_truth_is_not_shown_beside_this_one(tmp_path):
    root = write_study(tmp_path / "root", methods=("agp",))
    folder = root.run("s", "b", "scan-1", "agp")
    text = json.loads((folder / "record.json").read_text())
    text["inputs"]["test_views"] = "another"
    (folder / "record.json").write_text(json.dumps(text))
    export(root, tmp_path / "site")
    scan = payload(scan_pages(tmp_path / "site")[0])
    assert scan["runs"][0]["pictures"] is None
    assert any("other ground truth" in line for line in scan["absent"])


def test_records_alone_make_a_site_without_pictures(tmp_path):
    write(tmp_path, record())
    from renderbench.layout import Root

    report = export(Root(tmp_path), tmp_path / "site")
    assert (report.pages, report.with_pictures) == (1, 0)
    assert "No pictures: " in payload(scan_pages(tmp_path / "site")[0])["no_pictures"]


def test_no_name_becomes_a_path_or_markup(tmp_path):
    from renderbench.layout import Root

    named = record(scan=NASTY, block="../../b", method="../m", method_title=NASTY, block_title=NASTY)
    export_site(tmp_path / "deep" / "site", [named], Root(tmp_path), [NASTY])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["deep"]
    (page,) = scan_pages(tmp_path / "deep" / "site")
    assert re.fullmatch(r"[A-Za-z0-9_-]+\.html", page.name)
    for path in (page, tmp_path / "deep" / "site" / "index.html"):
        assert "<img" not in path.read_text()
        assert NASTY in json.dumps(payload(path), ensure_ascii=False).replace('\\"', '"')


def test_two_conditions_never_share_a_page(tmp_path):
    from renderbench.layout import Root

    names = ["a b", "a-b", "a/b", "A-b"]
    report = export_site(tmp_path / "site", [record(scan=name) for name in names], Root(tmp_path), [])
    assert report.pages == 4
    assert len({page.name.lower() for page in scan_pages(tmp_path / "site")}) == 4


def test_an_older_site_is_replaced_and_anything_else_is_left_alone(tmp_path):
    root = write_study(tmp_path / "root", methods=("agp",))
    site = tmp_path / "site"
    export(root, site)
    (site / "scans" / "stale.html").touch()
    export(root, site)
    assert [page.name for page in scan_pages(site)] != ["stale.html"]
    assert len(scan_pages(site)) == 1

    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").touch()
    with pytest.raises(InputError, match="expected a new folder, an empty one or an older site"):
        export(root, mine)
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def test_what_was_left_out_is_listed(tmp_path):
    root = write_study(tmp_path / "root", methods=("agp",))
    export(root, tmp_path / "site", ["left out: an old record"])
    assert payload(tmp_path / "site" / "index.html")["skipped"] == ["left out: an old record"]


def test_the_site_brings_the_csv(tmp_path):
    root = write_study(tmp_path / "root")
    export(root, tmp_path / "site")
    table = pd.read_csv(tmp_path / "site" / "leaderboard.csv")
    assert sorted(table["method"]) == ["6dgs", "agp"]


def test_the_command_writes_both_or_what_was_asked_for(tmp_path, renderbench):
    root = write_study(tmp_path / "root")
    old = root.run("s", "b", "scan-1", "old")
    old.mkdir()
    (old / "record.json").write_text('{"schema": 1}')
    result = renderbench("leaderboard", "export", "--root", root.path)
    assert result.returncode == 0, result.stderr
    assert "left out: " in result.stderr
    assert "1 scans, 1 with pictures" in result.stdout
    site = root.leaderboard / "site"
    assert (root.leaderboard / "leaderboard.csv").is_file()
    assert "expected run schema 3, found 1" in payload(site / "index.html")["skipped"][0]


def test_long_values_do_not_flood_the_provenance(tmp_path):
    from renderbench.layout import Root

    notes = {"curve": list(range(500)), "number": 10**300, "words": "w" * 500, "gain": 1.5, "on": True}
    export_site(tmp_path / "site", [record(notes=notes)], Root(tmp_path), [])
    said = dict(payload(scan_pages(tmp_path / "site")[0])["runs"][0]["provenance"])["Notes of the method"]
    assert said.startswith("curve (500 entries), number 1000")
    assert said.endswith("w…, gain 1.5, on True")
    assert len(said) < 500
