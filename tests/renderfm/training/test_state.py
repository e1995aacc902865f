"""What a step does to the weights and to their average."""

import pytest
import torch

from renderfm.model import RenderFM
from renderfm.training.state import State
from tests.renderfm.training.studies import settings


def steps(state: State, count: int) -> list[dict[str, torch.Tensor]]:
    """The weights after each of some steps with random gradients."""
    generator = torch.Generator().manual_seed(1)
    after = []
    for _ in range(count):
        for each in state.model.parameters():
            each.grad = torch.randn(each.shape, generator=generator)
        state.step()
        after.append({name: each.detach().clone() for name, each in state.model.named_parameters()})
    return after


@pytest.mark.parametrize("average", [0.0, 0.3, 0.999])
def test_the_average_of_the_weights_is_exponential_and_begins_quickly(average):
    torch.manual_seed(3)
    chosen = settings(average=average)
    state = State(RenderFM(chosen.model), chosen)
    with torch.no_grad():
        state.model.head.linear.bias += 1.0
    state.begin()
    expected = {name: each.detach().clone() for name, each in state.model.named_parameters()}
    for number, weights in enumerate(steps(state, 4)):
        kept = min(average, (1 + number) / (10 + number))
        expected = {name: kept * each + (1 - kept) * weights[name] for name, each in expected.items()}
    for name, found in state.averaged.named_parameters():
        torch.testing.assert_close(found, expected[name], rtol=1e-5, atol=1e-6)
        assert not found.requires_grad


def test_the_best_weights_are_averaged_ones_and_outlive_a_restart():
    torch.manual_seed(3)
    chosen = settings(average=0.5)
    state = State(RenderFM(chosen.model), chosen)
    steps(state, 3)
    assert state.consider(20.0, {"block": 20.0})
    best = {name: each.clone() for name, each in state.averaged.state_dict().items()}
    steps(state, 2)
    assert not state.consider(19.0, {"block": 19.0})
    again = State(RenderFM(chosen.model), chosen)
    again.restore(state.snapshot())
    for name, each in state.averaged.state_dict().items():
        assert torch.equal(again.best[name], best[name])
        assert torch.equal(again.averaged.state_dict()[name], each)
        assert not torch.equal(each, best[name])
