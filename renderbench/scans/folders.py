"""Finding anyone's scans: a folder of folders, image files or DICOM series, with or without masks."""

from __future__ import annotations

import difflib
from pathlib import Path

from renderbench.config import Split
from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.scans.groups import LABELS
from renderbench.scans.images import IMAGE_SUFFIXES, is_image
from renderbench.scans.raw import ClassFiles, LabelFile, Masks, RawScan

_CLASSES = {label.name: label.value for label in LABELS[1:118]}


def find_folders(raw: Path, *, split: Split, series: str | None) -> tuple[list[RawScan], list[InputError]]:
    """The scans in ``raw``, by name, and what is wrong with those that cannot be taken.

    A scan is a sub-folder with ``ct.*`` (or one image, or a DICOM series), or an image file directly in
    ``raw``. Its masks, if any, are ``labels.*`` (label values 0 to 119) or ``segmentations/CLASS.*`` in
    its folder.

    Args:
        raw: the folder.
        split: what the scans are for.
        series: the SeriesInstanceUID to take from DICOM folders.

    Raises:
        InputError: ``raw`` is no folder, or holds no scan.
    """
    subject = f"--raw {raw}"
    if not raw.is_dir():
        found = "a file" if raw.exists() else "nothing"
        raise InputError(subject, f"expected a folder of scans, found {found}", "correct the path")
    scans: list[RawScan] = []
    faults: list[InputError] = []
    entries = sorted(entry for entry in raw.iterdir() if not entry.name.startswith("."))
    here = _named(raw, "ct")
    if here:
        raise InputError(
            subject,
            f"expected sub-folders with ct.nii.gz and labels.nii.gz, found {here.name} directly in it",
            "give its parent folder",
        )
    for entry in entries:
        try:
            ct = _ct(entry)
            if ct is None:
                continue
            name = checked_name(_stem(entry), "scan")
            if any(scan.name == name for scan in scans):
                raise InputError(entry, f"expected one scan by the name {name}, found two", "rename one")
            masks = _masks(entry) if entry.is_dir() else None
            scans.append(RawScan(name=name, ct=ct, masks=masks, split=split, series=series))
        except InputError as error:
            faults.append(error)
    if not scans and not faults:
        found = f"none in {len(entries)} entries" if entries else "an empty folder"
        raise InputError(
            subject,
            f"expected sub-folders with ct.nii.gz and labels.nii.gz, images or DICOM series; found {found}",
            "put each scan into a sub-folder of its own",
        )
    return scans, faults


def _ct(entry: Path) -> Path | None:
    """The CT of an entry of the raw folder; None when the entry is no scan at all."""
    if not entry.is_dir():
        return entry if is_image(entry) else None
    if ct := _named(entry, "ct"):
        return ct
    images = sorted(path for path in entry.iterdir() if path.is_file() and is_image(path))
    images = [path for path in images if _stem(path) != "labels"]
    if len(images) == 1:
        return images[0]
    if len(images) > 1:
        raise InputError(
            entry,
            f"expected one CT, found {len(images)} images ({images[0].name}, {images[1].name})",
            "call the CT ct.nii.gz (or ct with its own suffix)",
        )
    if is_image(entry):
        return entry
    inside = sorted(path.name for path in entry.iterdir() if not path.name.startswith("."))
    if _named(entry, "labels") or (entry / "segmentations").is_dir():
        raise InputError(
            entry, f"expected ct.nii.gz and labels.nii.gz, found {', '.join(inside)}", "add ct.nii.gz"
        )
    return None


def _masks(folder: Path) -> Masks | None:
    labels, classes = _named(folder, "labels"), folder / "segmentations"
    if labels and classes.is_dir():
        raise InputError(
            folder, f"expected one set of masks, found {labels.name} and segmentations/", "remove one of them"
        )
    if labels:
        return LabelFile(path=labels, values={})
    if not classes.is_dir():
        return None
    files = {_stem(path): path for path in sorted(classes.iterdir()) if is_image(path)}
    for name, path in files.items():
        if name not in _CLASSES:
            close = difflib.get_close_matches(name, _CLASSES, n=1)
            raise InputError(
                path,
                f"expected one of TotalSegmentator's 117 class names, found {name!r}",
                f"did you mean {close[0]!r}?" if close else "rename or remove it",
            )
    if not files:
        raise InputError(classes, "expected one mask a class, found none", "add them, or remove the folder")
    return ClassFiles(files=files, values=_CLASSES)


def _named(folder: Path, stem: str) -> Path | None:
    """The image called ``stem`` in a folder, whatever its format."""
    return next((path for suffix in IMAGE_SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def _stem(path: Path) -> str:
    if path.is_dir():
        return path.name
    return next(
        (path.name.removesuffix(each) for each in IMAGE_SUFFIXES if path.name.endswith(each)), path.name
    )
