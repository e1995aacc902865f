"""What the phantom's tissues look like in CT: Hounsfield units by phase, walls, gas and texture."""

from __future__ import annotations

import numpy as np
import pytest
from phantom_anatomy import SEEDS, coarse, mask
from scipy.ndimage import binary_erosion

from renderbench.scans.phantom.body import Body
from renderbench.scans.phantom.tissue import PHASES, Contrast

# Mean HU over a whole structure, in any phase.
TISSUES = [
    ("spinal_cord", 25, 50),
    ("brain", 25, 42),
    ("skull", 650, 1150),
    ("urinary_bladder", 0, 45),
    ("gallbladder", 5, 50),
    ("lung_upper_lobe_left", -900, -760),
    ("lung_lower_lobe_right", -900, -760),
    ("vertebrae_L3", 250, 480),
    ("vertebrae_C4", 330, 600),
    ("rib_left_6", 350, 640),
    ("hip_left", 240, 460),
    ("femur_left", 280, 520),
    ("costal_cartilages", 80, 170),
    ("gluteus_maximus_left", 40, 70),
    ("iliopsoas_right", 40, 70),
    ("autochthon_left", 40, 70),
]

# The same of what the contrast agent reaches.
PHASE_TISSUES = {
    "native": [
        *(("aorta", 30, 55), ("inferior_vena_cava", 30, 55), ("heart", 30, 55), ("liver", 25, 70)),
        *(("spleen", 38, 60), ("kidney_left", 20, 45), ("pancreas", 25, 55), ("thyroid_gland", 80, 125)),
    ],
    "arterial": [
        *(("aorta", 220, 380), ("inferior_vena_cava", 80, 170), ("heart", 140, 260), ("liver", 45, 105)),
        *(("spleen", 95, 150), ("kidney_left", 120, 200), ("pancreas", 80, 130)),
    ],
    "portal venous": [
        *(("aorta", 130, 225), ("inferior_vena_cava", 115, 180), ("heart", 105, 190), ("liver", 70, 130)),
        *(("spleen", 95, 150), ("kidney_left", 140, 225), ("pancreas", 70, 125)),
        ("portal_vein_and_splenic_vein", 125, 210),
    ],
}


def phase_of(seed: int) -> str:
    return Contrast.drawn(Body.drawn(seed)).phase


def test_the_seeds_under_test_show_every_phase() -> None:
    assert {phase_of(seed) for seed in SEEDS} == set(PHASES)


@pytest.mark.parametrize("seed", SEEDS)
def test_tissues_have_their_hounsfield_units(seed: int) -> None:
    scan = coarse(seed)
    rows = TISSUES + PHASE_TISSUES[phase_of(seed)]
    means = {name: (float(scan.ct[mask(scan, name)].mean()), low, high) for name, low, high in rows}
    assert {name: row for name, row in means.items() if not row[1] <= row[0] <= row[2]} == {}


def test_enhancement_follows_the_phase() -> None:
    drawn = [Contrast.drawn(Body.drawn(seed)) for seed in range(60)]
    assert {contrast.phase for contrast in drawn} == set(PHASES)
    for contrast in drawn:
        if contrast.phase == "native":
            assert contrast.aorta == contrast.veins == contrast.portal
            assert contrast.renal_cortex == contrast.renal_medulla
        elif contrast.phase == "arterial":
            assert contrast.aorta > contrast.portal
            assert contrast.renal_cortex > contrast.renal_medulla + 45.0
            assert contrast.liver < contrast.spleen
        else:
            assert contrast.aorta < contrast.veins + 50.0
            assert contrast.renal_cortex < contrast.renal_medulla + 45.0


def test_trachea_has_air_within_a_visible_wall() -> None:
    inside = coarse(3).ct[mask(coarse(3), "trachea")]
    assert np.mean(inside < -800) > 0.1
    assert np.mean(inside > -150) > 0.1


def test_bowels_hold_gas_and_contents() -> None:
    gas = []
    for seed in SEEDS:
        inside = coarse(seed).ct[mask(coarse(seed), "colon")]
        assert np.mean(inside > 0) > 0.3
        gas.append(float(np.mean(inside < -600)))
    assert max(gas) > 0.08
    assert max(gas) > 1.5 * min(gas)


def test_brain_is_folded_and_bone_is_a_shell() -> None:
    scan = coarse(3)
    brain = mask(scan, "brain")
    # A smooth solid of its size loses far less under one erosion than a folded one.
    smooth_loss = 4.84 * brain.sum() ** (2 / 3) / brain.sum()
    assert 1.0 - binary_erosion(brain).sum() / brain.sum() > 1.6 * smooth_loss
    bone = mask(scan, "femur_left")
    shaft = bone & (np.arange(bone.shape[0]) < 12)[:, None, None]
    core = binary_erosion(shaft, np.ones((1, 3, 3)), iterations=3)
    assert scan.ct[core].mean() < 250.0
    assert scan.ct[shaft & ~core].mean() > 500.0


def test_tissue_is_textured_and_noisy() -> None:
    liver = binary_erosion(mask(coarse(1), "liver"), iterations=3)
    assert 8.0 < coarse(1).ct[liver].std() < 40.0
