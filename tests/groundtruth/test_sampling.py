"""The random numbers of the tracer, and what it draws with them."""

import numpy as np
import pytest
from numba import njit
from scipy.stats import chi2

from renderbench.groundtruth.native.phase import scattered as scattered_by_phase
from renderbench.groundtruth.native.random_numbers import mixed, stratified, two_uniforms

U64 = np.uint64


@njit
def points(streams: int, samples: int, first: int) -> np.ndarray:
    """Per stream and sample: pair 1, pair 2, and pair 1 of another stream."""
    out = np.empty((streams, samples, 6))
    for stream in range(streams):
        one, other = mixed(U64(first + stream)), mixed(U64(first + streams + stream))
        for index in range(samples):
            out[stream, index, :2] = stratified(U64(index), one, U64(1))
            out[stream, index, 2:4] = stratified(U64(index), one, U64(2))
            out[stream, index, 4:] = stratified(U64(index), other, U64(1))
    return out


@njit
def scattered(count: int, u: np.ndarray, g: float, seed: int) -> np.ndarray:
    state = mixed(U64(seed))
    out = np.empty((count, 3))
    for index in range(count):
        state, along, around = two_uniforms(state)
        out[index] = scattered_by_phase(u[0], u[1], u[2], np.float32(g), along, around)
    return out


def test_pairs_are_nets() -> None:
    for pairs in points(20, 64, 7)[..., :2]:
        for split in range(7):
            boxes = np.floor(pairs * (2**split, 2 ** (6 - split))).astype(int)
            assert len({tuple(box) for box in boxes}) == 64


def test_pairs_are_uniform_and_independent_of_each_other() -> None:
    drawn = points(20_000, 16, 1000)
    for sample in (0, 5, 15):
        for one in range(6):
            for other in range(one):
                counts, _, _ = np.histogram2d(
                    drawn[:, sample, one], drawn[:, sample, other], bins=8, range=[[0, 1]] * 2
                )
                expected = len(drawn) / 64
                assert ((counts - expected) ** 2 / expected).sum() < chi2.ppf(0.9999, 63)


def test_uniforms_lie_below_one() -> None:
    drawn = points(2000, 32, 3)
    assert drawn.min() >= 0.0
    assert drawn.max() < 1.0


@pytest.mark.parametrize("g", [0.0, 0.8, 0.3, -0.5, 1e-3])
@pytest.mark.parametrize("direction", [(0, 0, 1), (0, 0, -1), (0.6, 0, 0.8), (-0.48, 0.6, -0.64)])
def test_mean_cosine_is_g_and_the_azimuth_is_uniform(direction: tuple[float, ...], g: float) -> None:
    forward = np.array(direction, dtype=np.float32)
    count = 200_000
    drawn = scattered(count, forward, g, 11)
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.ones(count), abs=1e-4)
    cosines = drawn @ forward.astype(np.float64)
    assert abs(cosines.mean() - g) < 3.5 * cosines.std() / np.sqrt(count)
    # The rest of the mean lies along the axis; the second moment is (1 + 2 g^2) / 3.
    across = drawn - cosines[:, None] * forward
    assert np.abs(across.mean(axis=0)).max() < 4 / np.sqrt(3 * count)
    second = cosines**2
    assert abs(second.mean() - (1 + 2 * g * g) / 3) < 3.5 * second.std() / np.sqrt(count)
