"""renderfm and renderfm-ft as runs of a suite."""

import json
import tomllib
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest
import torch

import renderbench.methods
from baselines.scenes import AgpMethod
from baselines.settings import AgpSettings
from baselines.views import fitting_views
from renderbench.config import Suite, load_suite, shipped_suites
from renderbench.errors import InputError
from renderbench.evaluation import timing
from renderbench.evaluation.ledger import Ledger
from renderbench.evaluation.stage import run_suite
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.layout import Root
from renderbench.methods import MethodSpec, ShownViews, Task
from renderbench.scans.groups import GROUP_INDEX, select_groups
from renderbench.scans.store import ScanStore
from renderbench.splats.gaussians import concatenate
from renderbench.splats.ply import read_ply
from renderbench.splats.raster import RasterSettings
from renderfm.checkpoint import checkpoint_file
from renderfm.methods import RENDERFM, RENDERFM_FT
from renderfm.scenes import RenderFMMethod, seen
from renderfm.settings import ModelSettings, PredictionSettings, RenderFMSettings
from tests.baselines.scenes import ball
from tests.baselines.scenes import task as ball_task
from tests.groundtruth.studies import prepare_study, suite
from tests.renderfm.scans import checkpoint

REPOSITORY = Path(__file__).resolve().parents[2]
METHODS = ["agp", "renderfm", "renderfm-ft"]
FIT = {"iterations": 20, "evaluate_every": 10, "checkpoint_every": 10, "checkpoint_share": 1.0}
BLOCKS = [
    {"id": "both", "methods": METHODS},
    {"id": "liver", "methods": METHODS[1:], "groups": "liver", "fit": [{"groups": "all", "views": 3}]},
]


def study(**settings: object) -> Suite:
    made = suite(blocks=BLOCKS)
    entries = {
        "renderfm": {"settings": {"checkpoint": "untrained"} | settings},
        "renderfm-ft": {"settings": {"checkpoint": "untrained"} | FIT | settings},
    }
    return Suite.model_validate(made.model_dump() | {"methods": entries})


@pytest.fixture(scope="module", autouse=True)
def registered():
    """The methods as an installation would register them; frames a second are not looked at."""
    known = dict(renderbench.methods.registered_methods()) | {
        RENDERFM.id: RENDERFM,
        RENDERFM_FT.id: RENDERFM_FT,
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(renderbench.methods, "registered_methods", lambda: known)
        patched.setattr(timing, "_TIMED_AT_LEAST_S", 1e-3)
        yield


@pytest.fixture(scope="module")
def rendered(tmp_path_factory) -> Root:
    root = prepare_study(tmp_path_factory.mktemp("study"))
    render_suite(root, study())
    checkpoint(checkpoint_file(root, "untrained"))
    checkpoint(checkpoint_file(root, "as-published"), ModelSettings(opacity="paper"))
    return root


@pytest.fixture(scope="module")
def done(rendered) -> Root:
    for method in METHODS:
        assert not run_suite(rendered, study(), method).failed
    return rendered


def folder(root: Root, block: str, method: str) -> Path:
    return root.run("tiny", block, "tiny", method)


def record(root: Root, block: str, method: str) -> dict:
    return json.loads((folder(root, block, method) / "record.json").read_text())


def task(root: Root, groups: str = "all") -> Task:
    block = study().blocks[0]
    return Task(
        scan=ScanStore.open(root.scan("folder", "tiny")),
        transfer_function="seen",
        groups=select_groups(groups),
        medium=study().medium,
        fit_views=[
            ShownViews(groups=select_groups("all"), views=open_views(root, study(), block, "tiny", "fit"))
        ],
        test_views=None,
        protocol="heldout",
        seed=0,
    )


@pytest.mark.parametrize(
    ("checkpoint_name", "opacity"), [("untrained", "physical"), ("as-published", "paper")]
)
def test_an_untrained_model_is_agp_to_the_last_bit(rendered, checkpoint_name, opacity):
    agp = AgpMethod(AgpSettings(opacity=opacity)).prepare(task(rendered), Ledger())
    made = RenderFMMethod(RenderFMSettings(checkpoint=checkpoint_name)).prepare(task(rendered), Ledger())
    assert len(made.gaussians) == len(agp.gaussians) > 100
    for name, expected in agp.gaussians.parameters().items():
        assert torch.equal(getattr(made.gaussians, name), expected), name
    assert torch.equal(made.gaussians.labels, agp.gaussians.labels)


def test_its_run_scores_as_agp_does_and_costs_no_view(done):
    agp, made = (record(done, "both", method) for method in METHODS[:2])
    assert [view["metrics"] for view in made["views"]] == [view["metrics"] for view in agp["views"]]
    assert made["points"] == agp["points"]
    assert "infer" in made["seconds"]
    assert not {"views", "initialise", "optimise"} & set(made["seconds"])
    assert made["notes"]["checkpoint"] == "untrained"
    assert set(made["notes"]["infer_seconds"]) == {
        "load",
        "store",
        "inputs",
        "light",
        "move",
        "network",
        "instantiate",
    }
    assert made["notes"]["window"] is None


def test_one_prediction_shows_any_groups(done):
    both, liver = (read_ply(folder(done, block, "renderfm") / "scene.ply") for block in ("both", "liver"))
    for name, expected in both.parameters().items():
        assert torch.equal(getattr(liver, name), expected)
    notes = record(done, "liver", "renderfm")["notes"]
    # Choosing groups is no second prediction.
    assert notes["selection_seconds"] < sum(notes["infer_seconds"].values())


def test_fine_tuning_fits_what_the_views_see_and_is_better(done):
    before, after = (record(done, "both", method) for method in METHODS[1:])
    assert after["metrics"]["psnr"] > before["metrics"]["psnr"] + 1.0
    notes = after["notes"]
    assert notes["predicted_points"] == before["points"]
    # Nothing hides in a scene as small as this.
    assert after["points"] == notes["initial_points"] <= notes["predicted_points"]
    assert {"views", "infer", "initialise", "optimise"} <= set(after["seconds"])


def test_what_no_view_shows_is_left_out_of_the_fit():
    shown = ball(40)
    hidden = replace(ball(5), means_mm=ball(5).means_mm + 1000.0)
    of_liver = replace(ball(40), labels=torch.full((40,), GROUP_INDEX["liver"], dtype=torch.uint8))
    views = fitting_views(ball_task(shown))
    kept = seen(concatenate([hidden, shown]), views, RasterSettings(), 0.01)
    assert 20 < len(kept) <= 40
    assert kept.means_mm.abs().max() < 100
    assert len(seen(shown, views, RasterSettings(), 0.0)) == 40
    # By label: views of the liver show nothing else.
    views = fitting_views(ball_task(of_liver, groups="liver", fitted=("liver",)))
    assert set(seen(shown, views, RasterSettings(), 0.01).labels.tolist()) == {GROUP_INDEX["liver"]}
    with pytest.raises(InputError, match="prune_weight: expected Gaussians of at least"):
        seen(hidden, views, RasterSettings(), 0.01)


def test_the_other_block_is_not_fine_tuned_again(done):
    first, second = (record(done, block, "renderfm-ft") for block in ("both", "liver"))
    assert first["notes"] == second["notes"]
    for item in ("infer", "initialise", "optimise"):
        assert second["seconds"][item] == first["seconds"][item]


def test_another_checkpoint_is_another_run_and_another_fit(done):
    """Under the same name: nothing counts as done, and the block that has fitted the one is not asked."""
    made = study()
    second = made.model_copy(update={"blocks": made.blocks[1:]})
    before = record(done, "liver", "renderfm-ft")["notes"]
    checkpoint(checkpoint_file(done, "untrained"), head=0.05)
    for method in METHODS[1:]:
        report = run_suite(done, second, method)
        assert (len(report.done), report.skipped, report.failed) == (1, [], {})
    after = record(done, "liver", "renderfm-ft")["notes"]
    assert after["checkpoint"] == before["checkpoint"] == "untrained"
    assert after["checkpoint_sha256"] != before["checkpoint_sha256"]
    assert after["fit"] != before["fit"]


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_checkpoint_that_is_not_there(rendered, method):
    with pytest.raises(InputError, match=r"checkpoint 'untraned'.*did you mean 'untrained'"):
        run_suite(rendered, study(checkpoint="untraned"), method)


def test_too_little_memory(rendered):
    with pytest.raises(InputError, match=r"tiny: expected 0\.\d GiB of memory .* found 0\.0 GiB"):
        run_suite(rendered, study(memory_gib=1e-6, prune_weight=0.02), "renderfm-ft")


def test_where_it_runs_is_no_part_of_its_record():
    plain = PredictionSettings()
    assert plain.model_dump() == PredictionSettings(window=16, memory_gib=2.0, device="cpu").model_dump()
    assert plain.model_dump() == {"checkpoint": "renderfm-mini"}


@pytest.mark.parametrize("spec", [RENDERFM, RENDERFM_FT], ids=lambda spec: spec.id)
def test_it_is_registered(spec: MethodSpec):
    points = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["entry-points"]
    module, _, name = points["renderbench.methods"][spec.id].partition(":")
    assert getattr(import_module(module), name) is spec
    assert spec.build(spec.settings()).needs_views == (spec is RENDERFM_FT)


@pytest.mark.parametrize("name", shipped_suites())
def test_what_shipped_suites_say_of_it_can_be_said(name):
    made = load_suite(name)
    for method, entry in made.methods.items():
        spec = {each.id: each for each in (RENDERFM, RENDERFM_FT)}.get(entry.base or method)
        if spec is not None:
            spec.settings.model_validate(entry.settings)
