"""Malformed folders: names that cannot be, scans that are two, and folders that hold none."""

from __future__ import annotations

import os
from pathlib import Path

from tests.malformed.case import Bad, Edit, Group, as_pipe, linked_to
from tests.scans.scan_images import small_ct, write_folder, write_image


def plainly(make: Edit) -> Edit:
    """Made under a plain name and renamed, since ITK does not take every name."""

    def edit(path: Path) -> None:
        plain = path.with_name("plain")
        make(plain)
        plain.rename(path)

    return edit


def two(folder: Path) -> None:
    write_image(folder / "portal.nii.gz", small_ct())
    write_image(folder / "native.nrrd", small_ct())


scan = plainly(lambda folder: write_folder(folder))
two_images = plainly(two)


def beside(name: str) -> Edit:
    """A sound scan, and another one by almost its name beside it."""

    def make(folder: Path) -> None:
        write_folder(folder)
        other = folder.with_name(name)
        if other.suffix:
            write_image(other, small_ct())
        else:
            write_folder(other)

    return make


def mask_in_latin_1(folder: Path) -> None:
    """A scan whose mask has a name that is no UTF-8."""
    write_folder(folder)
    (folder / "labels.nii.gz").unlink()
    (folder / "segmentations").mkdir()
    write_image(folder / "l.nii.gz", small_ct())
    (folder / "l.nii.gz").rename(folder / "segmentations" / LATIN_1)


LATIN_1 = os.fsdecode(b"f\xe9mur.nii.gz")
NAME = "expected letters, digits"

ENTRIES: Group = {
    # Names.
    "a space": Bad(make=scan, words=("scan 'a space'", NAME), name="'a space'"),
    "Jürgen": Bad(make=scan, words=("scan 'Jürgen'", NAME), name="'Jürgen'"),
    "-raw": Bad(make=scan, words=("scan '-raw'", NAME), name="'-raw'"),
    "_draft": Bad(make=scan, words=("scan '_draft'", NAME), name="'_draft'"),
    "two\nlines": Bad(make=scan, words=(r"scan 'two\nlines'", NAME), name=r"'two\nlines'"),
    "back\\slash": Bad(make=scan, words=(r"scan 'back\\slash'", NAME), name=r"'back\\slash'"),
    "²": Bad(make=scan, words=("scan '²'", NAME), name="'²'"),
    os.fsdecode(b"f\xe9mur"): Bad(make=scan, words=(r"scan 'f\udce9mur'", NAME), name=r"'f\udce9mur'"),
    "two\nimages": Bad(make=two_images, words=(r"scan 'two\nimages'", NAME), name=r"'two\nimages'"),
    "x" * 250: Bad(
        make=scan,
        words=("characters",),
        name="x" * 250,
    ),
    "a-mask-in-latin-1": Bad(
        make=mask_in_latin_1,
        words=("117 class names", r"/f\udce9mur.nii.gz: "),
    ),
    # Two scans, or two images.
    "twice": Bad(make=beside("twice.nii.gz"), words=("expected one scan by the name", "twice.nii.gz")),
    "Case": Bad(make=beside("case"), words=("expected one scan by the name", "'Case'", "'case'")),
    "two-images": Bad(
        make=two_images, words=("expected one CT, found 2 images (native.nrrd, portal.nii.gz)")
    ),
    "labels-alone": Bad(
        make=lambda folder: write_image(folder / "labels.nii.gz", small_ct()), words=("add ct.nii.gz",)
    ),
    "masks-alone": Bad(
        make=lambda folder: write_image(folder / "segmentations" / "liver.nii.gz", small_ct()),
        words=("add ct.nii.gz",),
    ),
    # Images directly in the raw folder.
    "dangling": Bad(
        entry="dangling.nii.gz",
        make=linked_to("nowhere.nii.gz"),
        words=("dangling.nii.gz", "link to nothing"),
    ),
    "pipe": Bad(entry="pipe.mha", make=as_pipe, words=("pipe.mha", "found a pipe")),
    "device": Bad(entry="device.nrrd", make=linked_to("/dev/zero"), words=("device.nrrd", "a device")),
    "no-masks": Bad(
        entry="no-masks.NII.GZ",
        make=lambda path: (
            write_image(path.with_name("no-masks.nii.gz"), small_ct())
            or path.with_name("no-masks.nii.gz").rename(path)
        ),
        words=("expected masks, found none",),
    ),
}


def harmless(raw: Path) -> None:
    """What lies beside scans and is none: it is passed over without a word."""
    (raw / "README.txt").write_text("our study\n")
    (raw / "notes here").mkdir()
    (raw / "notes here" / "todo.txt").write_text("-\n")
    (raw / ".hidden").mkdir()
    (raw / "loop").symlink_to("loop")
    # What macOS leaves beside files on other people's disks.
    for good in raw.glob("good-*"):
        (good / "._ct.nii.gz").write_bytes(b"\0\5\x16\7")
