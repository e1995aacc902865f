"""The phantom: the same bits from a seed, every organ in its place, and plausible sizes and HU."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.scans.groups import LABELS
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.volume import Scan

VALUES = {label.name: label.value for label in LABELS}

# Outside of the field of view, or a disease.
ABSENT = {
    "Background/Other",
    "kidney_cyst_left",
    "kidney_cyst_right",
    "brain",
    "skull",
    *(f"vertebrae_C{n}" for n in range(1, 8)),
}
REQUIRED = sorted(set(VALUES) - ABSENT)
VERTEBRAE = [f"T{n}" for n in range(1, 13)] + [f"L{n}" for n in range(1, 6)] + ["S1"]
PAIRS = sorted(
    (n, n.replace("left", "right")) for n in REQUIRED if "left" in n and n != "atrial_appendage_left"
)
SEEDS = (0, 1, 2)


@cache
def coarse(seed: int) -> Scan:
    return phantom_scan(seed, spacing_mm=3.5)


def mask(scan: Scan, name: str) -> np.ndarray:
    return scan.labels == VALUES[name]


def centroid(scan: Scan, name: str) -> np.ndarray:
    """World position (x, y, z) of a structure's centre."""
    voxels = np.argwhere(mask(scan, name))[:, ::-1].astype(float)
    return scan.grid.world(voxels.mean(axis=0, keepdims=True))[0]


def millilitres(scan: Scan, *names: str) -> float:
    return sum(int(mask(scan, name).sum()) for name in names) * float(np.prod(scan.grid.spacing_mm)) / 1000.0


def test_same_seed_gives_the_same_bits() -> None:
    again = phantom_scan(1, spacing_mm=3.5)
    assert np.array_equal(coarse(1).ct, again.ct)
    assert np.array_equal(coarse(1).labels, again.labels)
    assert np.array_equal(coarse(1).grid.world_from_voxel, again.grid.world_from_voxel)


def test_seeds_differ_in_size_and_shape() -> None:
    volumes = [millilitres(coarse(seed), "liver") for seed in SEEDS]
    heights = [coarse(seed).grid.shape[0] for seed in SEEDS]
    assert len({round(v) for v in volumes}) == len(SEEDS)
    assert len(set(heights)) > 1


@pytest.mark.parametrize("seed", SEEDS)
def test_scan_is_a_canonical_ct(seed: int) -> None:
    scan = coarse(seed)
    assert scan.name == f"phantom-{seed:04d}"
    assert scan.ct.dtype == np.int16
    assert scan.labels.dtype == np.uint8
    assert scan.ct.shape == scan.labels.shape == scan.grid.shape
    np.testing.assert_allclose(scan.grid.direction, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(scan.grid.spacing_mm, 3.5)
    # Air in the corners of the middle of the scan, and nothing beyond what a scanner writes.
    middle = scan.ct[scan.ct.shape[0] // 2]
    assert middle[:3, :3].mean() == pytest.approx(-1000.0, abs=15.0)
    assert scan.ct.min() >= -1024
    assert scan.ct.max() <= 3071


@pytest.mark.slow
def test_nothing_is_missing_on_the_working_grid() -> None:
    scan = phantom_scan(3)
    found = set(np.unique(scan.labels).tolist()) - {0}
    assert found == {VALUES[name] for name in REQUIRED}
    depth, height, width = scan.grid.shape
    assert width <= 232
    assert height <= 182
    assert 290 <= depth <= 370
    smallest = min(int(mask(scan, name).sum()) for name in REQUIRED)
    assert smallest >= 100


@pytest.mark.parametrize("seed", SEEDS)
def test_all_but_the_finest_survive_a_coarse_grid(seed: int) -> None:
    found = set(np.unique(coarse(seed).labels).tolist())
    assert {name for name in REQUIRED if VALUES[name] not in found} == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_left_is_at_larger_x(seed: int) -> None:
    scan = coarse(seed)
    assert len(PAIRS) == 31
    for left, right in PAIRS:
        assert centroid(scan, left)[0] > centroid(scan, right)[0] + 5.0, left


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_lie_where_they_belong(seed: int) -> None:
    scan = coarse(seed)
    at = {name: centroid(scan, name) for name in REQUIRED}
    x, y, z = 0, 1, 2
    spine = at["vertebrae_L1"]
    assert at["liver"][x] < spine[x] < at["spleen"][x]
    assert at["liver"][x] < at["stomach"][x]
    assert at["inferior_vena_cava"][x] < at["aorta"][x]
    assert at["heart"][x] > at["vertebrae_T8"][x]
    assert at["gallbladder"][x] < spine[x]
    assert at["sternum"][y] < at["heart"][y] < at["vertebrae_T8"][y]
    assert at["vertebrae_L3"][y] < at["spinal_cord"][y]
    assert at["autochthon_left"][y] > at["vertebrae_L3"][y]
    assert at["urinary_bladder"][y] < at["sacrum"][y]
    heights = ["trachea", "heart", "liver", "small_bowel", "urinary_bladder", "prostate"]
    assert sorted(heights, key=lambda name: -at[name][z]) == heights
    lobes = ["lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"]
    assert at[lobes[0]][z] > at[lobes[1]][z]
    assert at[lobes[1]][y] < at[lobes[2]][y]


@pytest.mark.parametrize("seed", SEEDS)
def test_vertebrae_and_ribs_are_in_order(seed: int) -> None:
    scan = coarse(seed)
    levels = [centroid(scan, f"vertebrae_{name}")[2] for name in VERTEBRAE]
    assert all(above > below + 8.0 for above, below in pairwise(levels))
    for side in ("left", "right"):
        ribs = [centroid(scan, f"rib_{side}_{n}")[2] for n in range(1, 11)]
        assert all(above > below for above, below in pairwise(ribs))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("names", "low", "high"),
    [
        (("liver",), 800, 2500),
        (("kidney_left",), 70, 300),
        (("kidney_right",), 70, 300),
        (("spleen",), 60, 350),
        (("heart",), 220, 800),
        ([name for name in REQUIRED if name.startswith("lung_")], 2000, 7000),
        (("stomach",), 100, 800),
        (("colon",), 300, 1800),
        (("small_bowel",), 300, 1200),
        (("urinary_bladder",), 40, 500),
        (("pancreas",), 30, 150),
        (("aorta",), 80, 300),
        (("hip_left",), 120, 400),
        (("vertebrae_L3",), 18, 70),
        (("gluteus_maximus_left",), 200, 900),
    ],
)
def test_volumes_are_plausible(seed: int, names: tuple[str, ...], low: float, high: float) -> None:
    assert low <= millilitres(coarse(seed), *names) <= high


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("liver", 80, 130),
        ("spleen", 100, 145),
        ("kidney_left", 130, 215),
        ("pancreas", 70, 130),
        ("heart", 120, 260),
        ("aorta", 150, 320),
        ("inferior_vena_cava", 110, 190),
        ("portal_vein_and_splenic_vein", 105, 210),
        ("spinal_cord", 20, 80),
        ("urinary_bladder", 0, 45),
        ("lung_upper_lobe_left", -900, -700),
        ("lung_lower_lobe_right", -900, -700),
        ("vertebrae_L3", 220, 500),
        ("rib_left_6", 250, 650),
        ("hip_left", 220, 500),
        ("femur_left", 200, 450),
        ("costal_cartilages", 80, 170),
        ("gluteus_maximus_left", 40, 70),
        ("iliopsoas_right", 40, 75),
    ],
)
def test_tissues_have_their_hounsfield_units(seed: int, name: str, low: float, high: float) -> None:
    scan = coarse(seed)
    assert low <= scan.ct[mask(scan, name)].mean() <= high


def test_trachea_has_air_within_a_visible_wall() -> None:
    scan = coarse(0)
    inside = scan.ct[mask(scan, "trachea")]
    assert np.mean(inside < -800) > 0.1
    assert np.mean(inside > -150) > 0.1


def test_spacing_changes_the_sampling_and_not_the_patient() -> None:
    finer = phantom_scan(1, spacing_mm=2.5)
    for name in ("liver", "heart", "hip_left"):
        assert millilitres(finer, name) == pytest.approx(millilitres(coarse(1), name), rel=0.06)
        np.testing.assert_allclose(centroid(finer, name), centroid(coarse(1), name), atol=1.5)


@pytest.mark.parametrize(("seed", "spacing_mm"), [(-1, 1.5), (0, 0.0), (0, 25.0), (0, float("nan"))])
def test_bad_arguments_are_refused(seed: int, spacing_mm: float) -> None:
    with pytest.raises(InputError, match="phantom"):
        phantom_scan(seed, spacing_mm=spacing_mm)
