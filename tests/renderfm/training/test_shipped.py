"""The checkpoint that comes with the package: small, known in its origin, and better than the prior."""

import numpy as np
import torch

from baselines.drawing import draw
from renderbench.config import load_suite, parse_model, read_toml
from renderbench.evaluation.metrics import psnr, quantised
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings
from renderfm.checkpoint import SHIPPED, load_checkpoint
from renderfm.settings import ModelSettings
from renderfm.training.data import View, load_training_data
from renderfm.training.settings import TrainSettings, settings_file
from renderfm.windows import predict
from tests.renderfm.training.studies import training_suite
from tests.renderfm.training.test_data import preparation

NAME = "renderfm-mini"


def test_it_is_found_by_its_name_alone_and_says_where_it_comes_from():
    loaded = load_checkpoint(NAME)
    assert loaded.path == SHIPPED / f"{NAME}.safetensors"
    assert loaded.path.stat().st_size <= 10_000_000
    assert loaded.model.settings == ModelSettings()
    assert loaded.provenance["suite"] == load_suite(NAME).name
    assert loaded.provenance["finished"]
    settings = parse_model(TrainSettings, read_toml(settings_file(NAME)), NAME)
    assert loaded.provenance["settings"] == settings.model_dump(mode="json")
    assert all(each.isfinite().all() for each in loaded.model.parameters())


def test_it_shows_a_scan_that_it_never_saw_better_than_the_prior_does(trainable):
    loaded = load_checkpoint(NAME)
    data = load_training_data(trainable, training_suite())
    prepared = preparation(data, normalisation=loaded.normalisation)
    for body in data.validation:
        inputs = prepared.prepared(body).inputs
        assert _psnr(predict(loaded.model, inputs), body.views) > _psnr(inputs.prior, body.views) + 2.0


def _psnr(gaussians: Gaussians6D, views: list[View]) -> float:
    with torch.no_grad():
        images = [draw(gaussians, view.groups, view.camera, RasterSettings()).rgb.numpy() for view in views]
    return float(
        np.mean([psnr(view.image, quantised(image)) for view, image in zip(views, images, strict=True)])
    )
