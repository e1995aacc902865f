import numpy as np
import pytest

import renderbench.scans.phantom.part as part
from renderbench.errors import InputError
from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.phantom.part import phantom_part


@pytest.fixture
def coarse(monkeypatch):
    """Whole bodies in a second: whatever is asked for is made at 6 mm."""

    def made(seed, *, extent="torso", spacing_mm=1.5):
        asked.append((extent, spacing_mm))
        return phantom_scan(seed, extent=extent, spacing_mm=6.0)

    asked: list[tuple[str, float]] = []
    monkeypatch.setattr(part, "phantom_scan", made)
    return asked


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize(("size", "low", "high"), [("part", 100.0, 270.0), ("detail", 50.0, 120.0)])
def test_a_part_is_a_box_of_the_person_with_bone_and_organs(coarse, seed, size, low, high):
    found = phantom_part(seed, size)
    extent, spacing_mm = coarse[0]
    assert (extent, spacing_mm) in (("torso", 1.5), ("body", 3.0))
    if extent == "body":
        assert found.grid.spacing_mm == pytest.approx([1.5] * 3)
    edges_mm = np.array(found.ct.shape) * found.grid.spacing_mm[::-1]
    assert (edges_mm >= low).all()
    assert (edges_mm <= high).all()
    groups = groups_of_labels(found.labels)
    for name, share in {"all": 0.25, "skeleton": 0.01, "organs": 0.03}.items():
        assert select_groups(name).mask(groups).mean() >= share
    whole = phantom_scan(seed, extent=extent, spacing_mm=6.0)
    middle = found.grid.world(np.array([[size // 2 for size in found.ct.shape[::-1]]], dtype=float))[0]
    inside = (middle - whole.grid.world_from_voxel[:3, 3]) / 6.0
    assert (inside > 0).all()
    assert (inside < whole.ct.shape[::-1]).all()
    # What the box shows is what the whole has there, to the smoothing of the resampling.
    k, j, i = np.rint(inside[::-1]).astype(int)
    there = whole.ct[k - 1 : k + 2, j - 1 : j + 2, i - 1 : i + 2].astype(float)
    here = found.ct[tuple(size // 2 for size in found.ct.shape)]
    low_hu, high_hu = ((there.min() + 1000) * 0.93 - 1000, (there.max() + 1000) * 1.01 - 1000)
    assert low_hu - 2 <= here <= high_hu + 2


def test_attenuation_is_scaled_by_one_factor_a_part(coarse, monkeypatch):
    monkeypatch.setattr(part, "_FACTORS", (1.0, 1.0))
    plain = [phantom_part(seed) for seed in range(3)]
    monkeypatch.undo()
    monkeypatch.setattr(
        part, "phantom_scan", lambda seed, **given: phantom_scan(seed, extent=given["extent"], spacing_mm=6.0)
    )
    factors = []
    for seed, expected in enumerate(plain):
        found = phantom_part(seed)
        np.testing.assert_array_equal(found.labels, expected.labels)
        dense = expected.ct > -500
        ratios = (found.ct[dense] + 1000.0) / (expected.ct[dense] + 1000.0)
        factors.append(float(np.median(ratios)))
        assert np.abs(ratios - factors[-1]).max() < 3e-3
    assert 0.93 <= min(factors) < max(factors) - 0.01 < 1.0


def test_the_same_seed_is_the_same_part_and_another_is_not(coarse):
    first, again, other = phantom_part(3), phantom_part(3), phantom_part(4)
    np.testing.assert_array_equal(first.ct, again.ct)
    np.testing.assert_array_equal(first.grid.world_from_voxel, again.grid.world_from_voxel)
    assert first.ct.shape != other.ct.shape


def test_both_kinds_of_scanner_occur(coarse):
    for seed in range(6):
        phantom_part(seed)
    assert set(coarse) == {("torso", 1.5), ("body", 3.0)}


def test_a_negative_seed_is_one_line():
    with pytest.raises(InputError, match=r"phantom seed -1: must not be negative"):
        phantom_part(-1)
