"""The fingerprint of histograms is that of the voxels they were counted from."""

import numpy as np
import pytest

from renderbench.scans.fingerprint import Fingerprint, fingerprint_of, foreground_histogram


def a_scan(seed: int, mean: float, sd: float, foreground: int) -> tuple[np.ndarray, np.ndarray]:
    """CT and labels of which ``foreground`` voxels are labelled; the others are air that must not count."""
    random = np.random.default_rng(seed)
    labels = np.zeros(20 * 18 * 16, dtype=np.uint8)
    labels[random.permutation(labels.size)[:foreground]] = random.integers(1, 120, foreground)
    ct = np.where(labels > 0, np.clip(random.normal(mean, sd, labels.size), -1024, 3071), -1000)
    return np.rint(ct).astype(np.int16).reshape(20, 18, 16), labels.reshape(20, 18, 16)


def test_a_histogram_counts_labelled_voxels_only():
    ct = np.array([[[-1024, -1024, 0, 40, 40, 3071]]], dtype=np.int16)
    labels = np.array([[[1, 0, 2, 3, 3, 119]]], dtype=np.uint8)
    histogram = foreground_histogram(ct, labels)
    assert (histogram.dtype, histogram.shape) == (np.int64, (4096,))
    assert {hu - 1024: int(histogram[hu]) for hu in histogram.nonzero()[0]} == {
        -1024: 1,
        0: 1,
        40: 2,
        3071: 1,
    }


def test_what_lies_outside_12_bits_counts_as_its_nearer_end():
    ct = np.array([[[-32768, -1025, 3072, 32767]]], dtype=np.int16)
    histogram = foreground_histogram(ct, np.ones(ct.shape, dtype=np.uint8))
    assert (histogram[0], histogram[-1], histogram.sum()) == (2, 2, 4)


def test_histograms_of_slabs_add_up_to_the_scans():
    ct, labels = a_scan(0, 50, 100, 3000)
    parts = [foreground_histogram(ct[z : z + 7], labels[z : z + 7]) for z in range(0, 20, 7)]
    np.testing.assert_array_equal(sum(parts), foreground_histogram(ct, labels))


def test_one_scans_fingerprint_is_that_of_its_voxels():
    ct, labels = a_scan(1, 60, 200, 4000)
    voxels = ct[labels > 0].astype(np.float64)
    found = fingerprint_of([foreground_histogram(ct, labels)])
    assert found is not None
    low, median, high = np.percentile(voxels, [0.5, 50, 99.5], method="inverted_cdf")
    assert (found.percentile_00_5, found.median, found.percentile_99_5) == (low, median, high)
    assert found.mean == pytest.approx(voxels.mean(), rel=1e-12)
    assert found.sd == pytest.approx(voxels.std(), rel=1e-12)
    assert (found.minimum, found.maximum) == (voxels.min(), voxels.max())
    assert (found.scans, found.voxels) == (1, 4000)


def test_every_scan_weighs_the_same_however_large():
    scans = [a_scan(2, -700, 80, 5000), a_scan(3, 50, 40, 500), a_scan(4, 400, 300, 1000)]
    found = fingerprint_of(foreground_histogram(*scan) for scan in scans)
    assert found is not None
    foregrounds = [ct[labels > 0] for ct, labels in scans]
    # As many copies of each voxel as give every scan 5000 of them.
    pooled = np.concatenate([np.repeat(each, 5000 // len(each)) for each in foregrounds]).astype(np.float64)
    low, median, high = np.percentile(pooled, [0.5, 50, 99.5], method="inverted_cdf")
    assert (found.percentile_00_5, found.median, found.percentile_99_5) == (low, median, high)
    assert found.mean == pytest.approx(pooled.mean(), rel=1e-12)
    assert found.sd == pytest.approx(pooled.std(), rel=1e-12)
    assert found.mean != pytest.approx(np.concatenate(foregrounds).mean(), abs=50)
    assert (found.scans, found.voxels) == (3, 6500)


def test_the_order_of_the_scans_changes_not_one_bit():
    histograms = [foreground_histogram(*a_scan(seed, 10 * seed, 90, 900 + seed)) for seed in range(7)]
    assert fingerprint_of(histograms) == fingerprint_of(histograms[::-1])


def test_scans_without_foreground_do_not_count():
    ct, labels = a_scan(5, 50, 10, 100)
    empty = np.zeros(4096, dtype=np.int64)
    assert fingerprint_of([]) is None
    assert fingerprint_of([empty, empty]) is None
    histogram = foreground_histogram(ct, labels)
    assert fingerprint_of([empty, histogram]) == fingerprint_of([histogram])


def test_a_constant_foreground_has_a_fingerprint():
    histogram = np.zeros(4096, dtype=np.int64)
    histogram[1024 + 40] = 17
    found = fingerprint_of([histogram])
    assert found is not None
    assert (found.percentile_00_5, found.median, found.percentile_99_5, found.mean, found.sd) == (40,) * 4 + (
        0,
    )
    assert np.isfinite(found.normalise(np.array([0, 40, 80], dtype=np.int16))).all()


def test_normalisation_clips_and_standardises():
    found = fingerprint_of([foreground_histogram(*a_scan(6, 100, 150, 5000))])
    assert found is not None
    ct = np.arange(-1024, 3072, dtype=np.int16).reshape(16, 16, 16)
    normalised = found.normalise(ct)
    low, high = found.percentile_00_5, found.percentile_99_5
    np.testing.assert_allclose(
        normalised, (np.clip(ct, low, high) - found.mean) / found.sd, rtol=1e-5, atol=1e-6
    )
    assert (normalised.dtype, normalised.shape) == (np.float32, ct.shape)
    assert Fingerprint.model_validate_json(found.model_dump_json()) == found
