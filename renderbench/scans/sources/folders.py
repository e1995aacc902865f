"""Finding anyone's scans: a folder of folders, image files or DICOM series, with or without masks."""

from __future__ import annotations

import difflib
from pathlib import Path

from renderbench.config import Split
from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.scans.groups import LABELS
from renderbench.scans.images import is_image
from renderbench.scans.raw import ClassFiles, LabelFile, Masks, RawScan
from renderbench.scans.sources.entries import fault_of, named_as_image, require_file, stem, visible

_CLASSES = {label.name: label.value for label in LABELS[1:118]}


def find_folders(raw: Path, *, split: Split, series: str | None) -> tuple[list[RawScan], list[InputError]]:
    """The scans in ``raw``, by name, and what is wrong with those that cannot be taken.

    A scan is a sub-folder with ``ct.*`` (or one image, or a DICOM series), or an image file directly in
    ``raw``. Its masks, if any, are ``labels.*`` (label values 0 to 119) or ``segmentations/CLASS.*`` in
    its folder. Hidden files are passed over, and so is a folder or a file that is no scan.

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
    entries = visible(raw)
    here = next((each for each in entries if _is_named(each, "ct") and each.is_file()), None)
    if here:
        raise InputError(
            subject,
            f"expected sub-folders with ct.nii.gz and labels.nii.gz, found {here.name} directly in it",
            "give its parent folder",
        )
    # What only differs by case would be one store on many file systems.
    by_name: dict[str, list[tuple[Path, RawScan | InputError]]] = {}
    for entry in entries:
        taken = _taken(entry, split, series)
        if taken is not None:
            by_name.setdefault(_name(entry).casefold(), []).append((entry, taken))
    if not by_name:
        found = f"none in {len(entries)} entries" if entries else "an empty folder"
        raise InputError(
            subject,
            f"expected sub-folders with ct.nii.gz and labels.nii.gz, images or DICOM series; found {found}",
            "put each scan into a sub-folder of its own",
        )
    only = [_only(taken) for taken in by_name.values()]
    scans = [each for each in only if isinstance(each, RawScan)]
    return scans, [each for each in only if isinstance(each, InputError)]


def _taken(entry: Path, split: Split, series: str | None) -> RawScan | InputError | None:
    """The scan that an entry of the raw folder is, or what is wrong with it; None when it is no scan."""
    name = _name(entry)
    try:
        ct = _ct(entry)
        if ct is None:
            return None
        masks = _masks(entry) if entry.is_dir() else None
        return RawScan(name=checked_name(name, "scan"), ct=ct, masks=masks, split=split, series=series)
    except InputError as error:
        return fault_of(name, entry, error)


def _only(found: list[tuple[Path, RawScan | InputError]]) -> RawScan | InputError:
    (first, scan), *others = found
    if not others:
        return scan
    name = _name(first)
    twice = InputError(
        first,
        f"expected one scan by the name {name}, found {len(found)}: "
        f"{' and '.join(repr(entry.name) for entry, _ in found)}",
        "rename one of them; case makes no difference",
    )
    return fault_of(name, first, twice)


def _name(entry: Path) -> str:
    return entry.name if entry.is_dir() else stem(entry)


def _ct(entry: Path) -> Path | None:
    """The CT of an entry of the raw folder; None when the entry is no scan at all."""
    if not entry.is_dir():
        return require_file(entry) if named_as_image(entry) else None
    inside = visible(entry)
    if ct := _named(entry, inside, "ct"):
        return ct
    images = [
        path
        for path in inside
        if named_as_image(path) and not path.is_dir() and not _is_named(path, "labels")
    ]
    if len(images) > 1:
        raise InputError(
            entry,
            f"expected one CT, found {len(images)} images",
            "call the CT ct.nii.gz (or ct with its own suffix)",
            private=", ".join(path.name for path in images[:5]) + (", …" if len(images) > 5 else ""),
        )
    if images:
        return require_file(images[0])
    if is_image(entry):
        return entry
    labels = _named(entry, inside, "labels")
    if labels or (entry / "segmentations").is_dir():
        found = labels.name if labels else "segmentations/"
        raise InputError(entry, f"expected ct.nii.gz beside its masks, found {found}", "add ct.nii.gz")
    return None


def _masks(folder: Path) -> Masks | None:
    labels, classes = _named(folder, visible(folder), "labels"), folder / "segmentations"
    if labels and classes.is_dir():
        raise InputError(
            folder, f"expected one set of masks, found {labels.name} and segmentations/", "remove one of them"
        )
    if labels:
        return LabelFile(path=labels, values={})
    if not classes.is_dir():
        return None
    files: dict[str, Path] = {}
    for path in filter(named_as_image, visible(classes)):
        name = stem(path)
        if name not in _CLASSES:
            close = difflib.get_close_matches(name, _CLASSES, n=1)
            raise InputError(
                path,
                f"expected one of TotalSegmentator's 117 class names, found {name!r}",
                f"did you mean {close[0]!r}?" if close else "rename or remove it",
            )
        if name in files:
            raise InputError(
                path, f"expected one mask a class, found also {files[name].name}", "keep one of them"
            )
        files[name] = require_file(path)
    if not files:
        raise InputError(classes, "expected one mask a class, found none", "add them, or remove the folder")
    return ClassFiles(files=files, values=_CLASSES)


def _named(folder: Path, inside: list[Path], name: str) -> Path | None:
    """The image by a name among what lies in a folder, whatever its format and case."""
    found = [path for path in inside if _is_named(path, name)]
    if len(found) > 1:
        raise InputError(
            folder,
            f"expected one image {name}.*, found {found[0].name} and {found[1].name}",
            "keep one of them",
        )
    return require_file(found[0]) if found else None


def _is_named(path: Path, name: str) -> bool:
    return named_as_image(path) and stem(path).lower() == name
