"""How sure a mean over scans is, and whether two methods differ: the bootstrap and Wilcoxon's test.

Scans are what a study draws at random; views of one scan are not independent of each other. So both
resample and pair scans, never views.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
SEED = 0
CONFIDENCE = 0.95
SIGNIFICANCE = 0.05

MINIMUM_SCANS = 6
"""Below this many scans there is neither an interval nor a test.

Wilcoxon's exact two-sided p over n pairs is at least 2 / 2^n: with five pairs it cannot fall below 0.0625,
whatever the scores are. The paper's smallest block has six scans.
"""

# Bounds the memory of the resampled means to 64 MiB.
_ROWS_AT_ONCE = 4096


def mean_intervals(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Percentile bootstrap intervals of means (Efron 1979), 95 %.

    Every row of one length is resampled alike and from one seed, so an interval depends on its own row only,
    and the intervals of one block are those of the same draws of scans.

    Args:
        samples: (R, n), one row a sample of n scans, no NaN.

    Returns:
        (R, 2), the lower and upper end; NaN where n is below :data:`MINIMUM_SCANS`.
    """
    rows, n = samples.shape
    intervals = np.full((rows, 2), np.nan)
    if n < MINIMUM_SCANS:
        return intervals
    tails = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
    for start in range(0, rows, _ROWS_AT_ONCE):
        chunk = samples[start : start + _ROWS_AT_ONCE]
        # About each row's own mean: sums of large numbers would lose the digits of small differences.
        centre = chunk.mean(axis=1, keepdims=True)
        means = (chunk - centre) @ _weights(n).T
        intervals[start : start + len(chunk)] = centre + np.quantile(means, tails, axis=1).T
    return intervals


@lru_cache(maxsize=64)
def _weights(n: int) -> NDArray[np.float64]:
    """(RESAMPLES, n): how often each of n scans is drawn, as a share."""
    draws = np.random.default_rng([SEED, n]).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return draws / n


@dataclass(frozen=True, kw_only=True)
class PairedTest:
    """Whether two methods differ over the same scans.

    Args:
        pairs: how many scans both have.
        difference: mean of first minus second over them; None without pairs.
        p: Wilcoxon's signed-rank test, two-sided; None where there are too few pairs.
        reason: why there is no ``p``; empty where there is one.
    """

    pairs: int
    difference: float | None
    p: float | None
    reason: str

    @property
    def tied(self) -> bool | None:
        """Whether the difference is within noise; None where that was not tested."""
        return None if self.p is None else self.p >= SIGNIFICANCE


def paired_test(first: NDArray[np.float64], second: NDArray[np.float64], unit: str = "scan") -> PairedTest:
    """Wilcoxon's signed-rank test of two methods over the same scans (Wilcoxon 1945).

    Exact up to 50 pairs without equal or zero differences, else by the normal approximation, as scipy
    does. Pairs that are equal carry no sign and leave the test; where all are, p is 1. Each pair of methods
    is tested by itself: p is not corrected for how many pairs there are.

    Args:
        first: (n,) scores by scan; NaN where a scan has none.
        second: (n,) of the other method, in the same order of scans.
        unit: what is paired, for the reason.
    """
    known = np.isfinite(first) & np.isfinite(second)
    differences = (first - second)[known]
    pairs = len(differences)
    difference = float(differences.mean()) if pairs else None
    if pairs < MINIMUM_SCANS:
        found = f"{pairs} {unit}{'' if pairs == 1 else 's'}"
        reason = f"a paired test needs {MINIMUM_SCANS} {unit}s, found {found}"
        return PairedTest(pairs=pairs, difference=difference, p=None, reason=reason)
    # scipy.stats takes a second to load; without enough scans nothing needs it.
    from scipy.stats import wilcoxon

    p = float(wilcoxon(differences).pvalue) if np.any(differences) else 1.0
    return PairedTest(pairs=pairs, difference=difference, p=p, reason="")
