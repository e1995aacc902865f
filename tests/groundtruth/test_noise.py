"""Noise floors against the truth: an image that is known exactly, under noise that is known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from renderbench.evaluation.metrics import psnr, ssim
from renderbench.groundtruth.colour import eight_bit_srgb, linear_from_srgb, srgb_from_linear
from renderbench.groundtruth.noise import noise_floor, noise_floor_ssim


def exact_image(size: int = 256) -> NDArray[np.float64]:
    """Linear; over black a body with a gradient, a fine and a coarse texture, and sharp and soft edges."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:size, :size] / size
    body = (x - 0.5) ** 2 + 1.3 * (y - 0.5) ** 2 < 0.16
    texture = 0.1 * np.sin(40 * x) * np.sin(30 * y) + 0.05 * np.sin(150 * x + 90 * y) * (x > 0.5)
    shade = 0.25 + 0.5 * x * y
    srgb = np.stack([shade + texture, 0.8 * shade + texture, 0.6 * shade], axis=-1) * body[..., None]
    for _ in range(12):
        column, row, radius = (*rng.uniform(0.2, 0.8, 2), rng.uniform(0.01, 0.06))
        srgb[(x - column) ** 2 + (y - row) ** 2 < radius**2] *= rng.uniform(0.4, 1.5)
    return linear_from_srgb(gaussian_filter(np.clip(srgb, 0, 1), (0.6, 0.6, 0)))


def halves_of(exact: NDArray[np.float64], floor_db: float, seed: int) -> NDArray[np.float32]:
    """Two renders, positive and with noise that grows with the light, whose mean lies at ``floor_db``."""
    rng = np.random.default_rng(seed)

    def halves(strength: float) -> NDArray[np.float64]:
        return rng.gamma(np.maximum(exact, 1e-12) / strength, strength, (2, *exact.shape)) * (exact > 1e-9)

    strength = 0.02
    for _ in range(8):
        error = srgb_from_linear(halves(strength).mean(axis=0)) - srgb_from_linear(exact)
        strength *= 10 ** (-floor_db / 10) / np.mean(error**2)
    return halves(strength).astype(np.float32)


@pytest.mark.parametrize(
    ("floor_db", "within"), [(30.0, 0.01), (35.0, 0.004), (42.0, 0.001), (50.0, 0.001), (60.0, 0.001)]
)
def test_the_ssim_floor_is_what_the_exact_image_scores(floor_db: float, within: float) -> None:
    exact = exact_image()
    halves = halves_of(exact, floor_db, 1)
    scored = ssim(eight_bit_srgb(halves.mean(axis=0)), eight_bit_srgb(exact))
    assert noise_floor_ssim(halves) == pytest.approx(scored, abs=within)


def test_the_psnr_floor_is_what_the_exact_image_scores_before_rounding() -> None:
    exact = exact_image()
    for floor_db, rounding_db in ((35.0, 0.15), (42.0, 0.2), (50.0, 0.6)):
        halves = halves_of(exact, floor_db, 3)
        view = halves.mean(axis=0)
        error = np.mean((srgb_from_linear(view) - srgb_from_linear(exact)) ** 2)
        floor = noise_floor(halves)
        assert floor == pytest.approx(-10 * np.log10(error), abs=0.1)
        assert floor - psnr(eight_bit_srgb(view), eight_bit_srgb(exact)) < rounding_db


def test_no_method_without_the_noise_scores_more() -> None:
    exact = exact_image()
    halves = halves_of(exact, 38.0, 4)
    view = eight_bit_srgb(halves.mean(axis=0))
    blurred = eight_bit_srgb(gaussian_filter(exact, (0.5, 0.5, 0)))
    assert ssim(view, blurred) < noise_floor_ssim(halves)
    assert psnr(view, blurred) < noise_floor(halves)


def test_ssim_floor_is_one_without_noise_and_falls_with_it() -> None:
    exact = exact_image(96)
    assert noise_floor_ssim(np.stack([exact, exact]).astype(np.float32)) == pytest.approx(1.0, abs=1e-6)
    assert noise_floor_ssim(np.zeros((2, 16, 16, 3), np.float32)) == 1.0
    floors = [noise_floor_ssim(halves_of(exact, floor_db, 6)) for floor_db in (48.0, 42.0, 36.0, 30.0)]
    assert floors == sorted(floors, reverse=True)
    assert floors[0] > 0.97
    assert floors[-1] > 0.3


def test_which_half_is_which_does_not_matter() -> None:
    halves = halves_of(exact_image(96), 36.0, 7)
    assert noise_floor_ssim(halves[::-1]) == pytest.approx(noise_floor_ssim(halves), abs=1e-9)
    assert noise_floor(halves[::-1]) == pytest.approx(noise_floor(halves), abs=1e-9)


def test_few_bright_samples_over_black_still_give_a_number() -> None:
    """Noise as unlike the normal distribution as it comes: most windows see none, some all of it."""
    rng = np.random.default_rng(8)
    hits = rng.random((2, 64, 64, 1)) < 0.01
    halves = (hits * rng.exponential(2.0, (2, 64, 64, 3))).astype(np.float32)
    assert 0 < noise_floor_ssim(halves) < 0.95
    assert 0 < noise_floor_ssim(halves[:, :11, :11]) <= 1
