"""Gradients from the image through rasteriser, slicing and head to the weights of the network."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from renderbench.cameras import look_at
from renderbench.splats.raster import rasterise
from renderfm.head import Head
from renderfm.settings import ModelSettings
from tests.renderfm.scans import inputs, model
from tests.splats.reference import rasterise_densely
from tests.splats.splat_scenes import camera_at, random_gaussians

COUNT, FEATURES = 12, 4


def scene(dtype: torch.dtype):
    """A head with weights, features, a prior before a small camera, and weights of the image's pixels."""
    generator = torch.Generator().manual_seed(5)
    prior = random_gaussians(COUNT, seed=1, spread_mm=15.0, dtype=torch.float64).to(dtype)
    head = Head(FEATURES, ModelSettings(light=False))
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.15 * torch.randn(parameter.shape, generator=generator))
    camera = camera_at(150.0, width=12, height=8, focal_px=15.0)
    features = torch.randn(COUNT, FEATURES, generator=generator, dtype=torch.float64)
    pixels = torch.randn(8, 12, 3, generator=generator, dtype=torch.float64)
    return head.to(dtype), features.to(dtype), prior, camera, pixels.to(dtype)


def reference_gradients() -> tuple[torch.Tensor, torch.Tensor]:
    head, features, prior, camera, pixels = scene(torch.float64)
    image = rasterise_densely(head(features, prior), camera).rgb
    return torch.autograd.grad((image * pixels).sum(), list(head.parameters()))


def test_the_reference_in_double_precision_against_finite_differences():
    head, features, prior, camera, pixels = scene(torch.float64)
    weight, bias = reference_gradients()

    def value() -> float:
        with torch.no_grad():
            return float((rasterise_densely(head(features, prior), camera).rgb * pixels).sum())

    def moved_by(parameter: torch.Tensor, index: tuple[int, ...], step: float) -> float:
        kept = parameter[index].item()
        with torch.no_grad():
            parameter[index] = kept + step
            result = value()
            parameter[index] = kept
        return result

    generator, step = np.random.default_rng(0), 1e-6
    for output in range(37):
        # Of every output its bias or one of its weights.
        parameter, gradient, index = head.linear.bias, bias, (output,)
        if output % 2:
            parameter, gradient = head.linear.weight, weight
            index = (output, int(generator.integers(FEATURES)))
        difference = (moved_by(parameter, index, step) - moved_by(parameter, index, -step)) / (2 * step)
        assert float(gradient[index]) == pytest.approx(difference, rel=1e-5, abs=1e-5)
    # Every kind of output is tried on something.
    assert (bias != 0).all()


def test_our_kernels_against_the_reference():
    head, features, prior, camera, pixels = scene(torch.float32)
    image = rasterise(head(features, prior), camera).rgb
    ours = torch.autograd.grad((image * pixels).sum(), list(head.parameters()))
    for found, expected in zip(ours, reference_gradients(), strict=True):
        # Outputs of one kind share a scale; the largest gradient is that of colour.
        torch.testing.assert_close(
            found.double(), expected, rtol=2e-3, atol=2e-4 * float(expected.abs().max())
        )


def test_the_whole_model_follows_its_gradient():
    """From the network's first weights to the image, in single precision: one step both ways."""
    trained, given = model(head=0.02), inputs(shape=(24, 24, 24))
    centre = given.prior.means_mm.mean(0).numpy().astype(float)
    pose = look_at(centre + np.array([0.0, -150.0, 20.0]), centre)
    camera = replace(camera_at(150.0, width=24, height=24, focal_px=60.0), camera_from_world=pose)
    # Smooth over the image: the steps of the rasteriser's thresholds even out.
    pixels = torch.linspace(0, 0.01, 24)[:, None]

    def value() -> torch.Tensor:
        return (rasterise(trained(given), camera).rgb * pixels).double().sum()

    parameters = dict(trained.named_parameters())
    gradients = torch.autograd.grad(value(), list(parameters.values()))
    assert all(bool(gradient.abs().max() > 0) for gradient in gradients)
    # Along the gradient itself the change is the largest, so rounding is the smallest part of it.
    length = float(torch.sqrt(torch.stack([(each.double() ** 2).sum() for each in gradients]).sum()))
    kept = [parameter.detach().clone() for parameter in parameters.values()]
    step, ends = 1e-3, []
    for sign in (1, -1):
        with torch.no_grad():
            for parameter, start, gradient in zip(parameters.values(), kept, gradients, strict=True):
                parameter.copy_(start + sign * step / length * gradient)
            ends.append(float(value()))
    assert (ends[0] - ends[1]) / (2 * step) == pytest.approx(length, rel=0.01)
