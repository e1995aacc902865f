"""Fits to views of several group selections, and one fit that shows any of them."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch

from baselines.choosing import Chooser
from baselines.drawing import draw
from baselines.fitting import fit_gaussians
from baselines.scenes import GroupScene
from baselines.settings import FitSettings
from baselines.views import fitting_views, groups_in, selection_split
from renderbench.errors import InputError
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.methods import ShownViews
from renderbench.scans.groups import select_groups
from renderbench.splats.ply import read_ply
from renderbench.splats.raster import RasterSettings, rasterise
from tests.baselines.scenes import FakeViews, ball, task

SKELETON = select_groups("skeleton")
RASTER = RasterSettings()
SETTINGS = FitSettings(iterations=120, evaluate_every=60, densify=False, sh_degree_from=20)


def disturbed():
    gaussians = ball()
    gaussians.sh.add_(0.8 * torch.randn(gaussians.sh.shape, generator=torch.Generator().manual_seed(3)))
    return gaussians


def score(gaussians, groups, views):
    scene = GroupScene(gaussians=gaussians, groups=select_groups(groups), raster=RASTER)
    renders = [quantised(scene.render(camera)) for camera in views.cameras]
    return np.mean([psnr(truth, render) for truth, render in zip(views.images(), renders, strict=True)])


def test_a_view_is_drawn_with_its_own_groups_and_only_they_learn():
    gaussians = ball()
    gaussians.means_mm.requires_grad_(True)
    (camera,) = FakeViews(ball(), 1, seed=4).cameras
    drawing = draw(gaussians, SKELETON, camera, RASTER)
    bones = torch.from_numpy(SKELETON.mask(gaussians.labels.numpy()))
    alone = rasterise(ball().select(bones), camera, RASTER)
    assert torch.equal(drawing.rgb, alone.rgb)
    assert torch.equal(drawing.visible[bones], alone.visible)
    drawing.rgb.sum().backward()
    assert bool((gaussians.means_mm.grad[~bones] == 0).all())
    assert bool((gaussians.means_mm.grad[bones] != 0).any())
    assert bool((drawing.screen_gradient()[~bones] == 0).all())
    assert bool((drawing.screen_gradient()[bones] > 0).any())
    assert not bool(drawing.visible[~bones].any())


def test_a_selection_without_gaussians_is_black_and_teaches_nothing():
    gaussians = ball().select(torch.arange(60) % 11 == 0)  # of one group
    gaussians.sh.requires_grad_(True)
    absent = select_groups("skeleton" if gaussians.labels[0] != SKELETON.indices[0] else "muscle")
    (camera,) = FakeViews(ball(), 1, seed=4).cameras
    drawing = draw(gaussians, absent, camera, RASTER)
    assert float(drawing.rgb.detach().abs().max()) == 0.0


def test_one_fit_to_two_selections_serves_both():
    work = task(ball(), fitted=("all", "skeleton"))
    whole, bones = (shown.views for shown in work.fit_views)
    fit = fit_gaussians(disturbed(), work, SETTINGS)
    assert score(fit.gaussians, "all", whole) > score(disturbed(), "all", whole) + 3
    assert score(fit.gaussians, "skeleton", bones) > score(disturbed(), "skeleton", bones) + 2
    # Views of bones taught the bones more than views of all do.
    without = fit_gaussians(disturbed(), task(ball()), SETTINGS)
    assert score(fit.gaussians, "skeleton", bones) > score(without.gaussians, "skeleton", bones)


def test_under_heldout_a_fit_does_not_depend_on_what_it_is_asked_to_show():
    fits = [
        fit_gaussians(disturbed(), task(ball(), groups=groups), SETTINGS) for groups in ("all", "skeleton")
    ]
    for name, tensor in fits[0].gaussians.parameters().items():
        assert torch.equal(tensor, fits[1].gaussians.parameters()[name]), name


def test_labels_are_inherited_by_clones_and_splits():
    settings = SETTINGS.model_copy(
        update={"densify": True, "densify_from": 10, "densify_every": 10, "densify_gradient": 1e-6}
        | {"iterations": 40, "max_points": 500}
    )
    start = ball()
    # Three places, each of its own groups: every descendant must still be where its ancestor was.
    start.log_diagonal[:, :3] = 0.0
    start.means_mm.copy_(torch.nn.functional.one_hot(start.labels.long() % 3, 3) * 20.0)
    fit = fit_gaussians(start, task(start, fitted=("all", "skeleton")), settings)
    assert len(fit.gaussians) > 100
    nearest = torch.cdist(fit.gaussians.means_mm, start.means_mm).argmin(dim=1)
    same = fit.gaussians.labels.long() % 3 == start.labels[nearest].long() % 3
    assert bool(same.all())
    assert set(fit.gaussians.labels.tolist()) <= set(start.labels.tolist())


def test_heldout_spares_views_of_every_set_and_paper_selects_on_what_is_shown():
    work = task(ball(), fit=20, fitted=("all", "skeleton"))
    training, selecting = selection_split(work, 10)
    assert Counter(groups.name for groups in training.groups) == {"all": 18, "skeleton": 18}
    assert Counter(groups.name for groups in selecting.groups) == {"all": 2, "skeleton": 2}
    published = task(ball(), "paper", groups="skeleton", fitted=("all", "skeleton"))
    training, selecting = selection_split(published, 10)
    assert len(training) == 12
    assert {groups.name for groups in selecting.groups} == {"skeleton"}
    alone = selection_split(task(ball(), fit=1), 10)
    assert [len(views) for views in alone] == [1, 1]


def test_selecting_views_are_judged_by_their_own_groups():
    work = task(ball(), fitted=("all", "skeleton"))
    chooser = Chooser(fitting_views(work), RASTER)
    chooser.consider(1, ball(), 0.0, 0.0)
    assert chooser.notes["curve"][0]["selection_psnr_db"] > 55.0


def test_gaussians_come_from_every_group_that_is_fitted_or_shown():
    organs = groups_in(task(ball(), groups="skeleton", fitted=("organs",)))
    assert organs == select_groups(["organs", "skeleton"])
    assert groups_in(task(ball(), groups="skeleton")).name == "all"
    assert groups_in(task(ball(), groups="skeleton", fitted=("skeleton",))).name == "skeleton"


def test_a_scene_saves_and_counts_all_and_shows_some(tmp_path):
    scene = GroupScene(gaussians=ball(), groups=SKELETON, raster=RASTER)
    assert scene.point_count == 60
    scene.save(tmp_path / "scene.ply")
    saved = read_ply(tmp_path / "scene.ply")
    assert saved.labels.tolist() == ball().labels.tolist()
    (camera,) = FakeViews(ball(), 1, seed=4).cameras
    again = GroupScene(gaussians=saved, groups=SKELETON, raster=RASTER)
    np.testing.assert_allclose(again.render(camera), scene.render(camera), atol=1e-5)
    assert not np.allclose(
        scene.render(camera),
        GroupScene(gaussians=ball(), groups=select_groups("all"), raster=RASTER).render(camera),
    )


def test_sets_of_different_size_are_one_clear_line():
    work = task(ball())
    sets = [*work.fit_views, ShownViews(groups=SKELETON, views=FakeViews(ball(), 2, seed=5, resolution=24))]
    with pytest.raises(InputError, match=r"views-of-all: expected views of 40 × 40 .* found 24 × 24; remove"):
        fit_gaussians(ball(), replace(work, fit_views=sets), SETTINGS)
