import numpy as np
import pytest
import scipy.stats

from leaderboard.statistics import MINIMUM_SCANS, SIGNIFICANCE, mean_intervals, paired_test


def test_intervals_agree_with_scipys_bootstrap():
    """Two percentile bootstraps of other seeds differ by their Monte-Carlo error only."""
    random = np.random.default_rng(1)
    samples = np.vstack([random.normal(27, 2, 46), random.gamma(2, 3, 46), random.uniform(0, 1, 46)])
    ours = mean_intervals(samples)
    theirs = scipy.stats.bootstrap(
        (samples,), np.mean, axis=-1, n_resamples=20_000, method="percentile", rng=2
    )
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    np.testing.assert_allclose(ours[:, 0], theirs.confidence_interval.low, atol=0.08 * width.max())
    np.testing.assert_allclose(ours[:, 1], theirs.confidence_interval.high, atol=0.08 * width.max())
    assert (np.abs(ours[:, 0] - theirs.confidence_interval.low) < 0.08 * width).all()
    assert (np.abs(ours[:, 1] - theirs.confidence_interval.high) < 0.08 * width).all()


def test_intervals_hold_the_true_mean_about_as_often_as_they_say():
    random = np.random.default_rng(0)
    intervals = mean_intervals(random.normal(5, 1, (2000, 46)))
    covered = np.mean((intervals[:, 0] <= 5) & (intervals[:, 1] >= 5))
    # Percentile intervals of small samples are a little short.
    assert 0.92 < covered < 0.96


def test_an_interval_depends_on_its_own_row_only():
    random = np.random.default_rng(0)
    samples = random.normal(0, 1, (5000, 9))
    together = mean_intervals(samples)
    np.testing.assert_allclose(mean_intervals(samples[4321:4322]), together[4321:4322], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(together, mean_intervals(samples))
    shifted = mean_intervals(samples[:3] + 1e9)
    np.testing.assert_allclose(shifted - 1e9, together[:3], atol=1e-5)


def test_equal_scans_have_an_interval_of_no_width():
    np.testing.assert_array_equal(mean_intervals(np.full((1, 8), 3.25)), [[3.25, 3.25]])


@pytest.mark.parametrize("scans", [1, 2, MINIMUM_SCANS - 1])
def test_too_few_scans_have_no_interval(scans):
    assert np.isnan(mean_intervals(np.ones((3, scans)))).all()
    assert np.isfinite(mean_intervals(np.ones((3, MINIMUM_SCANS)))).all()


def test_the_minimum_is_where_the_test_can_first_say_anything():
    """Exact p of the most extreme outcome, every pair on one side: 2 / 2^n."""
    for n in (MINIMUM_SCANS - 1, MINIMUM_SCANS):
        p = scipy.stats.wilcoxon(np.arange(1.0, n + 1)).pvalue
        assert p == pytest.approx(2 / 2**n)
        assert (p < SIGNIFICANCE) == (n >= MINIMUM_SCANS)


def test_a_paired_test_is_scipys_and_signed():
    random = np.random.default_rng(3)
    first = random.normal(27, 2, 12)
    second = first - random.normal(0.8, 0.5, 12)
    test = paired_test(first, second)
    assert test.p == scipy.stats.wilcoxon(first, second).pvalue
    assert test.tied is False
    assert test.difference == pytest.approx(np.mean(first - second))
    assert paired_test(second, first).difference == pytest.approx(-test.difference)
    assert (test.pairs, test.reason) == (12, "")


def test_differences_within_noise_are_a_tie():
    random = np.random.default_rng(4)
    first = random.normal(27, 2, 12)
    assert paired_test(first, first + random.normal(0, 1, 12)).tied is True
    assert paired_test(first, first.copy()).p == 1.0


def test_pairs_without_a_number_do_not_count():
    first = np.array([1.0, 2, 3, 4, 5, 6, np.nan])
    test = paired_test(first, np.array([0.0, 1, 2, 3, 4, np.nan, 6]))
    assert (test.pairs, test.difference, test.p, test.tied) == (5, 1.0, None, None)
    assert test.reason == "a paired test needs 6 scans, found 5 scans"
    nothing = paired_test(np.array([np.nan]), np.array([1.0]), unit="view")
    assert (nothing.pairs, nothing.difference) == (0, None)
    assert nothing.reason == "a paired test needs 6 views, found 0 views"
    assert paired_test(np.ones(1), np.ones(1)).reason.endswith("found 1 scan")
