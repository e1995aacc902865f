"""The head: which output moves what, and what each ablation takes away."""

import pytest
import torch

from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.slicing import slice_gaussians
from renderfm.head import HIDDEN, Head
from renderfm.light import VALUES
from renderfm.settings import ModelSettings
from tests.splats.splat_scenes import random_gaussians

FEATURES = 5
# Of the 37 outputs, those of each field, in the paper's order.
FIELDS = {
    "directions": range(3),
    "sh": range(3, 15),
    "opacity_logit": range(15, 16),
    "log_diagonal": range(16, 22),
    "off_diagonal": range(22, 37),
}


def prior(count: int = 7) -> Gaussians6D:
    return random_gaussians(count, seed=3)


def features(count: int = 7) -> torch.Tensor:
    return torch.randn(count, FEATURES, generator=torch.Generator().manual_seed(2))


def light(count: int = 7) -> torch.Tensor:
    return torch.rand(count, VALUES, generator=torch.Generator().manual_seed(5))


def trained(settings: ModelSettings) -> Head:
    with torch.random.fork_rng():
        torch.manual_seed(4)
        head = Head(FEATURES, settings)
        torch.nn.init.normal_(head.linear.weight)
    return head


def moved(made: Gaussians6D, base: Gaussians6D) -> set[str]:
    parameters = base.parameters()
    return {name for name, each in made.parameters().items() if not torch.equal(each, parameters[name])}


def test_a_zero_changes_nothing():
    head = Head(FEATURES, ModelSettings())
    assert head.linear.out_features == 37
    made = head(features(), prior(), light())
    assert moved(made, prior()) == set()
    assert torch.equal(made.labels, prior().labels)


@pytest.mark.parametrize("output", range(37))
def test_each_output_is_an_offset_of_one_value(output):
    head = Head(FEATURES, ModelSettings(colour="offset"))
    with torch.no_grad():
        head.linear.bias[output] = 0.25
        made = head(features(), prior(), light())
    (name,) = [name for name, outputs in FIELDS.items() if output in outputs]
    assert moved(made, prior()) == {name}
    offset = (getattr(made, name) - getattr(prior(), name)).reshape(len(made), -1)
    expected = torch.zeros_like(offset)
    expected[:, output - FIELDS[name][0]] = 0.25
    torch.testing.assert_close(offset, expected, rtol=0, atol=1e-6)


def test_light_moves_gaussians_and_without_it_the_head_is_the_papers_linear_map():
    head = trained(ModelSettings())
    assert head.linear.in_features == HIDDEN
    lit, dark = head(features(), prior(), light()), head(features(), prior(), 0 * light())
    assert moved(lit, dark) == set(FIELDS)
    with pytest.raises(ValueError, match="expected the light"):
        head(features(), prior())
    plain = trained(ModelSettings(light=False))
    assert plain.hidden is None
    assert (plain.linear.in_features, plain.linear.out_features) == (FEATURES, 37)
    made = plain(features(), prior())
    assert moved(made, plain(features(), prior(), light())) == set()


def test_rows_at_a_time_give_what_all_rows_give(monkeypatch):
    head = trained(ModelSettings())
    whole = head(features(), prior(), light())
    monkeypatch.setattr("renderfm.head._ROWS", 3)
    with torch.no_grad():
        parts = head(features(), prior(), light())
    for name, expected in whole.parameters().items():
        torch.testing.assert_close(getattr(parts, name), expected.detach())


@pytest.mark.parametrize("told", [True, False])
def test_a_constant_is_what_the_bias_alone_says(told):
    head = trained(ModelSettings(light=told))
    with torch.no_grad():
        head.linear.bias.normal_(generator=torch.Generator().manual_seed(6))
        constant = head.constant(prior())
        head.linear.weight.zero_()
        assert moved(constant, head(features(), prior(), light())) == set()
    assert moved(constant, prior()) == set(FIELDS)


def test_without_the_base_of_the_transfer_function_colours_are_grey_and_opacities_one_half():
    head = Head(FEATURES, ModelSettings(prime_colour=False, prime_opacity=False))
    made = head(features(), prior(), light())
    assert moved(made, prior()) == {"sh", "opacity_logit"}
    assert not made.sh.any()
    assert not made.opacity_logit.any()


def test_degree_0_leaves_colours_alike_from_all_sides():
    base = prior()
    made = trained(ModelSettings(sh_degree=0))(features(), base, light())
    assert torch.equal(made.sh[:, 1:], base.sh[:, 1:])
    assert not torch.isclose(made.sh[:, 0], base.sh[:, 0]).any()


def test_3d_gaussians_are_alike_from_all_sides():
    base = prior()
    # As the prior is: no mean direction, and position apart from direction.
    flat = Gaussians6D(
        **base.parameters()
        | {"directions": torch.zeros_like(base.directions), "off_diagonal": torch.zeros(7, 15)},
        labels=base.labels,
    )
    sides = [torch.tensor([900.0, 0.0, 100.0]), torch.tensor([-100.0, 700.0, 0.0])]
    differ = {}
    for kind in ("3d", "6d"):
        made = trained(ModelSettings(gaussians=kind))(features(), flat, light())
        assert "log_diagonal" in moved(made, flat)
        first, second = (slice_gaussians(made, side, 0.35) for side in sides)
        differ[kind] = float((first.means_mm - second.means_mm).detach().abs().max())
        if kind == "3d":
            torch.testing.assert_close(first.covariances_mm2, second.covariances_mm2)
            torch.testing.assert_close(first.means_mm, second.means_mm)
    assert differ["6d"] > 0.1


def test_outputs_in_half_precision_move_parameters_in_single():
    head = trained(ModelSettings())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = head(features(), prior(), light())
    assert {each.dtype for each in made.parameters().values()} == {torch.float32}
    assert torch.equal(made.means_mm, prior().means_mm)
