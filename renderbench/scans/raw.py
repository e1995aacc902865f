"""Raw scans: what a source knows of one scan before anything of it is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from renderbench.config import Split


@dataclass(frozen=True, kw_only=True)
class LabelFile:
    """Masks as one file of label values.

    Args:
        path: the file.
        values: label value by the file's value; empty where the file has the 120 labels' own values.
        sided: the file's two values of a paired structure, and the labels of its right and left side.
    """

    path: Path
    values: dict[int, int]
    sided: tuple[tuple[int, int], tuple[int, int]] | None = None


@dataclass(frozen=True, kw_only=True)
class ClassFiles:
    """Masks as one file a class.

    Args:
        files: by the name of the class.
        values: label value by the name of the class; 0 for a class that no label stands for.
    """

    files: dict[str, Path]
    values: dict[str, int]


Masks = LabelFile | ClassFiles


@dataclass(frozen=True, kw_only=True)
class RawScan:
    """One scan as it lies on disk.

    Args:
        name: unique within its dataset; one path component.
        ct: an image file, or a folder with a DICOM series.
        masks: None where there are none.
        split: what it is for.
        series: the SeriesInstanceUID to take from a DICOM folder; the largest series unless given.
    """

    name: str
    ct: Path
    masks: Masks | None
    split: Split
    series: str | None = None
