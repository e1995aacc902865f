"""What stage 2 renders of a suite: which views, of what, how many."""

from collections import Counter

import numpy as np
import pytest

from renderbench.cameras import Camera, smallest_angle_deg
from renderbench.config import Block, GroupViews, Suite, Training, load_suite
from renderbench.errors import InputError
from renderbench.groundtruth.conditions import condition_of, conditions
from renderbench.layout import Root
from tests.groundtruth.media import write_map
from tests.groundtruth.studies import prepare_study, suite


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


def block(name: str, **changes: object) -> Block:
    return Block(id=name, title=name, dataset="folder", methods=["agp"], **changes)


def asking(*blocks: Block, training: tuple[Training, ...] = ()) -> Suite:
    return suite().model_copy(update={"blocks": list(blocks), "training": list(training)})


def counts(root: Root, asked: Suite) -> dict[str, dict[str, int]]:
    return {each.selection.name: dict(each.counts) for each in conditions(root, asked)}


def directions(cameras: list[Camera]) -> np.ndarray:
    return np.stack([camera.camera_from_world[2, :3] for camera in cameras])


def test_the_paper_asks_for_what_section_4_1_says() -> None:
    paper = load_suite("paper")
    assert paper.renderer.name == "pbrt"
    assert (paper.views.resolution, paper.views.test) == (1600, 40)
    (training,) = paper.training
    assert (training.dataset, training.scans) == ("totalsegmentator", "train")
    assert {each.groups: each.views for each in training.views} == {"all": 60, "skeleton": 30, "organs": 30}
    fitted = {each.id: sum(shown.views for shown in paper.fitting(each)) for each in paper.blocks}
    assert fitted == {
        "totalseg-seen": 20,
        "ct-org-seen": 20,
        "ct-org-unseen": 20,
        "ct-org-skeleton": 40,
        "ctpelvic1k-seen": 20,
    }
    assert Counter(each.transfer_function for each in paper.blocks) == {"seen": 4, "unseen": 1}


def test_blocks_share_the_views_of_one_condition(root) -> None:
    whole = block("whole")
    parts = block(
        "parts",
        groups="skeleton",
        fit=[GroupViews(groups="all", views=3), GroupViews(groups="skeleton", views=3)],
    )
    assert counts(root, asking(whole, parts)) == {
        "all": {"fit": 3, "test": 2},
        "skeleton": {"fit": 3, "test": 2},
    }


def test_what_is_only_fitted_to_has_no_test_views(root) -> None:
    parts = block("parts", groups="organs", fit=[GroupViews(groups="all", views=4)])
    asked = asking(parts)
    assert counts(root, asked) == {"all": {"fit": 4}, "organs": {"test": 2}}
    organs = condition_of(root, asked, parts, "tiny", "organs")
    whole = condition_of(root, asked, parts, "tiny", "all")
    test = organs.cameras(organs.medium())["test"]
    fit = whole.cameras(whole.medium())["fit"]
    assert (len(test), len(fit)) == (2, 4)
    assert smallest_angle_deg(directions(test), directions(fit)) > 5.0


def test_training_views_are_sets_of_their_own(root) -> None:
    training = Training(
        dataset="folder",
        scans="test",
        views=[GroupViews(groups="all", views=6), GroupViews(groups="organs", views=4)],
    )
    asked = asking(block("whole"), training=(training,))
    assert counts(root, asked) == {"all": {"fit": 3, "test": 2, "train": 6}, "organs": {"train": 4}}
    whole = condition_of(root, asked, asked.blocks[0], "tiny", "all")
    cameras = whole.cameras(whole.medium())
    assert [len(cameras[role]) for role in ("fit", "test", "train")] == [3, 2, 6]
    assert whole.folder("train").name == "seen.all.tiny-train"


def test_an_environment_map_counts_by_what_it_holds(root, tmp_path) -> None:
    def digest(folder: str, radiance: float) -> str:
        (tmp_path / folder).mkdir()
        path = write_map(tmp_path / folder, np.full((4, 8, 3), radiance))
        lit = suite(renderer={"environment_map": path})
        return condition_of(root, lit, lit.blocks[0], "tiny", "all").digest("fit")

    assert digest("here", 1.0) == digest("there", 1.0)
    assert digest("brighter", 2.0) != digest("again", 1.0)


def test_an_environment_map_lies_beside_the_suite_that_names_it(tmp_path) -> None:
    text = (
        'name = "lit"\n[renderer]\nenvironment_map = "sky.exr"\n'
        '[[blocks]]\nid = "a"\ntitle = "A"\ndataset = "folder"\nmethods = []\n'
    )
    (tmp_path / "lit.toml").write_text(text)
    assert load_suite(str(tmp_path / "lit.toml")).renderer.environment_map == str(tmp_path / "sky.exr")


def test_blocks_that_want_other_numbers_of_the_same_views_are_refused(root) -> None:
    clash = asking(block("whole"), block("parts", fit=[GroupViews(groups="all", views=5)]))
    with pytest.raises(InputError, match=r"block parts: expected 3 fit views of all.*found 5"):
        conditions(root, clash)


def test_a_suite_under_another_renderer_is_a_suite_of_its_own(root) -> None:
    other = load_suite("paper+native")
    assert (other.name, other.renderer.name) == ("paper+native", "native")
    assert other.rendered_by("native") is other
    assert load_suite("demo+native").name == "demo"
    one, two = suite(), suite().rendered_by("mitsuba")
    folders = [condition_of(root, each, each.blocks[0], "tiny", "all").folder("fit") for each in (one, two)]
    assert folders[0] != folders[1]
    with pytest.raises(InputError, match=r"suite 'paper\+gpu'"):
        load_suite("paper+gpu")
