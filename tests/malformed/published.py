"""Malformed downloads: what can be wrong in the layout of each public dataset."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from renderbench.scans.volume import Grid, Scan
from tests.malformed.case import GOOD, Bad, Edit, Group, as_folder, as_pipe, content, linked_to
from tests.malformed.nifti import SROW_X, patched
from tests.scans.published import ctpelvic1k, totalsegmentator, write
from tests.scans.scan_images import small_ct, small_labels, write_image

GRID = Grid(
    shape=small_ct().shape,
    world_from_voxel=np.array([[2.0, 0, 0, 10], [0, 2, 0, -20], [0, 0, 3, 30], [0, 0, 0, 1]]),
)
SCAN = Scan(name="scan", ct=small_ct(), labels=small_labels(), grid=GRID)
LIVER = (small_labels() == 5).astype(np.uint8)
FAR_TOO_LARGE: Edit = lambda path: write_image(path, small_ct(), spacing=(40, 40, 60))  # noqa: E731
SHEARED = patched("f", SROW_X + 4, 0.062)


def mask(values: np.ndarray) -> Edit:
    return lambda path: write(path, values, SCAN)


def removed(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


# TotalSegmentator: a folder a scan, a mask a class, a table.


def total(file: str, edit: Edit, *words: str, kind: str = "input") -> Bad:
    """A scan, copied from the sound one, with a file or folder of it spoilt."""

    def make(folder: Path) -> None:
        shutil.copytree(folder.parent / GOOD[0], folder)
        edit(folder / file)

    return Bad(make=make, words=words, kind=kind)  # type: ignore[arg-type]


def nested(folder: Path) -> None:
    """Unpacked twice, once inside the other."""
    shutil.copytree(folder.parent / GOOD[0], folder)
    shutil.copytree(folder, folder.parent / "again" / folder.name)


TOTALSEGMENTATOR: Group = {
    "s0001": total("ct.nii.gz", content(lambda raw: raw[:3000]), "s0001/ct.nii.gz: ", "truncated"),
    "s0002": total("ct.nii.gz", removed, "scan s0002: expected its CT (s0002/ct.nii.gz) beside its masks"),
    "s0003": total("segmentations", removed, "scan s0003: expected masks, found none"),
    "s0004": total("segmentations/liver.nii.gz", removed, "117 classes of v2, found 116; 1 missing: liver"),
    "s0005": total("segmentations/livre.nii.gz", mask(LIVER), "by the name 'livre'; did you mean 'liver'?"),
    "s0006": total("segmentations/liver.nii.gz", mask(LIVER * 255), "0 and 1, found values up to 255"),
    "s0007": total("segmentations/lung_upper_lobe_left.nii.gz", mask(LIVER), "do not overlap", "120 voxels"),
    "s0008": total("segmentations/liver.nii.gz", as_folder, "liver.nii.gz: expected a file, found a folder"),
    "s0009": total("segmentations/liver.nii.gz", as_pipe, "liver.nii.gz: expected a file, found a pipe"),
    "s0010": total("segmentations/liver.nii.gz", linked_to("nowhere"), "found a link to nothing"),
    "s0011": total("ct.nii.gz", as_pipe, "s0011/ct.nii.gz: expected a file, found a pipe"),
    "s0012": total("ct.nii.gz", as_folder, "s0012/ct.nii.gz: expected a file, found a folder"),
    "s0013": total("ct.nii.gz", linked_to("/dev/zero"), "ct.nii.gz: expected a file, found a device"),
    "s0014": total("ct.nii.gz", SHEARED, "direction is not orthonormal", kind="filter"),
    "s0015": total("ct.nii.gz", FAR_TOO_LARGE, "at most 48 million voxels", kind="filter"),
    "s0016": Bad(make=nested, words=("scan s0016: expected one CT, found 2", "again/s0016/ct.nii.gz")),
    "s0017": total("ct.nii.gz", lambda path: None, "scan s0017: expected a row in meta.csv, found none"),
    "s 18": total("ct.nii.gz", lambda path: None, "scan 's 18': expected letters"),
    "²": total("ct.nii.gz", lambda path: None, "scan '²': expected letters"),
    "s\n19": total("ct.nii.gz", lambda path: None, r"scan 's\n19': expected letters"),
}  # fmt: skip
for quoted in ("s 18", "²", "s\n19"):
    TOTALSEGMENTATOR[quoted] = Bad(
        make=TOTALSEGMENTATOR[quoted].make, words=TOTALSEGMENTATOR[quoted].words, name=repr(quoted)
    )
WITHOUT_A_ROW = "s0017"


def sound_totalsegmentator(raw: Path) -> None:
    totalsegmentator(raw, {GOOD[0]: (SCAN, "train")})
    shutil.copytree(raw / GOOD[0], raw / GOOD[1])
    rows = [
        f"{name};train" for name in (*GOOD, *TOTALSEGMENTATOR) if name != WITHOUT_A_ROW and "\n" not in name
    ]
    (raw / "meta.csv").write_text("\n".join(["image_id;split", *rows]), encoding="utf-8")


# CT-ORG: a pair of files a scan.

ORGANS = np.where(small_labels() == 5, 1, 0).astype(np.uint8)
CT_ORG_GOOD = ("volume-90", "volume-91")


def organ(number: int, file: str, edit: Edit, *words: str, kind: str = "input") -> Bad:
    """A pair with one of its files spoilt."""

    def make(volume: Path) -> None:
        pair(volume.parent, number)
        edit(volume.parent / f"{file}-{number}.nii.gz")

    return Bad(entry=f"volume-{number}.nii.gz", make=make, words=words, kind=kind)  # type: ignore[arg-type]


def pair(raw: Path, number: int) -> None:
    write_image(raw / f"volume-{number}.nii.gz", small_ct())
    write_image(raw / f"labels-{number}.nii.gz", ORGANS)


def one_organ(value: float, dtype: type = np.uint8) -> Edit:
    return lambda path: write_image(path, np.where(small_labels() == 5, value, 0).astype(dtype))


def copied_to(place: str) -> Edit:
    """The same file once more, in a folder of its own."""

    def edit(path: Path) -> None:
        (path.parent / place).mkdir(exist_ok=True)
        shutil.copy(path, path.parent / place / path.name)

    return edit


CT_ORG: Group = {
    "volume-20": organ(20, "labels", one_organ(7), "expected values 0, 1, 2, 3, 4, 5, 6, found 7"),
    "volume-21": organ(21, "labels", one_organ(1.5, np.float32), "expected whole numbers, found 1.5"),
    "volume-22": organ(22, "labels", one_organ(-1, np.int8), "expected labels from 0 up, found -1"),
    "volume-23": organ(23, "labels", one_organ(0), "expected labelled voxels, found none"),
    "volume-24": organ(24, "labels", removed, "scan volume-24: expected masks, found none"),
    "volume-25": organ(25, "volume", removed, "scan volume-25: expected its CT (volume-25.nii.gz)"),
    "volume-26": organ(26, "volume", copied_to("again"), "scan volume-26: expected one CT, found 2"),
    "volume-27": organ(27, "labels", copied_to("again"), "one file of labels a scan, found also"),
    "volume-28": organ(28, "volume", content(lambda raw: raw[:2000]), "volume-28.nii.gz: ", "truncated"),
    "volume-29": organ(29, "labels", lambda path: write_image(path, ORGANS[:-1]), "20 × 16 × 11"),
    "volume-30": organ(30, "volume", SHEARED, "direction is not orthonormal", kind="filter"),
    "volume-31": organ(31, "volume", FAR_TOO_LARGE, "at most 48 million voxels", kind="filter"),
    "volume-32": organ(32, "labels", linked_to("nowhere"), "labels-32.nii.gz: ", "a link to nothing"),
    "volume-33": organ(33, "volume", as_pipe, "volume-33.nii.gz: expected a file, found a pipe"),
    "volume-34": organ(34, "volume", content(lambda raw: b""), "volume-34.nii.gz: expected a NIfTI image"),
}  # fmt: skip


def sound_ct_org(raw: Path) -> None:
    for name in CT_ORG_GOOD:
        pair(raw, int(name.removeprefix("volume-")))


# CTPelvic1K: CT and masks in folders of their own.

PELVIC_GOOD = ("dataset6_CLINIC_0001", "dataset6_CLINIC_0002", "dataset7_CLINIC_metal_0001")


def pelvic(make: Callable[[Path, Path], object], *words: str) -> Bad:
    """A CT and a mask, spoilt by ``make``, which gets the paths of both."""

    def both(entry: Path) -> None:
        raw, name = entry.parent, entry.name
        ct = raw / "CTPelvic1K_dataset6_data" / f"{name}_data.nii.gz"
        bones = raw / "ipcai2021_dataset6_Anonymized" / f"{name}_mask_4label.nii.gz"
        write_image(ct, small_ct())
        write_image(bones, ORGANS)
        make(ct, bones)

    return Bad(make=both, words=words)


CTPELVIC1K: Group = {
    "dataset6_CLINIC_0100": pelvic(
        lambda ct, bones: one_organ(5)(bones), "expected values 0, 1, 2, 3, 4, found 5 (120 voxels)"
    ),
    "dataset6_CLINIC_0101": pelvic(lambda ct, bones: bones.unlink(), "expected masks, found none"),
    "dataset6_CLINIC_0102": pelvic(
        lambda ct, bones: ct.unlink(), "expected its CT (", "or dataset6_CLINIC_0102_data.nii.gz)"
    ),
    "dataset6_CLINIC_0103": pelvic(
        lambda ct, bones: write_image(bones, ORGANS, direction=np.diag([-1.0, -1.0, 1.0])), "the CT's grid"
    ),
    "dataset6_CLINIC_0104": pelvic(lambda ct, bones: copied_to("again")(bones), "one file of labels a scan"),
    "dataset6_CLINIC_0105": pelvic(lambda ct, bones: one_organ(0)(bones), "labelled voxels, found none"),
}


def sound_ctpelvic1k(raw: Path) -> None:
    bones = np.where(small_labels() == 5, 25, 0).astype(np.uint8)
    scan = Scan(name="scan", ct=small_ct(), labels=bones, grid=GRID)
    ctpelvic1k(raw, [scan, scan])
