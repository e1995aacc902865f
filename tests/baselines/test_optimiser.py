import pytest
import torch

from baselines.optimiser import GaussianOptimiser
from baselines.settings import FitSettings
from tests.baselines.scenes import ball


def push(optimiser, iteration, pull=1.0):
    """One step down the gradient of the sum of every parameter."""
    loss = sum(tensor.sum() for tensor in optimiser.gaussians.parameters().values())
    (pull * loss).backward()
    optimiser.step(iteration)


def test_rates_are_the_authors_and_positions_decay_exponentially():
    settings = FitSettings(iterations=100, sh_degree_from=0)
    optimiser = GaussianOptimiser(ball(), settings, extent_mm=500.0)
    before = optimiser.gaussians.detach().clone()
    push(optimiser, 100)
    after = optimiser.gaussians.detach()
    # Adam's first step is the rate itself, whatever the gradient's size.
    moved = {
        name: float((before.parameters()[name] - after.parameters()[name]).abs().max())
        for name in before.parameters()
    }
    assert moved["means_mm"] == pytest.approx(1.6e-6 * 500, rel=2e-2)
    assert moved["directions"] == pytest.approx(2.5e-3, rel=1e-3)
    assert moved["opacity_logit"] == pytest.approx(0.05, rel=1e-3)
    assert moved["log_diagonal"] == pytest.approx(5e-3, rel=1e-3)
    assert moved["off_diagonal"] == pytest.approx(1e-3, rel=1e-3)
    assert float((before.sh - after.sh)[:, 0].abs().max()) == pytest.approx(2.5e-3, rel=1e-3)
    assert float((before.sh - after.sh)[:, 1:].abs().max()) == pytest.approx(2.5e-3 / 20, rel=1e-2)


def test_degree_one_waits_for_its_turn():
    optimiser = GaussianOptimiser(ball(), FitSettings(sh_degree_from=2), extent_mm=500.0)
    push(optimiser, 1)
    assert float(optimiser.gaussians.sh[:, 1:].detach().abs().max()) == 0.0
    push(optimiser, 2)
    assert float(optimiser.gaussians.sh[:, 1:].detach().abs().max()) > 0.0


def test_gaussians_come_and_go_with_their_moments():
    optimiser = GaussianOptimiser(ball(10), FitSettings(), extent_mm=500.0)
    push(optimiser, 1)
    kept = torch.arange(10) % 2 == 0
    expected = optimiser.gaussians.detach().select(kept).means_mm.clone()
    optimiser.keep(kept)
    torch.testing.assert_close(optimiser.gaussians.detach().means_mm, expected)
    optimiser.append(ball(3, seed=5))
    assert len(optimiser) == 8
    assert optimiser.gaussians.labels.tolist() == [1, 3, 5, 7, 9, 1, 2, 3]
    state = optimiser._adam.state[optimiser._tensors["means_mm"]]
    assert state["exp_avg"].shape == (8, 3)
    assert float(state["exp_avg"][:5].abs().min()) > 0.0
    assert float(state["exp_avg"][5:].abs().max()) == 0.0
    push(optimiser, 2)


def test_opacity_reset_caps_and_forgets():
    optimiser = GaussianOptimiser(ball(10), FitSettings(), extent_mm=500.0)
    push(optimiser, 1)
    optimiser.cap_opacity(0.01)
    assert float(torch.sigmoid(optimiser.gaussians.opacity_logit.detach()).max()) == pytest.approx(
        0.01, rel=1e-4
    )
    assert float(optimiser._adam.state[optimiser._tensors["opacity_logit"]]["exp_avg"].abs().max()) == 0.0
