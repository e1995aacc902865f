"""Classes by task; `total` counts backwards, so that whoever goes by position is found out."""

from renderbench.scans.groups import LABELS

class_map = {
    "total": {118 - label.value: label.name for label in LABELS[1:118]},
    "heartchambers_highres": {6: "aorta", 7: "pulmonary_artery"},
    "coronary_arteries": {1: "coronary_arteries"},
}
