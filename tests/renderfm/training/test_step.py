from itertools import combinations

import numpy as np
import pytest
import torch

from baselines.drawing import draw
from renderbench.layout import Root
from renderbench.splats.raster import RasterSettings
from renderfm.model import RenderFM
from renderfm.training.data import load_training_data
from renderfm.training.losses import rendering_loss
from renderfm.training.settings import TrainSettings
from renderfm.training.step import Trainer
from tests.renderfm.training.studies import settings, training_suite
from tests.renderfm.training.test_data import preparation

CPU = torch.device("cpu")
PLAIN = {"augmentation": {"share": 0.0}, "mirror": False, "recolour": 0.0, "views_per_scan": 3}


def trainer(root: Root, chosen: TrainSettings, spread: float = 0.02) -> Trainer:
    data = load_training_data(root, training_suite())
    torch.manual_seed(3)
    model = RenderFM(chosen.model)
    with torch.no_grad():
        # A head of zeros passes no gradient into the network.
        model.head.linear.weight.normal_(0.0, spread)
    return Trainer(
        model=model, data=data, preparation=preparation(data, model=chosen.model), settings=chosen, device=CPU
    )


def gradients(model: RenderFM) -> dict[str, torch.Tensor]:
    return {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}


def test_gathering_at_the_gaussians_is_the_gradient_of_the_mean_loss(trainable):
    chosen = settings(**PLAIN, scans_per_step=2)
    made = trainer(trainable, chosen)
    body = made.data.training[0]
    done = made.accumulate(0)
    gathered = gradients(made.model)

    made.model.zero_grad()
    inputs = made.preparation.prepared(body).inputs
    losses = []
    for index in range(len(body.views)):
        gaussians = made.model(inputs, body.views[index].groups)
        truth = torch.from_numpy(body.views[index].image.astype(np.float32) / 255.0)
        image = draw(gaussians, body.views[index].groups, body.views[index].camera, RasterSettings()).rgb
        losses.append(rendering_loss(image, truth, l1_weight=1.0, ssim_weight=1.0))
    chosen_views = _views_behind(made, done.loss, [float(each.detach()) for each in losses])
    mean = torch.stack([losses[index] for index in chosen_views]).mean()
    torch.autograd.backward(mean / chosen.scans_per_step)
    direct = gradients(made.model)
    assert gathered.keys() == direct.keys()
    assert len(gathered) == len(list(made.model.parameters()))
    for name, gradient in direct.items():
        scale = gradient.abs().max()
        assert scale > 0
        torch.testing.assert_close(gathered[name], gradient, atol=2e-4 * float(scale), rtol=1e-3)


def _views_behind(made: Trainer, mean: float, losses: list[float]) -> list[int]:
    """The views whose mean loss is what the pass says; there is one such choice."""
    count = made.settings.views_per_scan
    found = [
        views
        for views in combinations(range(len(losses)), count)
        if sum(losses[index] for index in views) / count == pytest.approx(mean, abs=1e-6)
    ]
    assert len(found) == 1
    return list(found[0])


def test_a_number_decides_all_that_is_random(trainable):
    made = trainer(trainable, settings())
    seen = []
    for number in (5, 6, 5):
        made.model.zero_grad()
        made.accumulate(number)
        seen.append(gradients(made.model)["head.linear.weight"])
    assert torch.equal(seen[0], seen[2])
    assert not torch.equal(seen[0], seen[1])


def test_another_seed_is_another_training(trainable):
    losses = [trainer(trainable, settings(seed=seed)).accumulate(0).loss for seed in (0, 1)]
    assert losses[0] != losses[1]


@pytest.mark.parametrize(
    "model",
    [{"gaussians": "3d"}, {"sh_degree": 0}, {"mask_channel": False}, {"opacity": "paper"}, {"light": False}],
)
def test_every_variant_of_the_ablation_has_gradients_everywhere(trainable, model):
    made = trainer(trainable, settings(model=model))
    made.accumulate(0)
    assert all(bool(each.any()) for each in gradients(made.model).values())
    assert len(gradients(made.model)) == len(list(made.model.parameters()))


def test_a_prediction_under_bfloat16_is_close_to_that_in_full_precision(trainable):
    losses = [
        trainer(trainable, settings(**PLAIN, precision=precision)).accumulate(0).loss
        for precision in ("float32", "bfloat16")
    ]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


def test_a_gain_is_relative_to_the_base_colour(trainable):
    made = trainer(trainable, settings(model={"colour": "gain"}), spread=0.0)
    inputs = made.preparation.prepared(made.data.training[0]).inputs
    with torch.no_grad():
        # A width of 12 outputs of colour begins after the three of the direction.
        made.model.head.linear.bias[3:6] = -0.25
        lit = made.model(inputs)
    rgb = 0.5 + 0.28209479177387814 * inputs.prior.sh[:, 0]
    torch.testing.assert_close(0.5 + 0.28209479177387814 * lit.sh[:, 0], 0.75 * rgb)
    torch.testing.assert_close(lit.sh[:, 1:], inputs.prior.sh[:, 1:])
