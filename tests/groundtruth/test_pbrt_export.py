"""Suites exported as scenes, rendered by a stand-in through the exported script, and imported again."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from renderbench.artefacts import read_json
from renderbench.config import Suite
from renderbench.errors import InputError, JobError
from renderbench.groundtruth.pbrt.export import export_suite
from renderbench.groundtruth.pbrt.imported import ImportReport, import_suite
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.layout import Root
from tests.groundtruth.pbrt_stand_in import stand_in
from tests.groundtruth.studies import prepare_study, suite


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


def pbrt_suite(**changes: object) -> Suite:
    renderer = {"name": "pbrt", "samples_per_pixel": 8} | changes
    return suite(renderer=renderer, views={"fit": 2, "test": 1, "resolution": 16})


def farm(folder: Path, binary: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PBRT": str(binary)}
    command = ["sh", str(folder / "render.sh"), *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)


def test_every_path_in_an_export_is_relative_and_there(study, tmp_path) -> None:
    scenes = export_suite(study, pbrt_suite(), tmp_path / "farm")
    assert len(scenes) == 3 * 3
    moved = tmp_path / "elsewhere"
    (tmp_path / "farm").rename(moved)
    included = set()
    for scene in moved.rglob("*.pbrt"):
        for name in re.findall(r'(?:Include|"string filename") "(\.\..*?)"', scene.read_text()):
            assert (scene.parent / name).is_file()
            included.add((scene.parent / name).resolve())
    assert len(included) == 1, "all views of a scan share one medium"
    assert str(tmp_path) not in (moved / "jobs.txt").read_text()
    jobs = (moved / "jobs.txt").read_text().splitlines()
    assert len(jobs) == 3 * 3 * 2
    assert len({tuple(job.split()[:3]) for job in jobs}) == len(jobs)
    text = (moved / "README.md").read_text()
    assert "3 views, 8 samples" in text
    assert "18 images" in text
    assert "$SLURM_ARRAY_TASK_ID" in text


def test_exporting_again_writes_what_has_changed_only(study, tmp_path) -> None:
    export_suite(study, pbrt_suite(), tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pbrt*")}
    victim = next(path for path in before if path.suffix == ".pbrt")
    victim.write_text("spoilt")
    export_suite(study, pbrt_suite(), tmp_path)
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.pbrt*")}
    assert {path for path in after if after[path] != before[path]} == {victim}


def test_a_farm_s_images_become_the_views_that_we_would_have_rendered(study, tmp_path, monkeypatch) -> None:
    folder, binary = tmp_path / "farm", stand_in(tmp_path)
    chosen = pbrt_suite()
    export_suite(study, chosen, folder)
    for line in (1, 2, 3):
        assert farm(folder, binary, str(line)).returncode == 0
    assert len(list(folder.rglob("[0-9]*.pfm"))) == 3
    nothing = import_suite(study, chosen, folder)
    assert nothing == ImportReport(imported=0, skipped=0, missing=3, below_floor=0)
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*.pfm")}
    assert farm(folder, binary).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    report = import_suite(study, chosen, folder)
    assert (report.imported, report.missing) == (3, 0)
    assert import_suite(study, chosen, folder).skipped == 3
    views = open_views(study, chosen, chosen.blocks[0], "tiny", "fit")
    imported = views.images()

    monkeypatch.setenv("RENDERBENCH_PBRT", str(binary))
    assert render_suite(study, chosen).rendered == 0, "imported views hold"
    for path in views.path.rglob("*"):
        if path.is_file():
            path.unlink()
    assert render_suite(study, chosen).rendered == 2
    again = open_views(study, chosen, chosen.blocks[0], "tiny", "fit")
    assert (again.images() == imported).all()


def test_images_of_an_older_export_are_not_taken_for_new_ones(study, tmp_path) -> None:
    folder, binary = tmp_path / "farm", stand_in(tmp_path)
    export_suite(study, pbrt_suite(seed=2), folder)
    assert farm(folder, binary).returncode == 0
    changed = pbrt_suite(seed=2, environment_radiance=2.0)
    export_suite(study, changed, folder)
    assert import_suite(study, changed, folder).missing == 3


def test_a_damaged_image_is_one_clear_line(study, tmp_path) -> None:
    folder, binary = tmp_path / "farm", stand_in(tmp_path)
    chosen = pbrt_suite(seed=3)
    export_suite(study, chosen, folder)
    farm(folder, binary)
    victim = sorted(folder.rglob("*.pfm"))[0]
    victim.write_bytes(victim.read_bytes()[:-100])
    with pytest.raises(JobError, match=r"expected 3072 bytes of pixels, found 2972"):
        import_suite(study, chosen, folder)


def test_a_failing_farm_says_which_images_are_missing(study, tmp_path) -> None:
    export_suite(study, pbrt_suite(), tmp_path / "farm")
    ended = farm(tmp_path / "farm", stand_in(tmp_path, "silent"))
    assert ended.returncode == 1
    assert ended.stderr.count("not rendered:") == 18


def test_an_export_knows_its_suite(study, tmp_path) -> None:
    with pytest.raises(InputError, match="expected pbrt, found another renderer"):
        export_suite(study, suite(), tmp_path)
    with pytest.raises(InputError, match="expected an export of suite tiny, found none"):
        import_suite(study, pbrt_suite(), tmp_path)
    with pytest.raises(InputError, match="expected an even number of at least 2, found 3"):
        export_suite(study, pbrt_suite(), tmp_path, samples=3)
    export_suite(study, pbrt_suite(samples_per_pixel=None), tmp_path)
    assert read_json(tmp_path / "export.json")["samples"] == 1024


def test_an_export_that_cannot_be_written_is_one_clear_line(study, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(JobError, match="found that they cannot be written"):
        export_suite(study, pbrt_suite(), tmp_path / "file")
