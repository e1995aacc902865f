from itertools import permutations

import numpy as np
import pytest
import torch

from baselines.drawing import draw
from renderbench.splats.raster import RasterSettings
from renderfm.inputs import CHANNELS
from renderfm.settings import ModelSettings
from renderfm.training.data import load_training_data
from renderfm.training.recolouring import recoloured_inputs, recoloured_view
from tests.renderfm.training.studies import training_suite
from tests.renderfm.training.test_data import preparation


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_prior_in_other_colours_looks_like_its_view_in_other_colours(trainable, order):
    data = load_training_data(trainable, training_suite())
    body = data.training[0]
    inputs = preparation(data, model=ModelSettings()).prepared(body).inputs
    before = inputs.channels.clone()
    made = recoloured_inputs(inputs, order)
    assert torch.equal(inputs.channels, before)

    view = body.views[0]
    drawn = draw(inputs.prior, view.groups, view.camera, RasterSettings()).rgb
    again = draw(made.prior, view.groups, view.camera, RasterSettings()).rgb
    torch.testing.assert_close(again, drawn[..., list(order)], rtol=0, atol=1e-6)
    assert order == (0, 1, 2) or not torch.equal(again, drawn)

    assert np.array_equal(recoloured_view(view, order).image, view.image[..., list(order)])
    for place, name in enumerate(("red", "green", "blue")):
        source = ("red", "green", "blue")[order[place]]
        assert torch.equal(made.channels[:, CHANNELS.index(name)], before[:, CHANNELS.index(source)])
    for name in ("ct", "segmentation", "alpha"):
        assert torch.equal(made.channels[:, CHANNELS.index(name)], before[:, CHANNELS.index(name)])
