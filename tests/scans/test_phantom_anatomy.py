"""The phantom's anatomy: which labels there are, how large they are, and where."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from phantom_anatomy import (
    ABOVE_THE_TORSO,
    EVERYBODYS,
    OPTIONAL,
    SEEDS,
    VALUES,
    centroid,
    coarse,
    found,
    largest_share,
    mask,
    millilitres,
)
from scipy.ndimage import binary_fill_holes, label

from renderbench.scans.phantom import phantom_scan
from renderbench.scans.phantom.body import VERTEBRAE, Body

COLUMN = [f"vertebrae_{name}" for name in (*VERTEBRAE, "S1")]
PAIRS = [
    (name, name.replace("left", "right"))
    for name in EVERYBODYS
    if "left" in name and name.replace("left", "right") in VALUES
]

# Plausible volumes in mL of what the scan shows, from a small woman to a large man. Reference adults: ICRP
# Publication 89, Basic anatomical and physiological data (2002), masses of organs, widened by about a half
# either way; spleen: Prassopoulos et al., Eur Radiol 7 (1997) 246, 107 to 315 mL. Lungs are those of a breath
# held in CT; of bones and muscles the reference gives totals only, so that single ones are our estimate.
VOLUMES = [
    (("brain",), 1000, 1650),
    (("skull",), 450, 950),
    (("thyroid_gland",), 8, 35),
    (("trachea",), 30, 90),
    (("esophagus",), 20, 60),
    (tuple(name for name in EVERYBODYS if name.startswith("lung_")), 2300, 7000),
    (("lung_middle_lobe_right",), 150, 700),
    (("heart",), 300, 850),
    (("aorta",), 100, 330),
    (("inferior_vena_cava",), 50, 160),
    (("superior_vena_cava",), 8, 30),
    (("Pulmonary Artery (User-defined)",), 40, 130),
    (("Coronary Arteries (User-defined)",), 1, 8),
    (("liver",), 1000, 2500),
    (("spleen",), 90, 350),
    (("gallbladder",), 8, 70),
    (("pancreas",), 40, 140),
    (("adrenal_gland_left",), 1, 7),
    (("adrenal_gland_right",), 1, 7),
    (("kidney_left",), 90, 260),
    (("kidney_right",), 90, 260),
    (("stomach",), 120, 700),
    (("duodenum",), 35, 140),
    (("small_bowel",), 350, 1300),
    (("colon",), 350, 1500),
    (("urinary_bladder",), 30, 400),
    (("spinal_cord",), 40, 110),
    (("vertebrae_L3",), 22, 75),
    (("vertebrae_T6",), 10, 35),
    (("vertebrae_C5",), 5, 20),
    (("rib_left_6",), 10, 32),
    (("rib_right_1",), 3, 14),
    (("sternum",), 25, 100),
    (("costal_cartilages",), 40, 160),
    (("clavicula_left",), 12, 45),
    (("scapula_right",), 35, 120),
    (("sacrum",), 90, 260),
    (("hip_left",), 200, 480),
    (("femur_right",), 130, 330),
    (("gluteus_maximus_left",), 350, 1100),
    (("gluteus_medius_right",), 200, 520),
    (("gluteus_minimus_left",), 40, 160),
    (("iliopsoas_left",), 180, 560),
    (("autochthon_right",), 300, 950),
]

# What is one piece in a person, and how much of it the largest piece holds at 3 mm.
WHOLE = [
    *("brain", "skull", "heart", "aorta", "inferior_vena_cava", "superior_vena_cava", "trachea", "esophagus"),
    *("liver", "spleen", "pancreas", "gallbladder", "stomach", "duodenum", "colon", "urinary_bladder"),
    *("kidney_left", "kidney_right", "thyroid_gland", "spinal_cord", "sternum", "sacrum"),
    *(name for pair in PAIRS for name in pair if not name.startswith(("adrenal", "common_carotid"))),
    *COLUMN,
]


@pytest.mark.parametrize("seed", SEEDS)
def test_body_has_every_label_that_everybody_has(seed: int) -> None:
    names = found(coarse(seed))
    assert names >= set(EVERYBODYS)
    assert len(EVERYBODYS) == 116
    assert ("prostate" in names) != Body.drawn(seed).female


@pytest.mark.parametrize("seed", SEEDS)
def test_torso_lacks_head_and_neck_alone(seed: int) -> None:
    names = found(coarse(seed, "torso"))
    assert set(VALUES) - names - {"Background/Other"} - OPTIONAL == ABOVE_THE_TORSO
    published = [name for name in names if VALUES[name] <= 117]
    assert len(published) >= 100
    assert {"Coronary Arteries (User-defined)", "Pulmonary Artery (User-defined)"} <= names


def test_some_kidneys_have_cysts_beside_them() -> None:
    assert found(phantom_scan(2, spacing_mm=5.0)) >= OPTIONAL
    assert "kidney_cyst_left" not in found(coarse(1))
    scan = coarse(6)
    assert 1 <= millilitres(scan, "kidney_cyst_left") <= 80
    distance = np.linalg.norm(centroid(scan, "kidney_cyst_left") - centroid(scan, "kidney_left"))
    assert distance < 70.0


@pytest.mark.parametrize("seed", SEEDS)
def test_volumes_are_plausible(seed: int) -> None:
    scan = coarse(seed)
    measured = {names[0]: (millilitres(scan, *names), low, high) for names, low, high in VOLUMES}
    assert {name: row for name, row in measured.items() if not row[1] <= row[0] <= row[2]} == {}


@pytest.mark.parametrize("seed", SEEDS)
def test_left_is_at_larger_x(seed: int) -> None:
    scan = coarse(seed)
    assert len(PAIRS) == 31
    wrong = [pair for pair in PAIRS if centroid(scan, pair[0])[0] < centroid(scan, pair[1])[0] + 5.0]
    assert wrong == []
    middle = centroid(scan, "vertebrae_T6")[0]
    for name in VALUES:
        if name.startswith("lung_"):
            assert (centroid(scan, name)[0] > middle) == name.endswith("left")


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_lie_where_they_belong(seed: int) -> None:
    scan = coarse(seed)
    at = {name: centroid(scan, name) for name in EVERYBODYS}
    x, y, z = 0, 1, 2
    spine = at["vertebrae_L1"]
    assert at["liver"][x] < spine[x] < at["spleen"][x]
    assert at["liver"][x] < at["stomach"][x]
    assert at["inferior_vena_cava"][x] < at["aorta"][x]
    assert at["heart"][x] > at["vertebrae_T8"][x]
    assert at["gallbladder"][x] < spine[x]
    assert at["sternum"][y] < at["heart"][y] < at["vertebrae_T8"][y]
    assert at["trachea"][y] < at["esophagus"][y]
    assert at["autochthon_left"][y] > at["vertebrae_L3"][y]
    assert at["urinary_bladder"][y] < at["sacrum"][y]
    heights = ["brain", "skull", "thyroid_gland", "heart", "liver", "small_bowel", "urinary_bladder"]
    assert sorted(heights, key=lambda name: -at[name][z]) == heights
    lobes = ["lung_upper_lobe_right", "lung_middle_lobe_right", "lung_lower_lobe_right"]
    assert at[lobes[0]][z] > at[lobes[1]][z]
    assert at[lobes[1]][y] < at[lobes[2]][y]
    if not Body.drawn(seed).female:
        assert centroid(scan, "prostate")[z] < at["urinary_bladder"][z]


@pytest.mark.parametrize("seed", SEEDS)
def test_vertebrae_and_ribs_are_in_order(seed: int) -> None:
    scan = coarse(seed)
    levels = [centroid(scan, name)[2] for name in COLUMN]
    assert all(above > below + 6.0 for above, below in pairwise(levels))
    for side in ("left", "right"):
        ribs = [centroid(scan, f"rib_{side}_{n}")[2] for n in range(1, 13)]
        assert all(above > below for above, below in pairwise(ribs[:10]))
        assert max(ribs[10:]) < ribs[7]


@pytest.mark.parametrize("seed", SEEDS)
def test_nothing_floats_outside_the_body(seed: int) -> None:
    scan = coarse(seed)
    pieces, _ = label(scan.ct > -300)
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    body = np.stack([binary_fill_holes(section) for section in largest])
    assert not body[0, 0].any()
    assert np.count_nonzero((scan.labels > 0) & ~body) == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_organs_are_in_one_piece(seed: int) -> None:
    scan = coarse(seed)
    share = {name: largest_share(scan, name) for name in WHOLE}
    assert {name: round(part, 3) for name, part in share.items() if part < 0.96} == {}


def test_vertebrae_have_processes_around_the_cord() -> None:
    scan = coarse(3)
    cord = mask(scan, "spinal_cord")
    for name in ("vertebrae_C4", "vertebrae_T6", "vertebrae_L3"):
        bone = mask(scan, name)
        section = int(np.median(np.nonzero(bone)[0]))
        canal = np.argwhere(cord[section]).mean(axis=0)
        places = np.argwhere(bone.any(axis=0))
        assert places[:, 0].min() < canal[0] - 3
        assert places[:, 0].max() > canal[0] + 3
        assert np.ptp(places[:, 1]) * 3.0 > 42.0


@pytest.mark.slow
def test_nothing_is_missing_on_the_working_grid() -> None:
    scan = phantom_scan(2, extent="body")
    names = found(scan)
    assert names >= set(EVERYBODYS)
    depth, height, width = scan.grid.shape
    assert width <= 257
    assert height <= 194
    assert 600 <= depth <= 740
    assert min(int(mask(scan, name).sum()) for name in EVERYBODYS) >= 250
