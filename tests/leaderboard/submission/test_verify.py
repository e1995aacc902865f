"""A packed run holds; one that was altered anywhere, before or after packing, is refused with its reason."""

import json
import shutil
import stat
import zipfile
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from leaderboard.submission.acceptance import add_run
from leaderboard.submission.form import JSON_BYTES
from leaderboard.submission.opening import opened
from leaderboard.submission.packing import pack_run
from renderbench.artefacts import digest_of_file
from renderbench.errors import InputError
from renderbench.layout import Root
from tests.leaderboard.studies import SIZE
from tests.leaderboard.submission.forging import edit, edit_json, judged, repacked, rescore


def black_render(folder: Path) -> None:
    iio.imwrite(folder / "renders" / "000.png", np.zeros((SIZE, SIZE, 3), np.uint8))


def render_as_truth(folder: Path) -> None:
    for path in (folder / "truth" / "images").iterdir():
        shutil.copy(folder / "renders" / path.name, path)


def test_an_honest_run_holds_on_its_own_truth_and_on_the_maintainers(honest):
    root, file = honest
    for place in (None, root):
        found = judged(file, place)
        assert found.refusals == []
        assert {"psnr", "ssim", "gmsd", "psnr@foreground"} <= set(found.recomputed)


def test_the_same_run_gives_the_same_file(honest, tmp_path):
    root, file = honest
    again, _ = pack_run(root.run("s", "b", "scan-1", "agp"), tmp_path)
    assert again.read_bytes() == file.read_bytes()


@pytest.mark.parametrize(
    "change",
    [
        black_render,
        render_as_truth,
        edit(metrics=lambda scores: scores | {"psnr": 40.0}),
        edit(settings={"iterations": 1}),
        lambda folder: (folder / "renders" / "000.png").unlink(),
    ],
    ids=["image", "ground truth", "score", "config", "missing image"],
)
def test_any_change_after_packing_is_refused(honest, tmp_path, change):
    file = repacked(honest[1], tmp_path / "changed.zip", change)
    with pytest.raises(
        InputError, match=r"expected every file as submission\.json lists it, found .* (chan|miss)"
    ):
        judged(file)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (black_render, "renders/000.png: expected the SHA-256 that the record has"),
        (edit(metrics=lambda scores: scores | {"psnr": 40.0}), "psnr: expected"),
        (
            edit(
                views=lambda views: [view | {"metrics": view["metrics"] | {"ssim": 0.99}} for view in views]
            ),
            "ssim",
        ),
        (edit(seconds_full=0.1), "seconds_full: expected 16.0000, the sum of its items, found 0.1000"),
        (edit(scan="scan-2"), "scan: expected 'scan-1', as the ground truth was made, found 'scan-2'"),
        (edit(transfer_function="unseen"), "transfer_function: expected 'seen'"),
        (edit(seed=7), "seed: expected 0"),
        (
            edit(groups="liver"),
            "groups: expected [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], as the ground truth was made, found [2]",
        ),
        (edit(settings={"iterations": 1}), "settings: expected {}, as the run was made"),
        (edit(made_from={}), "digest: expected that of what made the run"),
        (edit(noise_floor_db=99.0), "noise floor: expected the mean"),
        (edit(test_views=9), "test_views: expected 5"),
        (edit(resolution=64), "resolution: expected that of the ground truth, found 64"),
        (edit(fps=0.0), "fps: expected a positive number"),
        (edit(hardware={}), "hardware, versions: expected cpu"),
        (edit(renders={}), "renders: expected one image for each of 5 views"),
        (render_as_truth, "psnr: expected"),
    ],
)
def test_a_forger_who_rewrites_the_list_is_refused_by_the_images(honest, tmp_path, change, reason):
    file = repacked(honest[1], tmp_path / "forged.zip", change, relist=True)
    refusals = judged(file).refusals
    assert any(reason in line for line in refusals), refusals
    assert all("\n" not in line for line in refusals)


def repr8(value) -> str:
    return repr(value)[:8]


@pytest.mark.parametrize("focal", ["long", None, float("nan"), 10**400, 0.0], ids=repr8)
def test_a_camera_that_is_none_is_refused_not_tripped_over(honest, tmp_path, focal):
    def change(folder):
        edit_json(folder / "truth" / "transforms.json", lambda cameras: cameras.update(fl_x=focal))

    file = repacked(honest[1], tmp_path / "camera.zip", change, relist=True)
    assert judged(file).refusals == ["cameras: expected finite numbers, focal lengths above 0, found others"]


@pytest.mark.parametrize("nonsense", [[], {"scan": []}, {"scan": {"name": float("nan")}}, {"renderer": "x"}])
def test_nonsense_in_the_ground_truth_is_refused_not_tripped_over(honest, tmp_path, nonsense):
    def change(folder):
        views = json.loads((folder / "truth" / "views.json").read_text())
        views["made_from"] = nonsense
        (folder / "truth" / "views.json").write_text(json.dumps(views))

    file = repacked(honest[1], tmp_path / "nonsense.zip", change, relist=True)
    if nonsense == []:
        with pytest.raises(InputError, match="made_from"):
            judged(file)
    else:
        assert "expected the digest of what made it in views.json" in judged(file).refusals[0]


def test_forged_ground_truth_with_forged_scores_is_refused_on_the_maintainers(honest, tmp_path):
    """A submission whose ground truth is its own renders is consistent in itself."""

    def forge(folder):
        render_as_truth(folder)
        rescore(folder)

    root, file = honest
    forged = repacked(file, tmp_path / "forged.zip", forge, relist=True)
    assert judged(forged).refusals == []
    assert any("ssim: expected 0." in line for line in judged(forged, root).refusals)


def test_a_submission_of_an_older_schema_is_refused(honest, tmp_path):
    def age(folder):
        edit_json(folder / "submission.json", lambda manifest: manifest.update(schema=1))

    file = repacked(honest[1], tmp_path / "old.zip", age)
    with pytest.raises(InputError, match=r"submission schema 2, found 1; pack it with this version"):
        judged(file)


def test_a_record_of_an_older_schema_is_refused(honest, tmp_path):
    file = repacked(honest[1], tmp_path / "old.zip", edit(schema=2), relist=True)
    with pytest.raises(InputError, match="expected run schema 3, found 2"):
        judged(file)


@pytest.mark.parametrize(
    "field", ["suite", "block", "scan", "method", "transfer_function", "groups", "dataset"]
)
def test_a_name_that_would_climb_out_of_the_root_is_refused(honest, tmp_path, field):
    file = repacked(honest[1], tmp_path / "climb.zip", edit(**{field: "../../x"}), relist=True)
    with pytest.raises(InputError, match="expected letters, digits"):
        judged(file)


def write_zip(path: Path, entries: dict[str, bytes], *, link: str | None = None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            entry = zipfile.ZipInfo(name)
            kind = stat.S_IFLNK if name == link else stat.S_IFREG
            entry.external_attr = (kind | 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


@pytest.mark.parametrize(
    ("entries", "link", "reason"),
    [
        ({"../record.json": b"{}"}, None, "expected only a submission's files, found '../record.json'"),
        ({"/etc/passwd": b""}, None, "found '/etc/passwd'"),
        ({"renders/../../x.png": b""}, None, "expected only a submission's files"),
        ({"run.sh": b"rm"}, None, "found 'run.sh'"),
        ({"renders/000.png": b"/etc/passwd"}, "renders/000.png", "a link or a device"),
        ({"record.json": b" " * (JSON_BYTES + 1)}, None, "expected record.json of at most"),
        ({"record.json": b"{}"}, None, "expected a submission.json in it, found none"),
        ({"submission.json": b"[" * 100_000}, None, "recursion limit exceeded"),
        ({"submission.json": b"\xff"}, None, "expected JSON"),
    ],
)
def test_a_hostile_zip_is_refused_before_it_does_anything(tmp_path, entries, link, reason):
    file = write_zip(tmp_path / "hostile.zip", entries, link=link)
    with pytest.raises(InputError, match=reason.replace(".", r"\.")) as refused:
        judged(file)
    assert "\n" not in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["hostile.zip"]


def test_a_picture_that_claims_a_billion_pixels_is_never_decoded(honest, tmp_path):
    def bomb(folder):
        path = folder / "renders" / "000.png"
        data = bytearray(path.read_bytes())
        data[16:24] = (40_000).to_bytes(4, "big") * 2
        path.write_bytes(data)
        digest = digest_of_file(path)
        edit(renders=lambda renders: renders | {"000.png": digest})(folder)

    refusals = judged(repacked(honest[1], tmp_path / "bomb.zip", bomb, relist=True)).refusals
    assert len(refusals) == 1
    assert refusals[0].startswith("renders/000.png: expected a PNG image, found one that cannot be read")


@pytest.mark.parametrize("name", ["nothing.zip", "text.zip", "record.json"])
def test_what_is_no_submission_is_one_line(tmp_path, name):
    if name != "nothing.zip":
        (tmp_path / name).write_text("not a zip")
    with pytest.raises(InputError, match="expected a submission"):
        judged(tmp_path / name)


def test_a_run_altered_before_it_is_packed_is_not_packed(honest, tmp_path):
    shutil.copytree(honest[0].path, tmp_path / "root")
    run = Root(tmp_path / "root").run("s", "b", "scan-1", "agp")
    black_render(run)
    file, found = pack_run(run, tmp_path / "packed")
    assert found.refusals
    assert not file.exists()


def test_only_a_run_inside_its_root_can_be_packed(honest, tmp_path):
    with pytest.raises(InputError, match=r"expected a run with a record\.json, found none"):
        pack_run(tmp_path, tmp_path)
    shutil.copytree(honest[0].run("s", "b", "scan-1", "agp"), tmp_path / "alone")
    with pytest.raises(InputError, match="expected a run inside its root"):
        pack_run(tmp_path / "alone", tmp_path)


def test_a_verified_run_is_added_once(honest, tmp_path):
    shutil.copytree(honest[0].path / "views", tmp_path / "views")
    mine = Root(tmp_path)
    with opened(honest[1]) as submission:
        folder = add_run(mine, submission)
        assert json.loads((folder / "record.json").read_text())["method"] == "agp"
        assert len(list((folder / "renders").iterdir())) == 5
        with pytest.raises(InputError, match="expected no run there yet"):
            add_run(mine, submission)


def test_the_commands_refuse_with_exit_code_2_and_a_line_a_reason(honest, tmp_path, renderbench):
    root, _ = honest
    packed = renderbench("leaderboard", "submit", root.run("s", "b", "scan-1", "agp"), "--to", tmp_path)
    assert packed.returncode == 0, packed.stderr
    file = tmp_path / "s.b.scan-1.agp.zip"
    forged = repacked(file, tmp_path / "forged.zip", edit(fps=0.0, seconds_full=0.1), relist=True)
    refused = renderbench("leaderboard", "verify", forged, "--root", root.path, "--add")
    assert refused.returncode == 2
    lines = [line for line in refused.stderr.splitlines() if "refused" in line]
    assert [line.split("refused: ")[1].split(":")[0] for line in lines] == ["seconds_full", "fps"]
    assert "Traceback" not in refused.stderr
