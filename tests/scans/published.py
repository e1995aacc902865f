"""Raw data in the exact layout of each public dataset, made from any scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from renderbench.scans.groups import GROUP_INDEX, LABELS, groups_of_labels
from renderbench.scans.volume import Scan

V1_HEART = (
    "heart_myocardium",
    "heart_atrium_left",
    "heart_ventricle_left",
    "heart_atrium_right",
    "heart_ventricle_right",
)
V1_LACKS = {
    "atrial_appendage_left", "brachiocephalic_trunk", "brachiocephalic_vein_left",
    "brachiocephalic_vein_right", "common_carotid_artery_left", "common_carotid_artery_right",
    "costal_cartilages", "heart", "kidney_cyst_left", "kidney_cyst_right", "prostate", "pulmonary_vein",
    "skull", "spinal_cord", "sternum", "subclavian_artery_left", "subclavian_artery_right",
    "superior_vena_cava", "thyroid_gland", "vertebrae_S1",
}  # fmt: skip


def write(path: Path, values: NDArray, scan: Scan) -> None:
    """Write values on a scan's grid, in the format that the path's ending names."""
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(scan.grid.spacing_mm.tolist())
    image.SetOrigin(scan.grid.world_from_voxel[:3, 3].tolist())
    image.SetDirection(scan.grid.direction.ravel().tolist())
    path.parent.mkdir(parents=True, exist_ok=True)
    # TotalSegmentator, CT-ORG and CTPelvic1K all store their axes in other orders than ours.
    sitk.WriteImage(sitk.DICOMOrient(image, "RAS"), str(path))


def totalsegmentator(raw: Path, scans: Mapping[str, tuple[Scan, str]], *, edition: str = "v2") -> Path:
    """``sNNNN/ct.nii.gz``, one mask a class, and ``meta.csv``; ``scans`` gives each its split."""
    rows = ["\ufeffimage_id;age;gender;institute;study_type;split"]
    for name, (scan, split) in scans.items():
        write(raw / name / "ct.nii.gz", scan.ct, scan)
        for label, mask in _classes(scan, edition):
            write(raw / name / "segmentations" / f"{label}.nii.gz", mask.astype(np.uint8), scan)
        rows.append(f"{name};62;m;A;ct abdomen;{split}")
    (raw / "meta.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return raw


def _classes(scan: Scan, edition: str) -> list[tuple[str, NDArray]]:
    if edition == "v2":
        return [(label.name, scan.labels == label.value) for label in LABELS[1:118]]
    classes = [
        (label.name, scan.labels == label.value) for label in LABELS[1:118] if label.name not in V1_LACKS
    ]
    heart = scan.labels == value_of("heart")
    part = np.cumsum(heart, axis=0) % len(V1_HEART)
    classes += [(name, heart & (part == index)) for index, name in enumerate(V1_HEART)]
    classes.append(("pulmonary_artery", scan.labels == 119))
    face = np.zeros_like(heart)
    face[0, 0, 0] = True
    return [*classes, ("face", face)]


def ct_org(raw: Path, scans: Sequence[Scan]) -> Path:
    """``volume-N.nii.gz`` and ``labels-N.nii.gz``: liver, bladder, lungs, kidneys, bone, brain."""
    for index, scan in enumerate(scans):
        groups = groups_of_labels(scan.labels)
        organs = np.zeros_like(scan.labels)
        organs[groups == GROUP_INDEX["liver"]] = 1
        organs[scan.labels == value_of("urinary_bladder")] = 2
        organs[groups == GROUP_INDEX["lung"]] = 3
        organs[np.isin(scan.labels, [value_of("kidney_left"), value_of("kidney_right")])] = 4
        organs[groups == GROUP_INDEX["skeleton"]] = 5
        organs[scan.labels == value_of("brain")] = 6
        write(raw / "OrganSegmentations" / f"volume-{index}.nii.gz", scan.ct, scan)
        write(raw / "OrganSegmentations" / f"labels-{index}.nii.gz", organs, scan)
    return raw


def ctpelvic1k(raw: Path, scans: Sequence[Scan]) -> Path:
    """Dataset 6: data and masks in folders of their own; and one scan of dataset 7."""
    for index, scan in enumerate(scans, start=1):
        bones = np.zeros_like(scan.labels)
        bones[np.isin(scan.labels, [value_of("sacrum"), value_of("vertebrae_S1")])] = 1
        bones[scan.labels == value_of("hip_right")] = 2
        bones[scan.labels == value_of("hip_left")] = 3
        bones[np.isin(scan.labels, [value_of(f"vertebrae_L{level}") for level in range(1, 6)])] = 4
        name = f"CLINIC_{index:04d}"
        write(raw / "CTPelvic1K_dataset6_data" / f"dataset6_{name}_data.nii.gz", scan.ct, scan)
        masks = raw / "ipcai2021_dataset6_Anonymized"
        write(masks / f"dataset6_{name}_mask_4label.nii.gz", bones, scan)
        if index == 1:
            metal = "CLINIC_metal_0001"
            write(raw / "CTPelvic1K_dataset7_data" / f"dataset7_{metal}_data.nii.gz", scan.ct, scan)
            write(raw / "CTPelvic1K_dataset7_mask" / f"{metal}_mask_4label.nii.gz", bones, scan)
    return raw


def value_of(name: str) -> int:
    """The value of a label."""
    return next(label.value for label in LABELS if label.name == name)
