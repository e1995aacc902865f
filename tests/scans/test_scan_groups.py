"""Tables 3 and 4 of the paper, transcribed by hand in another layout than the file's."""

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.scans.groups import GROUP_INDEX, GROUPS, LABELS, groups_of_labels, select_groups

GROUP_LABELS = {
    ("background", "Background/Other"): "0",
    ("spleen", "Spleen"): "1",
    ("liver", "Liver"): "5",
    ("digestive", "Digestive Group"): "4 6 7 15 18 19 20",
    ("gland", "Gland Group"): "8 9 17",
    ("lung", "Lung Group"): "10-14",
    ("trachea", "Trachea"): "16",
    ("skeleton", "Skeleton Group"): "25-50 69-78 91-117",
    ("cardiovascular", "CardioVascular Group (Heart & Vessels)"): "51-68 118 119",
    ("nervous", "Nervous System Group (Brain, Spinal Cord)"): "79 90",
    ("muscle", "Muscle Group"): "80-89",
    ("kidney", "Kidney/Urogenital Group"): "2 3 21-24",
}

ORGANS = (
    "spleen kidney_right kidney_left gallbladder liver stomach pancreas adrenal_gland_right "
    "adrenal_gland_left lung_upper_lobe_left lung_lower_lobe_left lung_upper_lobe_right "
    "lung_middle_lobe_right lung_lower_lobe_right esophagus trachea thyroid_gland small_bowel duodenum "
    "colon urinary_bladder prostate kidney_cyst_left kidney_cyst_right"
)
VERTEBRAE = "S1 L5 L4 L3 L2 L1 T12 T11 T10 T9 T8 T7 T6 T5 T4 T3 T2 T1 C7 C6 C5 C4 C3 C2 C1"
VESSELS = (
    "heart aorta pulmonary_vein brachiocephalic_trunk subclavian_artery_right subclavian_artery_left "
    "common_carotid_artery_right common_carotid_artery_left brachiocephalic_vein_left "
    "brachiocephalic_vein_right atrial_appendage_left superior_vena_cava inferior_vena_cava "
    "portal_vein_and_splenic_vein iliac_artery_left iliac_artery_right iliac_vena_left iliac_vena_right"
)
LIMBS = "humerus scapula clavicula femur hip"
MUSCLES = "gluteus_maximus gluteus_medius gluteus_minimus autochthon iliopsoas"


def paper_names() -> list[str]:
    def sides(names: str) -> list[str]:
        return [f"{name}_{side}" for name in names.split() for side in ("left", "right")]

    return [
        "Background/Other",
        *ORGANS.split(),
        "sacrum",
        *(f"vertebrae_{name}" for name in VERTEBRAE.split()),
        *VESSELS.split(),
        *sides(LIMBS),
        "spinal_cord",
        *sides(MUSCLES),
        "brain",
        "skull",
        *(f"rib_{side}_{number}" for side in ("left", "right") for number in range(1, 13)),
        "sternum",
        "costal_cartilages",
        "Coronary Arteries (User-defined)",
        "Pulmonary Artery (User-defined)",
    ]


def expanded(ranges: str) -> list[int]:
    values = []
    for part in ranges.split():
        first, _, last = part.partition("-")
        values += range(int(first), int(last or first) + 1)
    return values


def test_all_120_labels_have_the_papers_name():
    assert [label.value for label in LABELS] == list(range(120))
    assert [label.name for label in LABELS] == paper_names()


def test_all_120_labels_have_the_papers_group():
    assert [(group.id, group.name) for group in GROUPS] == list(GROUP_LABELS)
    assert [group.index for group in GROUPS] == list(range(12))
    for index, ranges in enumerate(GROUP_LABELS.values()):
        values = np.array(expanded(ranges), dtype=np.uint8)
        assert (groups_of_labels(values) == index).all()
    assert sorted(value for ranges in GROUP_LABELS.values() for value in expanded(ranges)) == list(range(120))


def test_groups_of_a_volume_keep_its_shape():
    labels = np.arange(120, dtype=np.uint8).reshape(4, 5, 6)
    groups = groups_of_labels(labels)
    assert groups.dtype == np.uint8
    assert groups.shape == labels.shape
    assert groups[0, 0, 5] == GROUP_INDEX["liver"]


@pytest.mark.parametrize(
    ("selection", "name", "indices"),
    [
        ("all", "all", range(1, 12)),
        ("skeleton", "skeleton", [7]),
        ("organs", "organs", [1, 2, 3, 4, 5, 6, 8, 9, 11]),
        ("liver", "liver", [2]),
        (["spleen", "liver"], "liver+spleen", [1, 2]),
        (["liver", "spleen", "liver"], "liver+spleen", [1, 2]),
        ("spleen+liver", "liver+spleen", [1, 2]),
        (["organs", "muscle", "skeleton"], "all", range(1, 12)),
    ],
)
def test_selections(selection, name, indices):
    chosen = select_groups(selection)
    assert chosen.name == name
    assert chosen.indices == tuple(indices)
    assert select_groups(chosen.name) == chosen


def test_a_selection_masks_the_groups_it_does_not_show():
    groups = np.array([[0, 7], [2, 7]], dtype=np.uint8)
    assert select_groups("skeleton").mask(groups).tolist() == [[False, True], [False, True]]


@pytest.mark.parametrize("selection", ["skeletn", ["liver", "skeletn"]])
def test_an_unknown_group_is_answered_with_the_nearest(selection):
    with pytest.raises(InputError, match="did you mean 'skeleton'"):
        select_groups(selection)


@pytest.mark.parametrize("selection", [[], "", "brain tumour"])
def test_nothing_and_nonsense_are_refused(selection):
    with pytest.raises(InputError, match="expected"):
        select_groups(selection)
