import math
from types import SimpleNamespace

import torch

from baselines.densify import DensityControl
from baselines.optimiser import GaussianOptimiser
from baselines.settings import FitSettings
from tests.baselines.scenes import ball

EXTENT_MM = 500.0
SETTINGS = FitSettings(densify_from=0, densify_every=1, densify_until=1000)


def control(settings=SETTINGS):
    return DensityControl(settings, EXTENT_MM, torch.Generator().manual_seed(0))


def seen(gradient: torch.Tensor) -> SimpleNamespace:
    return SimpleNamespace(screen_gradient=lambda: gradient, visible=gradient > 0)


def test_small_ones_are_cloned_and_large_ones_split_along_their_axes():
    settings = FitSettings(densify_from=0, densify_every=1, percent_dense=0.02)
    gaussians = ball(4)
    gaussians.log_diagonal[1, :3] = math.log(20.0)  # above 2 % of the extent
    optimiser = GaussianOptimiser(gaussians, settings, EXTENT_MM)
    density = control(settings)
    gradient = torch.tensor([1e-3, 1e-3, 1e-5, 0.0])
    density.watch(seen(gradient))
    density.act(1, optimiser)
    after = optimiser.gaussians.detach()
    # 0 kept and cloned, 1 replaced by two, 2 and 3 kept
    assert len(after) == 6
    assert torch.equal(after.means_mm[0], after.means_mm[3])
    torch.testing.assert_close(after.means_mm[3], gaussians.means_mm[0])
    torch.testing.assert_close(
        after.log_diagonal[4:], (gaussians.log_diagonal[1] + math.log(0.8)).expand(2, 6)
    )
    distances = (after.means_mm[4:] - gaussians.means_mm[1]).norm(dim=1)
    assert bool((distances > 0).all())
    assert bool((distances < 5 * 20.0).all())
    assert after.labels.tolist() == [1, 3, 4, 1, 2, 2]


def test_gradients_are_means_over_the_views_that_see():
    optimiser = GaussianOptimiser(ball(2), SETTINGS, EXTENT_MM)
    density = control()
    density.watch(seen(torch.tensor([3e-4, 3e-4])))
    density.watch(seen(torch.tensor([0.0, 0.5e-4])))
    density.act(1, optimiser)
    # 0: seen once, mean 3e-4, above the threshold; 1: mean 1.75e-4, below it.
    assert len(optimiser) == 3


def test_faint_ones_are_pruned_but_never_all():
    gaussians = ball(3)
    gaussians.opacity_logit[1] = -10.0
    optimiser = GaussianOptimiser(gaussians, SETTINGS, EXTENT_MM)
    density = control()
    density.watch(seen(torch.zeros(3)))
    density.act(1, optimiser)
    assert optimiser.gaussians.labels.tolist() == [1, 3]
    optimiser.cap_opacity(1e-4)
    density.watch(seen(torch.zeros(2)))
    density.act(2, optimiser)
    assert len(optimiser) == 2


def test_the_schedule_ends_and_the_number_of_points_is_bounded():
    settings = FitSettings(densify_from=0, densify_every=1, densify_until=5, max_points=4)
    optimiser = GaussianOptimiser(ball(3), settings, EXTENT_MM)
    density = control(settings)
    density.watch(seen(torch.tensor([1e-3, 2e-3, 3e-3])))
    density.act(1, optimiser)
    assert len(optimiser) == 4
    density.watch(seen(torch.ones(4)))
    density.act(2, optimiser)
    assert len(optimiser) == 4
    unbounded = FitSettings(densify_from=0, densify_every=1, densify_until=5, max_points=None)
    density = control(unbounded)
    density.watch(seen(torch.ones(4)))
    density.act(5, optimiser)  # 3DGS: only before densify_until
    assert len(optimiser) == 4
    density.act(4, optimiser)
    assert len(optimiser) == 8


def test_of_equals_only_as_many_grow_as_there_is_room_for():
    settings = FitSettings(densify_from=0, densify_every=1, densify_until=5, max_points=5)
    optimiser = GaussianOptimiser(ball(4), settings, EXTENT_MM)
    density = control(settings)
    density.watch(seen(torch.ones(4)))
    density.act(1, optimiser)
    assert len(optimiser) == 5


def test_the_authors_schedule_with_its_resets_and_prunings():
    settings = FitSettings()
    optimiser = GaussianOptimiser(ball(4), settings, EXTENT_MM)
    density = DensityControl(settings, EXTENT_MM, torch.Generator().manual_seed(0))
    acted, reset = [], []
    optimiser.cap_opacity = lambda highest: reset.append((at, highest))
    density._densify = lambda optimiser: acted.append(at)
    for at in range(100, 30_001, 100):
        density.act(at, optimiser)
    assert acted == list(range(600, 15_000, 100))
    assert reset == [(3000, 0.01), (6000, 0.01), (9000, 0.01), (12_000, 0.01)]


def test_the_huge_are_pruned_only_after_their_time():
    gaussians = ball(3)
    gaussians.log_diagonal[1, :3] = math.log(60.0)  # above a tenth of the extent
    for iteration, left in ((3000, 3), (3100, 2)):
        settings = FitSettings(opacity_reset_every=30_000)
        optimiser = GaussianOptimiser(gaussians, settings, EXTENT_MM)
        density = control(settings)
        density.watch(seen(torch.zeros(3)))
        density.act(iteration, optimiser)
        assert len(optimiser) == left


def test_the_split_follows_the_covariance_that_slicing_leaves():
    gaussians = ball(1)
    gaussians.log_diagonal[0, :3] = torch.log(torch.tensor([30.0, 1.0, 0.1]))
    parents = gaussians.select(torch.zeros(400, dtype=torch.long))
    optimiser = GaussianOptimiser(parents, SETTINGS, EXTENT_MM)
    density = control()
    density.watch(seen(torch.ones(400)))
    density.act(1, optimiser)
    after = optimiser.gaussians.detach()
    assert len(after) == 800
    sd = (after.means_mm - gaussians.means_mm).std(dim=0)
    torch.testing.assert_close(sd, torch.tensor([30.0, 1.0, 0.1]), rtol=0.1, atol=0.0)
