"""Finding scans by the patterns of a descriptor: every dataset's layout, and what can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from renderbench.errors import InputError
from renderbench.scans.groups import LABELS
from renderbench.scans.raw import ClassFiles, LabelFile
from renderbench.scans.sources.descriptors import load_descriptor
from renderbench.scans.sources.layouts import find_described, natural


def touch(raw: Path, *paths: str) -> None:
    for path in paths:
        (raw / path).parent.mkdir(parents=True, exist_ok=True)
        (raw / path).touch()


def find(name: str, raw: Path):
    return find_described(load_descriptor(name), raw)


def totalsegmentator(raw: Path, *scans: str, table: str = "") -> None:
    for scan in scans:
        touch(
            raw,
            f"{scan}/ct.nii.gz",
            *(f"{scan}/segmentations/{label.name}.nii.gz" for label in LABELS[1:118]),
        )
    rows = table or "\n".join(["image_id;split", *(f"{scan};train" for scan in scans)])
    (raw / "meta.csv").write_text("\ufeff" + rows + "\n", encoding="utf-8")


def test_totalsegmentator(tmp_path):
    totalsegmentator(tmp_path, "s0000", "s0011", table="image_id;age;split\ns0000;60;test\ns0011;61;val")
    scans, faults = find("totalsegmentator", tmp_path)
    assert not faults
    assert [(scan.name, scan.split) for scan in scans] == [("s0000", "test"), ("s0011", "val")]
    assert isinstance(scans[0].masks, ClassFiles)
    assert len(scans[0].masks.files) == 117
    assert scans[0].masks.values["costal_cartilages"] == 117


def test_ct_org_in_natural_order_with_its_test_volumes(tmp_path):
    for number in range(14):
        touch(tmp_path, f"a/volume-{number}.nii.gz", f"b/labels-{number}.nii.gz")
    scans, faults = find("ct-org", tmp_path)
    assert not faults
    assert [scan.name for scan in scans] == [f"volume-{number}" for number in range(14)]
    assert [scan.name for scan in scans if scan.split == "test"] == [f"volume-{n}" for n in range(2, 12)]
    assert {scan.split for scan in scans} == {"test", "unused"}
    assert isinstance(scans[3].masks, LabelFile)
    assert scans[3].masks.path == tmp_path / "b/labels-3.nii.gz"


def test_ctpelvic1k_with_both_its_datasets(tmp_path):
    for number in range(1, 9):
        touch(tmp_path, f"d6/dataset6_CLINIC_{number:04d}_data.nii.gz")
        touch(tmp_path, f"m6/dataset6_CLINIC_{number:04d}_mask_4label.nii.gz")
    touch(tmp_path, "d7/dataset7_CLINIC_metal_0000_data.nii.gz", "m7/CLINIC_metal_0000_mask_4label.nii.gz")
    scans, faults = find("ctpelvic1k", tmp_path)
    assert not faults
    assert [scan.name for scan in scans if scan.split == "test"] == [
        f"dataset6_CLINIC_{number:04d}" for number in range(1, 7)
    ]
    assert scans[-1].name == "dataset7_CLINIC_metal_0000"
    assert scans[-1].masks.path.name == "CLINIC_metal_0000_mask_4label.nii.gz"
    assert scans[-1].masks.sided == ((2, 3), (78, 77))


def test_a_scan_without_its_masks_is_found_and_masks_without_their_ct_are_a_fault(tmp_path):
    touch(tmp_path, "volume-1.nii.gz", "volume-2.nii.gz", "labels-2.nii.gz", "labels-7.nii.gz")
    scans, faults = find("ct-org", tmp_path)
    assert [(scan.name, scan.masks is None) for scan in scans] == [("volume-1", True), ("volume-2", False)]
    assert "scan volume-7: expected its CT (volume-7.nii.gz)" in str(faults[0])


def test_a_scan_that_is_there_twice(tmp_path):
    touch(tmp_path, "a/volume-1.nii.gz", "b/volume-1.nii.gz", "labels-1.nii.gz", "volume-2.nii.gz")
    scans, faults = find("ct-org", tmp_path)
    assert [scan.name for scan in scans] == ["volume-2"]
    assert "expected one CT, found 2" in str(faults[0])


def test_labels_that_are_there_twice(tmp_path):
    touch(tmp_path, "volume-1.nii.gz", "a/labels-1.nii.gz", "b/labels-1.nii.gz")
    assert "expected one file of labels a scan" in str(find("ct-org", tmp_path)[1][0])


def test_a_class_that_is_missing_or_strange(tmp_path):
    totalsegmentator(tmp_path, "s0000", "s0001")
    (tmp_path / "s0000/segmentations/liver.nii.gz").unlink()
    touch(tmp_path, "s0001/segmentations/livre.nii.gz")
    scans, faults = find("totalsegmentator", tmp_path)
    assert not scans
    assert "expected the 117 classes of v2, found 116; 1 missing: liver" in str(faults[0])
    assert "found another by the name 'livre'; did you mean 'liver'?" in str(faults[1])


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ("image_id;sex\ns0000;f", "expected a column 'split', found image_id, sex"),
        (
            "image_id;split\ns0000;trian",
            "meta.csv: line 2: expected one of train, val, test, unused as split",
        ),
        ("image_id;split\ns0000;test\ns0000;train", "line 3: expected every scan once"),
        ("", "expected a column"),
    ],
)
def test_a_bad_table(tmp_path, table, match):
    totalsegmentator(tmp_path, "s0000", table=table or " ")
    with pytest.raises(InputError, match=match):
        find("totalsegmentator", tmp_path)


def test_a_scan_without_a_row(tmp_path):
    totalsegmentator(tmp_path, "s0000", "s0001", table="image_id;split\ns0001;test")
    scans, faults = find("totalsegmentator", tmp_path)
    assert [scan.name for scan in scans] == ["s0001"]
    assert "scan s0000: expected a row in meta.csv" in str(faults[0])


def test_no_table(tmp_path):
    totalsegmentator(tmp_path, "s0000")
    (tmp_path / "meta.csv").unlink()
    with pytest.raises(InputError, match=r"expected one meta\.csv with the splits, found 0"):
        find("totalsegmentator", tmp_path)


def test_another_folder(tmp_path):
    touch(tmp_path, "readme.txt")
    with pytest.raises(InputError, match=r"expected CT-ORG: volume-SCAN\.nii\.gz; found no such file"):
        find("ct-org", tmp_path)
    with pytest.raises(InputError, match="expected a folder, found nothing"):
        find("ct-org", tmp_path / "absent")


def test_natural_order():
    assert sorted(["b10", "b9", "a", "b1c"], key=natural) == ["a", "b1c", "b9", "b10"]
