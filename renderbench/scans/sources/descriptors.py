"""Descriptors: what a public dataset looks like on disk, as data (``datasets/descriptors/*.toml``).

A descriptor says where each scan's CT and masks lie, what the masks' values and names mean among the 120
labels, which split a scan belongs to, and which scans a benchmark leaves out.
"""

from __future__ import annotations

import difflib
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from renderbench.config import Split, Strict, parse_model, read_toml
from renderbench.errors import InputError
from renderbench.resources import resource
from renderbench.scans.groups import GROUP_INDEX, LABELS, UNNAMED

_LABEL_VALUES = {label.name: label.value for label in LABELS}
_GROUP = "group:"


def label_value(name: str) -> int:
    """The value in a label volume that ``name`` stands for: a label's name, or ``group:ID`` for an unnamed
    structure of that group.

    Raises:
        ValueError: there is none by that name.
    """
    if name.startswith(_GROUP):
        group = GROUP_INDEX.get(name.removeprefix(_GROUP), 0)
        if group:
            return UNNAMED + group
    elif name in _LABEL_VALUES:
        return _LABEL_VALUES[name]
    known = [*_LABEL_VALUES, *(f"{_GROUP}{group}" for group in GROUP_INDEX)]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"expected the name of a label or group:ID, found {name!r}{hint}")


class Layout(Strict):
    """Where scans lie below the raw folder.

    Patterns are paths with ``**/`` for any folders, ``*`` for any characters of one name, ``{scan}`` for
    what tells scans apart and ``{class}`` for the name of a class. ``labels`` is one file of label values,
    ``classes`` one file a class.
    """

    ct: str
    labels: str | None = None
    classes: str | None = None
    name: str = "{scan}"

    @model_validator(mode="after")
    def _one_kind_of_mask(self) -> Layout:
        if (self.labels is None) == (self.classes is None):
            raise ValueError("expected either labels or classes")
        for pattern, fields in (
            (self.ct, {"scan"}),
            (self.labels, {"scan"}),
            (self.classes, {"scan", "class"}),
        ):
            if pattern is not None and set(re.findall(r"\{(\w+)\}", pattern)) != fields:
                wanted = " and ".join(f"{{{field}}}" for field in sorted(fields))
                raise ValueError(f"expected {wanted} in the pattern {pattern!r}")
        return self


class Edition(Strict):
    """One published edition of a dataset with one mask a class.

    ``lacks`` are labels that it does not have, ``renamed`` gives the label of a class by another name,
    ``ignored`` are classes that no label stands for.
    """

    title: str
    lacks: list[str] = Field(default_factory=list)
    renamed: dict[str, str] = Field(default_factory=dict)
    ignored: list[str] = Field(default_factory=list)

    @field_validator("renamed")
    @classmethod
    def _labels_exist(cls, renamed: dict[str, str]) -> dict[str, str]:
        for name in renamed.values():
            label_value(name)
        return renamed

    @cached_property
    def values(self) -> dict[str, int]:
        """The label value of each of its classes; 0 for one that no label stands for."""
        # 118 and 119 are the paper's own: no published class has their names.
        own = {label.name: label.value for label in LABELS[1:118] if label.name not in self.lacks}
        renamed = {name: label_value(label) for name, label in self.renamed.items()}
        return own | renamed | dict.fromkeys(self.ignored, 0)


class Sided(Strict):
    """Two mask values for the two sides of one structure, told apart by where they lie."""

    values: tuple[int, int]
    right: str
    left: str

    @field_validator("right", "left")
    @classmethod
    def _label_exists(cls, name: str) -> str:
        label_value(name)
        return name


class SplitTable(Strict):
    """A published table with a column of splits."""

    file: str
    delimiter: str = ","
    scan: str
    split: str


class SplitHead(Strict):
    """The first scans, in natural order of their names, are one split."""

    split: Split
    count: Annotated[int, Field(ge=1)]


class Splits(Strict):
    """Which split each scan belongs to: by a table, by name, or the first ones; any other is ``unused``."""

    table: SplitTable | None = None
    first: SplitHead | None = None
    train: list[str] = Field(default_factory=list)
    val: list[str] = Field(default_factory=list)
    test: list[str] = Field(default_factory=list)


class Filters(Strict):
    """Which sound scans a benchmark leaves out.

    ``max_voxels`` counts voxels on the 1.5 mm grid.
    """

    max_voxels: Literal[48_000_000] | None = None
    orthonormal: Literal[True] | None = None


class Descriptor(Strict):
    """A public dataset, as published."""

    title: str
    reference: str
    layouts: Annotated[list[Layout], Field(min_length=1)]
    editions: list[Edition] = Field(default_factory=list)
    values: dict[int, str] = Field(default_factory=dict)
    sided: Sided | None = None
    splits: Splits
    filters: Filters = Filters()
    published: dict[Split, int] = Field(default_factory=dict)

    @field_validator("values")
    @classmethod
    def _labels_exist(cls, values: dict[int, str]) -> dict[int, str]:
        for name in values.values():
            label_value(name)
        return values

    @property
    def label_values(self) -> dict[int, int]:
        """The label value of each value of a mask file; empty where the file has the 120 labels' own."""
        return {value: label_value(name) for value, name in self.values.items()}

    @property
    def label_sides(self) -> tuple[tuple[int, int], tuple[int, int]] | None:
        """Two values of a mask file, and the label values of the right and the left side."""
        if self.sided is None:
            return None
        return self.sided.values, (label_value(self.sided.right), label_value(self.sided.left))


def shipped_descriptors() -> list[str]:
    """The names of the datasets that renderbench describes."""
    return sorted(path.stem for path in resource("datasets", "descriptors").glob("*.toml"))


def load_descriptor(name_or_path: str) -> Descriptor:
    """Load a descriptor by its shipped name or from anyone's own ``.toml`` file.

    Raises:
        InputError: there is none, it is not TOML, or it says what a descriptor cannot.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = resource("datasets", "descriptors", f"{name_or_path}.toml")
        if name_or_path not in shipped_descriptors():
            known = ", ".join(shipped_descriptors())
            raise InputError(
                f"dataset {name_or_path!r}",
                f"expected one of {known}, or a path ending in .toml; found neither",
                "correct the name",
            )
    return parse_model(Descriptor, read_toml(path), path.name)
