"""Descriptors: the shipped ones say what the datasets' authors and the paper say; bad ones are refused."""

from __future__ import annotations

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.scans.groups import GROUP_INDEX, LABELS, groups_of_labels
from renderbench.scans.sources.descriptors import label_value, load_descriptor, shipped_descriptors


def test_every_dataset_of_the_paper_is_described():
    assert shipped_descriptors() == ["ct-org", "ctpelvic1k", "totalsegmentator"]


def test_splits_and_filters_of_the_paper():
    totalsegmentator, ct_org, pelvic = map(load_descriptor, ("totalsegmentator", "ct-org", "ctpelvic1k"))
    assert totalsegmentator.published == {"train": 991, "test": 46}
    assert ct_org.splits.test == [f"volume-{number}" for number in range(2, 12)]
    assert pelvic.splits.first.count == 6
    for descriptor in (totalsegmentator, ct_org, pelvic):
        assert descriptor.filters.max_voxels == 48_000_000
        assert descriptor.filters.orthonormal


def test_editions_of_totalsegmentator():
    v2, v1 = load_descriptor("totalsegmentator").editions
    assert v2.values == {label.name: label.value for label in LABELS[1:118]}
    assert len(v1.values) == 104
    assert v1.values["pulmonary_artery"] == 119
    assert v1.values["heart_atrium_left"] == 51
    assert v1.values["face"] == 0


def test_coarse_masks_serve_their_group():
    values = load_descriptor("ct-org").label_values
    groups = groups_of_labels(np.array([values[number] for number in range(1, 7)], dtype=np.uint8))
    expected = ["liver", "kidney", "lung", "kidney", "skeleton", "nervous"]
    assert groups.tolist() == [GROUP_INDEX[name] for name in expected]


def test_a_name_that_no_label_has():
    with pytest.raises(ValueError, match="did you mean 'liver'"):
        label_value("livre")
    with pytest.raises(ValueError, match="did you mean 'group:lung'"):
        label_value("group:lungs")


GOOD = """
title = "x"
reference = "y"
[[layouts]]
ct = "**/{scan}/ct.nii.gz"
labels = "**/{scan}/labels.nii.gz"
[splits]
"""


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [
        ("title", "titel", "titel.*did you mean 'title'"),
        ('labels = "**/{scan}/labels.nii.gz"', "", "either labels or classes"),
        ("{scan}/ct", "scan/ct", r"expected \{scan\} in the pattern"),
        ("[splits]", "[values]\n1 = 'livre'\n[splits]", "found 'livre'; did you mean 'liver'"),
        ("[splits]", "[splits]\nfirst = { split = 'tset', count = 1 }", "found 'tset'"),
        ("[splits]", "[splits]\n[filters]\nmax_voxels = 5", "found 5"),
        ("[splits]", "[sided]\nvalues=[2,3]\nright='hip_rigth'\nleft='hip_left'\n[splits]", "hip_right"),
    ],
)
def test_bad_descriptors(tmp_path, old, new, match):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    load_descriptor(str(path))
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(InputError, match=match):
        load_descriptor(str(path))
