import numpy as np
import pytest
import torch

import renderfm.training.validation as validation
from baselines.drawing import draw
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.splats.raster import RasterSettings
from renderfm.model import RenderFM
from renderfm.training.data import load_training_data
from renderfm.training.validation import validate
from tests.renderfm.training.studies import settings, training_suite
from tests.renderfm.training.test_data import preparation


def test_an_untrained_model_scores_as_the_prior_and_blocks_weigh_alike(trainable, monkeypatch):
    data, chosen = load_training_data(trainable, training_suite()), settings()
    prepare = preparation(data)
    asked = []
    predicted = validation.predicted
    monkeypatch.setattr(validation, "predicted", lambda *all_: asked.append(1) or predicted(*all_))
    twice = [*data.validation, data.validation[0]]
    scores = validate(RenderFM(chosen.model), twice, prepare, chosen, torch.device("cpu"))
    # Two transfer functions, three bodies: a prediction serves all that it can.
    assert len(asked) == 2
    for body in data.validation:
        prior = prepare.prepared(body).inputs.prior
        images = [draw(prior, view.groups, view.camera, RasterSettings()).rgb.numpy() for view in body.views]
        expected = np.mean(
            [psnr(view.image, quantised(each)) for view, each in zip(body.views, images, strict=True)]
        )
        assert scores.blocks[body.block] == pytest.approx(expected)
    assert scores.mean == pytest.approx(np.mean(list(scores.blocks.values())))
