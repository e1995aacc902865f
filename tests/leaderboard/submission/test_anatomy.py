"""Scores of groups and landmarks: recomputed, on an anatomy that fits its views or is the root's own."""

import json
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from leaderboard.submission.cli import verify
from leaderboard.submission.packing import pack_run
from renderbench.errors import InputError
from renderbench.evaluation.metrics import lpips
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root
from tests.leaderboard.studies import SIZE, VIEWS, write_body
from tests.leaderboard.submission.forging import edit_json, judged, repacked, rescore, resign_maps

RECOMPUTED = {"psnr@group:liver", "psnr@group:spleen", "landmarks-px", "landmarks-mm"}


def change_map(change, *, resign: bool = True):
    """A change of the first view's map, by default by someone who also rewrites its SHA-256."""

    def forge(folder: Path) -> None:
        path = folder / "truth" / "anatomy" / "000.png"
        iio.imwrite(path, change(iio.imread(path)))
        if resign:
            resign_maps(folder)

    return forge


def change_anatomy(change):
    """A change of ``anatomy.json``."""
    return lambda folder: edit_json(folder / "truth" / "anatomy" / "anatomy.json", change)


def change_seen(**fields):
    """A change of the first landmark that the first view shows."""
    return change_anatomy(lambda anatomy: anatomy["views"][0][0].update(fields))


def change_scores(change):
    """A change of the record's metrics and of every view's, so that means and views agree."""
    return change_record(lambda record: [change(scores) for scores in metrics_of(record)])


def drop_landmarks(anatomy) -> None:
    anatomy["views"] = [[] for _ in anatomy["views"]]


def show_one_twice(anatomy) -> None:
    anatomy["views"][0].append(anatomy["views"][0][-1])


def look_away(anatomy) -> None:
    """Move a landmark, and say of it what would be true, behind the camera and beside the image."""
    (seen,) = anatomy["views"][0][:1]
    anatomy["landmarks"][seen["landmark"]]["position_mm"] = [1e308, 1e308, 1e308]
    seen.update(column_px=float("inf"), row_px=float("inf"), depth_mm=float("inf"), mm_per_px=float("inf"))


def look_to_infinity(folder: Path) -> None:
    """Move a landmark so far along the line of sight that its depth is no number any more."""
    camera = ViewSet.open(folder / "truth").cameras[0]
    far = np.copysign(1.7e308, camera.camera_from_world[2, :3]).tolist()

    def change(anatomy) -> None:
        seen = anatomy["views"][0][0]
        anatomy["landmarks"][seen["landmark"]]["position_mm"] = far
        endless = {"depth_mm": float("inf"), "mm_per_px": float("inf")}
        seen.update(column_px=camera.cx_px, row_px=camera.cy_px, **endless)
        anatomy["views"][1:] = [[] for _ in anatomy["views"][1:]]

    change_anatomy(change)(folder)


def unlink(name: str):
    return lambda folder: (folder / "truth" / "anatomy" / name).unlink()


def metrics_of(record) -> list[dict[str, float | None]]:
    """Those of the run, and of every view."""
    return [record["metrics"], *(view["metrics"] for view in record["views"])]


def hide_liver(record) -> None:
    for scores in metrics_of(record):
        del scores["psnr@group:liver"]
    record["absent"]["psnr@group:liver"] = "not shown"


def claim_kidney(record) -> None:
    for scores in metrics_of(record):
        scores["psnr@group:kidney"] = 50.0
    del record["absent"]["psnr@group:kidney"]


def claim_lpips(record) -> None:
    for scores in metrics_of(record):
        scores["lpips-alex"] = 0.25
    del record["absent"]["lpips-alex"]


def praise_a_view(record) -> None:
    record["views"][1]["metrics"]["beauty"] = 1.0


def change_record(change):
    """A change of ``record.json``."""
    return lambda folder: edit_json(folder / "record.json", change)


@pytest.mark.parametrize("own", [False, True])
def test_an_honest_submission_has_all_scores_recomputed(honest, own):
    found = judged(honest[1], honest[0] if own else None)
    assert found.refusals == []
    assert set(found.recomputed) >= RECOMPUTED
    assert found.stated == {}
    record = json.loads((honest[0].run("s", "b", "scan-1", "agp") / "record.json").read_text())
    assert set(found.recomputed) == set(record["metrics"])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (change_map(np.flipud, resign=False), "anatomy/000.png: expected the SHA-256 that anatomy.json has"),
        (change_map(lambda shown: np.roll(shown, 3, axis=0)), "view 0: psnr@group:liver: expected"),
        (
            change_map(lambda shown: np.where(shown > 0, 12, 0).astype(np.uint8)),
            "anatomy/000.png: expected 0 and the indices of its groups (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11), "
            "found 12",
        ),
        (
            change_map(lambda shown: shown[1:]),
            "anatomy/000.png: expected 40 × 40 pixels in 8-bit grey, found 40 × 39 in 8-bit grey",
        ),
        (change_map(lambda shown: shown.astype(np.uint16)), "pixels in 8-bit grey, found 40 × 40 in I;16"),
        (change_map(lambda shown: np.stack([shown] * 3, axis=-1)), "in 8-bit grey, found 40 × 40 in RGB"),
        (unlink("002.png"), "anatomy/002.png: expected a map, found none"),
        (
            lambda folder: shutil.copy(
                folder / "truth" / "anatomy" / "000.png", folder / "truth" / "anatomy" / "005.png"
            ),
            "anatomy/005.png: expected none, found a map of no view",
        ),
        (change_anatomy(lambda anatomy: anatomy["maps"].pop()), "maps: expected 5, one for each view, found"),
        (change_anatomy(lambda anatomy: anatomy["views"].pop()), "views: expected 5, one for each view"),
        (
            change_anatomy(lambda anatomy: anatomy["groups"].remove("liver")),
            "anatomy.json: groups: expected those that are shown (spleen, liver, digestive",
        ),
        (
            change_anatomy(lambda anatomy: anatomy["groups"].append("soul")),
            "anatomy.json: groups: expected those that are shown",
        ),
        (
            change_anatomy(lambda anatomy: anatomy["landmarks"][0].update(position_mm=[0, 0, float("nan")])),
            "anatomy.json: landmark 0: expected a finite position, found (0.0, 0.0, nan)",
        ),
        (
            change_anatomy(
                lambda anatomy: [each.update(position_mm=[9, 9, 9]) for each in anatomy["landmarks"]]
            ),
            "column_px: expected",
        ),
        (change_seen(column_px=3.0), "column_px: expected"),
        (change_seen(row_px=float("nan")), "row_px: expected"),
        (change_seen(depth_mm=1.0), "depth_mm: expected"),
        (change_seen(mm_per_px=1e-9), "mm_per_px: expected"),
        (change_seen(landmark=-1), "landmark -1: expected each landmark once at most, in order"),
        (change_seen(landmark=12), "landmark 12: expected each landmark once at most, in order"),
        (change_anatomy(show_one_twice), "expected each landmark once at most, in order"),
        (change_anatomy(look_away), "expected a landmark that projects into the image, found one that does"),
        (look_to_infinity, "expected a landmark that projects into the image, found one that does not"),
        (change_anatomy(drop_landmarks), "landmarks-px: expected no score, since no test view shows"),
        (
            change_scores(lambda scores: scores.update({"psnr@group:liver": 50.0})),
            "psnr@group:liver: expected",
        ),
        (change_scores(lambda scores: scores.update({"landmarks-px": 0.0})), "landmarks-px: expected"),
        (change_scores(lambda scores: scores.update({"landmarks-mm": 0.0})), "landmarks-mm: expected"),
        (
            change_record(claim_kidney),
            "psnr@group:kidney: expected no score, since no test view shows this group in 0.1% of its pixels",
        ),
        (
            change_scores(lambda scores: scores.update({"beauty": 1.0})),
            "beauty: expected no score, since these views have no such metric, found 1",
        ),
        (
            change_scores(lambda scores: scores.pop("psnr@group:spleen")),
            "psnr@group:spleen: expected a score, since its images give one, found none",
        ),
        (
            change_record(hide_liver),
            "psnr@group:liver: expected a score, since its images give one, found it stated as ab",
        ),
        (
            change_record(praise_a_view),
            "view 1: expected a score of each of the record's metrics, found others",
        ),
    ],
)
def test_every_change_is_refused_with_its_reason(honest, tmp_path, change, reason):
    file = repacked(honest[1], tmp_path / "forged.zip", change, relist=True)
    refusals = judged(file).refusals
    assert any(reason in line for line in refusals), refusals
    assert all("\n" not in line for line in refusals)


def test_a_submission_without_anatomy_is_none(honest, tmp_path):
    file = repacked(honest[1], tmp_path / "bare.zip", unlink("anatomy.json"), relist=True)
    with pytest.raises(InputError, match=r"expected truth/anatomy/anatomy\.json in it, found none"):
        judged(file)


@pytest.fixture(scope="module")
def forged(honest, tmp_path_factory) -> Path:
    """Maps that show the liver where the render is best, and the scores that follow from them."""

    def forge(folder: Path) -> None:
        for view in range(VIEWS):
            name = f"{view:03d}.png"
            truth, render = (
                iio.imread(folder / each / name).astype(float) for each in ("truth/images", "renders")
            )
            error = np.abs(truth - render).sum(axis=-1)
            best = np.where(error <= np.quantile(error, 0.2), 2, 0).astype(np.uint8)
            iio.imwrite(folder / "truth" / "anatomy" / name, best)
        resign_maps(folder)
        rescore(folder)

    target = tmp_path_factory.mktemp("forged") / "forged.zip"
    return repacked(honest[1], target, forge, relist=True)


def copy_of(root: Root, target: Path, *without: Path) -> Root:
    shutil.copytree(root.path, target)
    for path in without:
        shutil.rmtree(target / path.relative_to(root.path))
    return Root(target)


def parts_of(root: Root) -> tuple[Path, Path]:
    """The folders of its anatomy and of its scan."""
    return root.block("s", "b", "scan-1") / "anatomy", root.scan("folder", "scan-1")


def content_of(root: Root) -> dict[str, bytes]:
    paths = sorted(path for path in root.path.rglob("*") if path.is_file())
    return {path.relative_to(root.path).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("lost", ["nothing", "anatomy", "scan"])
def test_forged_maps_with_scores_to_match_hold_until_the_root_has_its_own(honest, forged, tmp_path, lost):
    root, file = honest
    anatomy, scan = parts_of(root)
    mine = copy_of(root, tmp_path / "root", *{"nothing": [], "anatomy": [anatomy], "scan": [scan]}[lost])
    assert judged(forged).refusals == []
    before = content_of(mine)
    refusals = judged(forged, mine).refusals
    assert any(line.startswith("psnr@group:spleen: expected a score") for line in refusals)
    assert any(line.startswith("view 0: psnr@group:liver: expected 34.") for line in refusals)
    assert judged(file, mine).refusals == []
    assert content_of(mine) == before


def test_a_root_without_scan_and_anatomy_says_whose_it_takes(honest, tmp_path, capsys):
    mine = copy_of(honest[0], tmp_path / "root", *parts_of(honest[0]))
    verify(honest[1], root=mine.path)
    said = capsys.readouterr().out
    assert f"on the ground truth of {mine.path}: psnr" in said
    missing = mine.scan("folder", "scan-1")
    assert f"groups and landmarks: on the anatomy that the file brings, since there is no {missing}" in said
    verify(honest[1], root=honest[0].path)
    said = capsys.readouterr().out
    assert f"on the ground truth and anatomy of {honest[0].path}: psnr" in said
    assert "landmarks-px" in said
    assert "that the file brings" not in said


def test_an_anatomy_of_another_scan_is_left_aside(honest, forged, tmp_path):
    """The one that lies in the root is the forger's, of another digest; the scan beside it knows better."""
    mine = copy_of(honest[0], tmp_path / "root", parts_of(honest[0])[0])

    def plant(folder: Path) -> None:
        edit_json(folder / "truth" / "anatomy" / "anatomy.json", lambda anatomy: anatomy.update(digest="x"))
        shutil.copytree(folder / "truth" / "anatomy", parts_of(mine)[0])

    repacked(forged, tmp_path / "planted.zip", plant)
    assert any("psnr@group:liver" in line for line in judged(forged, mine).refusals)


def test_a_scan_that_the_views_do_not_show_judges_nobody(honest, tmp_path):
    mine = copy_of(honest[0], tmp_path / "root", *parts_of(honest[0]))
    write_body(mine, liver_mm=27.0)
    with pytest.raises(InputError, match=r"expected the scan that .* shows, found one of other groups"):
        judged(honest[1], mine)


@pytest.mark.parametrize("packing", [False, True])
def test_a_damaged_map_of_the_roots_own_is_the_roots_fault(honest, tmp_path, packing):
    mine = copy_of(honest[0], tmp_path / "root")
    path = parts_of(mine)[0] / "003.png"
    iio.imwrite(path, np.zeros((SIZE, SIZE), np.uint8))
    run = mine.run("s", "b", "scan-1", "agp")
    with pytest.raises(InputError, match=r"anatomy/003\.png: expected the SHA-256") as refused:
        _ = pack_run(run, tmp_path) if packing else judged(honest[1], mine)
    assert str(path.parent) in str(refused.value)


def test_a_run_is_packed_with_the_anatomy_that_its_scan_gives(honest, tmp_path):
    """Lost, it is made again, to the same bytes; without the scan, there is nothing to pack."""
    anatomy, scan = parts_of(honest[0])
    without = copy_of(honest[0], tmp_path / "without", anatomy)
    file, found = pack_run(without.run("s", "b", "scan-1", "agp"), tmp_path)
    assert found.refusals == []
    assert file.read_bytes() == honest[1].read_bytes()
    bare = copy_of(honest[0], tmp_path / "bare", anatomy, scan)
    with pytest.raises(
        InputError, match="expected the groups and landmarks of the test views, found neither"
    ):
        pack_run(bare.run("s", "b", "scan-1", "agp"), tmp_path / "packed")
    assert not (tmp_path / "packed").exists()


def test_lpips_is_taken_as_stated_where_its_weights_are_missing(honest, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))

    claim = change_record(claim_lpips)
    found = judged(repacked(honest[1], tmp_path / "claim.zip", claim, relist=True))
    assert found.refusals == []
    assert list(found.stated) == ["lpips-alex"]
    assert "alexnet" in found.stated["lpips-alex"]


def test_lpips_may_be_absent_where_others_have_the_weights(honest, monkeypatch):
    import torch

    class Constant:
        def maps(self, truth, image):
            return [torch.full((1, 1, SIZE, SIZE), 0.25)]

    monkeypatch.setattr(lpips, "load", lambda metric: Constant())
    found = judged(honest[1])
    assert found.refusals == []
    assert "lpips-alex" not in found.recomputed
