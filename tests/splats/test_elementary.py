"""Eight floats at a time: the elementary functions and the operations that kernels rest on."""

import numpy as np
import pytest
from numba import njit

from renderbench.splats.raster import elementary
from renderbench.splats.raster.vector import (
    LANES,
    any_lane,
    gather,
    lanes,
    load,
    pairwise_sum,
    scatter,
    splat,
    store,
    where,
)


@njit
def _evaluate(x, results):
    for k in range(0, len(x), LANES):
        value = load(x, k)
        store(results[0], k, elementary.exp2(value))
        store(results[1], k, elementary.exp(value))
        log_sigmoid, slope = elementary.log_sigmoid(value)
        store(results[2], k, log_sigmoid)
        store(results[3], k, slope)
        tanh, slope = elementary.tanh_half(value)
        store(results[4], k, tanh)
        store(results[5], k, slope)


@pytest.fixture(scope="module")
def evaluated():
    """(x, the six functions of x in single precision)."""
    x = np.concatenate([np.linspace(-80, 80, 1 << 14), np.linspace(-2, 2, 1 << 14)]).astype(np.float32)
    results = np.empty((6, len(x)), np.float32)
    _evaluate(x, results)
    return x.astype(np.float64), results


def test_exponentials_are_exact_to_single_precision(evaluated):
    x, results = evaluated
    np.testing.assert_allclose(results[0], 2.0**x, rtol=2.5e-7)
    np.testing.assert_allclose(results[1], np.exp(x), rtol=1.5e-7)


def test_log_sigmoid_and_its_derivative_do_not_cancel(evaluated):
    x, results = evaluated
    np.testing.assert_allclose(results[2], -np.logaddexp(0, -x), rtol=4e-7)
    np.testing.assert_allclose(results[3], 1 / (1 + np.exp(x)), rtol=3e-7)


def test_tanh_half_and_its_derivative(evaluated):
    x, results = evaluated
    np.testing.assert_allclose(results[4], np.tanh(0.5 * x), atol=2e-7)
    np.testing.assert_allclose(results[5], 0.5 / np.cosh(0.5 * x) ** 2, rtol=5e-7)


def test_what_is_not_finite_stays_out_of_range_or_not_a_number():
    x = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0, 200, -200], np.float32)
    results = np.empty((6, LANES), np.float32)
    _evaluate(x, results)
    assert np.isnan(results[1:, 0]).all()
    assert (results[1, [1, 3, 6]] > 1e38).all()
    assert (results[1, [2, 4, 7]] < 1e-37).all()
    np.testing.assert_allclose(results[4, 1:], [1, -1, 1, -1, 0, 1, -1], atol=1e-7)


@njit
def _operate(a, b, results):
    x, y = load(a, 0), load(b, 0)
    store(results[0], 0, 2.0 * x + y / 4 - 1)
    store(results[1], 0, -x)
    store(results[2], 0, where((x > 0.0) & (y >= 1.0), x, y))
    store(results[3], 0, pairwise_sum(x, y))
    store(results[4], 0, where(x < y, lanes(), splat(9.0)))
    return any_lane(x > 100.0), any_lane(x > 3.0)


def test_operators_mix_vectors_and_scalars():
    a = np.array([1, -2, 3, -4, 5, 6, 7, 8], np.float32)
    b = np.array([0, 1, 2, 3, 4, 5, 6, 9], np.float32)
    results = np.empty((5, LANES), np.float32)
    assert _operate(a, b, results) == (False, True)
    np.testing.assert_array_equal(results[0], 2 * a + b / 4 - 1)
    np.testing.assert_array_equal(results[1], -a)
    np.testing.assert_array_equal(results[2], np.where((a > 0) & (b >= 1), a, b))
    np.testing.assert_array_equal(results[3], [-1, -1, 11, 15, 1, 5, 9, 15])
    np.testing.assert_array_equal(results[4], np.where(a < b, np.arange(8), 9))


@njit
def _copy_column(source, target, column):
    last = len(source) - 1
    for first in range(0, last + 1, LANES):
        scatter(target, first, last, 3, column, gather(source, first, last, 3, column))


@pytest.mark.parametrize("rows", [1, 7, 8, 13])
def test_rows_past_the_last_are_left_alone(rows):
    source = np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)
    room = np.full((rows + LANES, 3), -1.0, np.float32)
    _copy_column(source, room[:rows], 1)
    np.testing.assert_array_equal(room[:rows, 1], source[:, 1])
    assert (room[rows:] == -1).all()
    assert (room[:, [0, 2]] == -1).all()
