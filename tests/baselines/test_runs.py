"""The fitted baselines as runs of a suite: several group selections, kills, seeds and spoilt views."""

import json
import re
import shutil
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from PIL import Image

import baselines.fitting
from baselines.losses import photometric_loss
from baselines.scenes import GroupScene
from renderbench.config import Suite
from renderbench.errors import InputError
from renderbench.evaluation import timing
from renderbench.evaluation.metrics import quantised
from renderbench.evaluation.stage import run_suite
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.groundtruth.viewset import image_path
from renderbench.layout import Root
from renderbench.scans.groups import GROUP_INDEX, select_groups
from renderbench.splats.ply import read_ply
from renderbench.splats.raster import RasterSettings
from tests.groundtruth.studies import prepare_study, suite

COMMON = {"iterations": 40, "evaluate_every": 20, "checkpoint_every": 10, "checkpoint_share": 1.0}
POINTS = {"surface_points": 200, "density_points": 200}
METHODS = ["agp", "6dgs", "6dgs-agp"]
BLOCKS = [
    {"id": "both", "methods": METHODS[1:]},
    {"id": "liver", "methods": METHODS[1:], "groups": "liver", "fit": [{"groups": "all", "views": 3}]},
    {
        "id": "composed",
        "methods": METHODS,
        "groups": "liver",
        "fit": [{"groups": "all", "views": 3}, {"groups": "liver", "views": 3}],
    },
]


def study(seed: int = 0, **settings: object) -> Suite:
    made = suite(blocks=BLOCKS, seed=0)
    changes = {"6dgs": COMMON | POINTS, "6dgs-agp": COMMON | {"initial_points": 300}}
    entries = {name: {"settings": each | settings | {"seed": seed}} for name, each in changes.items()}
    return Suite.model_validate(made.model_dump() | {"methods": entries})


def only(name: str, made: Suite) -> Suite:
    """The suite with one of its blocks."""
    return made.model_copy(update={"blocks": [block for block in made.blocks if block.id == name]})


@pytest.fixture(scope="module", autouse=True)
def untimed():
    """Frames a second are not what these tests look at."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timing, "_TIMED_AT_LEAST_S", 1e-3)
        yield


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Root:
    root = prepare_study(tmp_path_factory.mktemp("study"))
    render_suite(root, study())
    return root


@pytest.fixture(scope="module")
def done(rendered) -> Root:
    """Every method run in every block."""
    for method in METHODS:
        assert not run_suite(rendered, study(), method).failed
    return rendered


@pytest.fixture
def root(tmp_path, rendered) -> Root:
    """A copy without runs, to spoil."""
    shutil.copytree(rendered.path, tmp_path / "root", ignore=shutil.ignore_patterns("runs"))
    return Root(tmp_path / "root")


def run_folder(root: Root, block: str, method: str) -> Path:
    return root.run("tiny", block, "tiny", method)


def record(root: Root, block: str, method: str) -> dict:
    return json.loads((run_folder(root, block, method) / "record.json").read_text())


@pytest.mark.parametrize("method", ["6dgs", "6dgs-agp"])
def test_one_fit_shows_all_or_one_group_by_label(done, method):
    both, liver = (read_ply(run_folder(done, block, method) / "scene.ply") for block in ("both", "liver"))
    # Under heldout the fit of all is one fit, whatever it is then asked to show.
    assert torch.equal(both.labels, liver.labels)
    assert torch.equal(both.means_mm, liver.means_mm)
    assert set(both.labels.tolist()) == {GROUP_INDEX["liver"], GROUP_INDEX["spleen"]}
    camera = open_views(done, study(), study().blocks[1], "tiny", "test").cameras[0]
    shown = iio.imread(run_folder(done, "liver", method) / "renders" / "000.png").astype(int)
    for groups, is_shown in (("liver", True), ("all", False)):
        scene = GroupScene(gaussians=liver, groups=select_groups(groups), raster=RasterSettings())
        error = np.abs(quantised(scene.render(camera)).astype(int) - shown)
        # A thing read back from a .ply may round the other way.
        assert (error.max() <= 2) == is_shown
    for block in ("both", "liver"):
        assert record(done, block, method)["points"] == len(both)


def test_the_other_block_is_not_fitted_again_and_what_the_fit_cost_is_counted(root, done):
    method = "6dgs"
    first, second = (record(done, block, method) for block in ("both", "liver"))
    assert first["notes"] == second["notes"]
    for item in ("initialise", "optimise"):
        assert first["seconds"][item] == second["seconds"][item]
    # As if it had been fitted for that block alone.
    assert not run_suite(root, only("liver", study()), method).failed
    alone, shared = (run_folder(each, "liver", method) / "scene.ply" for each in (root, done))
    assert alone.read_bytes() == shared.read_bytes()
    # Another fit is never taken for this one: two selections, another seed, a damaged run.
    assert record(done, "composed", method)["notes"]["fit"] != first["notes"]["fit"]
    (run_folder(root, "liver", method) / "scene.ply").write_text("spoilt")
    said: list[str] = []
    run_suite(root, study(), method, announce=said.append)
    assert not [line for line in said if "both/tiny" in line and "the fit is that of" in line]
    said.clear()
    run_suite(root, study(seed=5), method, announce=said.append)
    assert f"liver/tiny/{method}: the fit is that of block both; its seconds are counted" in said
    assert len([line for line in said if "the fit is that of" in line]) == 1


def test_a_block_that_fits_to_two_selections_uses_both(done):
    for method in ("6dgs", "6dgs-agp"):
        made = record(done, "composed", method)
        assert made["groups"] == "liver"
        assert made["fit_views"] == 6
        assert {"fit_views.all", "fit_views.liver"} <= set(made["inputs"])
        assert record(done, "liver", method)["fit_views"] == 3
        assert made["metrics"]["psnr"] > 15


def test_the_prior_alone_holds_what_is_shown(done):
    labels = read_ply(run_folder(done, "composed", "agp") / "scene.ply").labels
    assert set(labels.tolist()) == {GROUP_INDEX["liver"]}


def test_nothing_but_runs_and_sheets_is_left(done):
    left = {path.name for path in (done.path / "runs" / "tiny" / "composed" / "tiny").iterdir()}
    assert left == {*METHODS, "anatomy", "contact-sheet.png"}


@pytest.mark.parametrize("method", ["6dgs", "6dgs-agp"])
def test_the_same_seed_gives_the_same_scene_with_one_thread_and_two(root, done, monkeypatch, method):
    monkeypatch.setenv("RENDERBENCH_THREADS", "2")
    run_suite(root, only("composed", study()), method)
    mine, other = (run_folder(each, "composed", method) / "scene.ply" for each in (root, done))
    assert mine.read_bytes() == other.read_bytes()
    run_suite(root, only("composed", study(seed=1)), method)
    assert mine.read_bytes() != other.read_bytes()


class Killed(BaseException):
    """What stands for a kill inside the process."""


def killed_after(monkeypatch, iterations: int, root: Root, made: Suite) -> list[str]:
    """What a run said that was killed in the iteration after so many."""
    said: list[str] = []
    left = iter(range(iterations))

    def loss(*arguments):
        if next(left, None) is None:
            raise Killed
        return photometric_loss(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(baselines.fitting, "photometric_loss", loss)
        with pytest.raises(Killed):
            run_suite(root, made, "6dgs", announce=said.append)
    return said


def test_a_killed_run_goes_on_and_is_whole(root, done, monkeypatch):
    killed_after(monkeypatch, 33, root, only("both", study()))
    folder = run_folder(root, "both", "6dgs")
    assert not folder.exists()
    assert len(list(folder.parent.glob("6dgs.*.checkpoint"))) == 1
    said: list[str] = []
    run_suite(root, only("both", study()), "6dgs", announce=said.append)
    assert "both/tiny/6dgs: resuming at iteration 30 of 40" in said
    assert record(root, "both", "6dgs")["notes"]["resumed_at"] == [30]
    mine, other = (run_folder(each, "both", "6dgs") / "scene.ply" for each in (root, done))
    assert mine.read_bytes() == other.read_bytes()
    assert not list(folder.parent.glob("*.checkpoint"))


def test_settings_that_change_start_anew_and_settings_that_change_back_go_on(root, monkeypatch):
    first, second = only("both", study()), only("both", study(iterations=30))
    killed_after(monkeypatch, 25, root, first)
    said = killed_after(monkeypatch, 15, root, second)
    assert any("starting anew; left aside, of other settings or inputs: 6dgs." in line for line in said)
    said.clear()
    run_suite(root, first, "6dgs", announce=said.append)
    assert "both/tiny/6dgs: resuming at iteration 20 of 40" in said
    # The run is there: nothing that led elsewhere is worth keeping.
    assert not list(run_folder(root, "both", "6dgs").parent.glob("*.checkpoint"))


def missing(image: Path) -> None:
    image.unlink()


def corrupt(image: Path) -> None:
    image.write_bytes(image.read_bytes()[:200])


def flipped(image: Path) -> None:
    content = bytearray(image.read_bytes())
    middle = content.index(b"IDAT") + 40
    content[middle] ^= 0xFF
    image.write_bytes(content)


def not_an_image(image: Path) -> None:
    image.write_text("nothing to see")


def another_size(image: Path) -> None:
    Image.new("RGB", (20, 32)).save(image)


@pytest.mark.parametrize("role", ["fit", "test"])
@pytest.mark.parametrize("spoil", [missing, corrupt, flipped, not_an_image, another_size])
def test_a_spoilt_view_is_one_clear_line(root, spoil, role):
    image = image_path(root.path / "views" / "folder" / "tiny" / f"seen.liver.tiny-{role}", 1)
    spoil(image)
    with pytest.raises(InputError) as caught:
        run_suite(root, only("composed", study()), "6dgs-agp")
    line = str(caught.value)
    assert "\n" not in line
    assert str(image) in line
    assert re.search(r"expected (an image of the view set|32 × 32 pixels), found", line)
    assert "renderbench groundtruth" in line


def test_a_set_of_another_size_is_one_clear_line(root):
    folder = root.path / "views" / "folder" / "tiny" / "seen.liver.tiny-fit"
    cameras = json.loads((folder / "transforms.json").read_text())
    (folder / "transforms.json").write_text(json.dumps(cameras | {"w": 24, "h": 24}))
    for index in range(3):
        Image.new("RGB", (24, 24)).save(image_path(folder, index))
    with pytest.raises(InputError, match=r"expected views of 32 × 32 pixels.*found 24 × 24; remove"):
        run_suite(root, only("composed", study()), "6dgs")
