"""The phantom as a scan: the same bits from a seed, a canonical CT, one patient at any spacing and extent."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from phantom_anatomy import COARSE_MM, SEEDS, centroid, coarse, found, millilitres

from renderbench.errors import InputError
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.phantom.body import Body
from renderbench.scans.volume import Scan

_DIGEST = """
import hashlib
from renderbench.scans.phantom import phantom_scan
scan = phantom_scan(1, spacing_mm=6.0)
print(hashlib.sha256(scan.ct.tobytes() + scan.labels.tobytes()).hexdigest())
"""


def digest(scan: Scan) -> str:
    return hashlib.sha256(scan.ct.tobytes() + scan.labels.tobytes()).hexdigest()


def test_same_seed_gives_the_same_bytes_in_another_process_with_other_threads() -> None:
    names = ("RENDERBENCH_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, "3")
    done = subprocess.run(
        [sys.executable, "-c", _DIGEST], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == digest(phantom_scan(1, spacing_mm=6.0))


def test_seeds_are_different_people() -> None:
    bodies = [Body.drawn(seed) for seed in range(40)]
    assert 10 <= sum(body.female for body in bodies) <= 30
    heights = [body.chart.tall for body in bodies]
    assert max(heights) / min(heights) > 1.12
    fat = [body.fat_mm for body in bodies]
    assert max(fat) > 2.0 * min(fat)
    assert len({coarse(seed).grid.shape for seed in SEEDS}) == len(SEEDS)
    assert len({round(millilitres(coarse(seed), "liver")) for seed in SEEDS}) == len(SEEDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_scan_is_a_canonical_ct(seed: int) -> None:
    scan = coarse(seed)
    assert scan.name == f"phantom-{seed:04d}"
    assert scan.ct.dtype == np.int16
    assert scan.labels.dtype == np.uint8
    assert scan.ct.shape == scan.labels.shape == scan.grid.shape
    np.testing.assert_allclose(scan.grid.direction, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(scan.grid.spacing_mm, COARSE_MM)
    # Air in the corners of the middle of the scan, and nothing beyond what a scanner writes.
    middle = scan.ct[scan.ct.shape[0] // 2]
    assert middle[:3, :3].mean() == pytest.approx(-1000.0, abs=15.0)
    assert scan.ct.min() >= -1024
    assert scan.ct.max() <= 3071


@pytest.mark.parametrize("seed", range(12))
def test_no_body_outgrows_what_a_benchmark_takes(seed: int) -> None:
    millimetres = np.array(phantom_scan(seed, extent="body", spacing_mm=10.0).grid.shape) * 10.0
    assert np.prod(millimetres / 1.5) < 48e6


def test_torso_is_the_same_person_as_the_body() -> None:
    body, torso = coarse(1), coarse(1, "torso")
    assert torso.grid.shape[0] < 0.7 * body.grid.shape[0]
    for name in ("liver", "heart", "colon", "vertebrae_L1", "rib_right_5", "spleen"):
        assert millilitres(torso, name) == pytest.approx(millilitres(body, name), rel=0.05)
        np.testing.assert_allclose(centroid(torso, name), centroid(body, name), atol=1.0)


def test_spacing_changes_the_sampling_and_not_the_patient() -> None:
    finer = phantom_scan(1, spacing_mm=2.4)
    for name in ("liver", "heart", "hip_left"):
        assert millilitres(finer, name) == pytest.approx(millilitres(coarse(1), name), rel=0.06)
        np.testing.assert_allclose(centroid(finer, name), centroid(coarse(1), name), atol=1.5)
    assert found(finer) == found(coarse(1, "torso"))


@pytest.mark.parametrize("spacing_mm", [0.0, -1.0, 25.0, float("nan")])
def test_spacing_out_of_range_is_refused(spacing_mm: float) -> None:
    with pytest.raises(InputError, match="phantom spacing"):
        phantom_scan(0, spacing_mm=spacing_mm)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(InputError, match="phantom seed -1"):
        phantom_scan(-1)


def test_unknown_extent_is_refused() -> None:
    with pytest.raises(InputError, match=r"phantom extent 'leg'.*torso or body"):
        phantom_scan(0, extent="leg")  # type: ignore[arg-type]
