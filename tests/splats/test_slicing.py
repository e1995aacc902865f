import math

import torch
from splat_scenes import random_gaussians

from renderbench.splats.sh import SH_C1, evaluate_sh, sh_from_rgb
from renderbench.splats.slicing import conditional_covariances, slice_gaussians


def test_slicing_follows_the_formulas_of_the_conditional_gaussian():
    gaussians = random_gaussians(30, dtype=torch.float64)
    position = torch.tensor([10.0, -200.0, 30.0], dtype=torch.float64)
    sliced = slice_gaussians(gaussians, position, 0.35)
    for i in range(30):
        covariance = gaussians.covariance()[i]
        inverse = torch.linalg.inv(covariance[3:, 3:])
        view = gaussians.means_mm[i] - position
        view = view / view.norm()
        deviation = view - gaussians.directions[i]
        gain = covariance[:3, 3:] @ inverse
        torch.testing.assert_close(sliced.means_mm[i], gaussians.means_mm[i] + gain @ deviation)
        # The inverse of the conditional covariance is a block of the joint precision.
        precision = torch.linalg.inv(covariance)[:3, :3]
        torch.testing.assert_close(sliced.covariances_mm2[i], torch.linalg.inv(precision))
        weight = math.exp(-0.35 * float(deviation @ inverse @ deviation))
        torch.testing.assert_close(sliced.opacities[i], weight * torch.sigmoid(gaussians.opacity_logit[i]))
    torch.testing.assert_close(sliced.covariances_mm2, conditional_covariances(gaussians))


def test_a_gaussian_seen_along_its_mean_direction_keeps_its_mean_and_opacity():
    gaussians = random_gaussians(5, dtype=torch.float64)
    position = torch.tensor([0.0, 0.0, -300.0], dtype=torch.float64)
    gaussians.directions[:] = torch.nn.functional.normalize(gaussians.means_mm - position, dim=1)
    sliced = slice_gaussians(gaussians, position)
    torch.testing.assert_close(sliced.means_mm, gaussians.means_mm)
    torch.testing.assert_close(sliced.opacities, torch.sigmoid(gaussians.opacity_logit))


def test_degree_zero_returns_the_colour_it_was_made_from():
    rgb = torch.rand(7, 3)
    directions = torch.nn.functional.normalize(torch.randn(7, 3), dim=1)
    torch.testing.assert_close(evaluate_sh(sh_from_rgb(rgb), directions), rgb)


def test_degree_one_is_linear_in_the_direction_and_clamped_at_zero():
    sh = torch.zeros(3, 4, 3)
    sh[:, 1], sh[:, 2], sh[:, 3] = 0.1, 0.2, 0.3
    colours = evaluate_sh(sh, torch.eye(3))
    expected = 0.5 + SH_C1 * torch.tensor([-0.3, -0.1, 0.2])
    torch.testing.assert_close(colours, expected[:, None].expand(3, 3))
    assert evaluate_sh(-10 * sh, torch.eye(3))[2].tolist() == [0, 0, 0]
