"""The intensity fingerprint of a training set, by which a network's input is normalised.

nnU-Net (Isensee et al., Nature Methods 2021) clips a CT to the 0.5 and 99.5 percentiles of the training
set's foreground and standardises it with the foreground's mean and standard deviation. It draws the same
number of foreground voxels from every case, so that each case weighs the same. Here the whole histogram
of every case takes the place of the draws: nothing is random, and the histograms lie ready in the stores.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from renderbench.config import Strict
from renderbench.scans.volume import HU_RANGE, LabelVolume, Volume

HU_LOWEST = HU_RANGE[0]
"""HU of the first bin; there is one for every value of ``HU_RANGE``."""

BINS = HU_RANGE[1] - HU_RANGE[0] + 1

# Shares of a histogram are sums of quotients; a percentile that falls on a step must not hang on their
# last bits.
_TIE = 1e-12


class Fingerprint(Strict):
    """Foreground intensities of a training set in HU, every scan weighing the same.

    Percentiles are the lowest HU at which the cumulative distribution reaches them; ``sd`` is that of
    the population. ``scans`` and ``voxels`` count what had foreground.
    """

    percentile_00_5: float
    percentile_99_5: float
    mean: float
    sd: float
    median: float
    minimum: float
    maximum: float
    scans: int
    voxels: int

    def normalise(self, ct: NDArray[np.number]) -> NDArray[np.float32]:
        """What a network sees of ``ct`` (HU, any shape): nnU-Net's CTNormalization.

        Clipped to the percentiles, less the mean, over the standard deviation.
        """
        normalised = np.clip(ct.astype(np.float32), self.percentile_00_5, self.percentile_99_5)
        normalised -= np.float32(self.mean)
        normalised /= np.float32(max(self.sd, 1e-8))
        return normalised


def foreground_histogram(ct: Volume, labels: LabelVolume) -> NDArray[np.int64]:
    """How many labelled voxels have each HU.

    Args:
        ct: (D, H, W) int16, HU; what lies outside -1024 to 3071 counts as the nearer end.
        labels: (D, H, W) uint8; 0 is background.

    Returns:
        (4096,) int64, for -1024 to 3071. Histograms of parts of a scan add up to that of the scan.
    """
    histogram = np.zeros(BINS, dtype=np.int64)
    # One slice at a time: the HU of a whole scan's foreground would weigh as much as the scan.
    for ct_slice, label_slice in zip(ct, labels, strict=True):
        bins = ct_slice[label_slice > 0].astype(np.int32) - HU_LOWEST
        histogram += np.bincount(np.clip(bins, 0, BINS - 1), minlength=BINS)
    return histogram


def fingerprint_of(histograms: Iterable[NDArray[np.int64]]) -> Fingerprint | None:
    """The fingerprint of the scans that these are the foreground histograms of, in any order.

    Returns:
        None when no scan has foreground.
    """
    present = [histogram for histogram in histograms if histogram.any()]
    if not present:
        return None
    # fsum rounds once, so the order of the scans changes not one bit.
    shares = zip(*((histogram / histogram.sum()).tolist() for histogram in present), strict=True)
    share = np.array([math.fsum(column) for column in shares]) / len(present)
    hu = np.arange(HU_LOWEST, HU_LOWEST + BINS, dtype=np.float64)
    mean = math.fsum(share * hu)
    cumulative = np.cumsum(share)

    def percentile(percent: float) -> float:
        return float(hu[np.searchsorted(cumulative, percent / 100 - _TIE)])

    occupied = hu[share > 0]
    return Fingerprint(
        percentile_00_5=percentile(0.5),
        percentile_99_5=percentile(99.5),
        mean=mean,
        sd=math.sqrt(math.fsum(share * (hu - mean) ** 2)),
        median=percentile(50),
        minimum=float(occupied[0]),
        maximum=float(occupied[-1]),
        scans=len(present),
        voxels=sum(int(histogram.sum()) for histogram in present),
    )
