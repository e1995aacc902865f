"""The 120 labels, the 12 groups they belong to (Tables 3 and 4), and selections of groups."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderbench.config import Strict, parse_model, read_toml
from renderbench.errors import InputError
from renderbench.resources import resource


class Group(Strict):
    """One of the 12 groups.

    ``index`` is what the ``groups`` array holds, ``id`` what suites and paths call it, ``name`` what
    the paper calls it.
    """

    index: int
    id: str
    name: str


class Label(Strict):
    """One of the 120 labels: the value in a label volume, the paper's name, and the id of its group."""

    value: int
    name: str
    group: str


class _LabelMap(Strict):
    groups: list[Group]
    labels: list[Label]


_FILE = resource("datasets", "labels.toml")
_MAP = parse_model(_LabelMap, read_toml(_FILE), _FILE.name)

GROUPS: tuple[Group, ...] = tuple(_MAP.groups)
"""The 12 groups; ``GROUPS[i].index == i``."""

LABELS: tuple[Label, ...] = tuple(_MAP.labels)
"""The 120 labels; ``LABELS[v].value == v``."""

GROUP_INDEX: dict[str, int] = {group.id: group.index for group in GROUPS}
"""The index of a group by its id."""

UNNAMED = 128
"""Label values ``UNNAMED + g`` mean a structure of group g that its source does not name further: CT-ORG's
"bone" is some bone. They lie outside Tables 3 and 4, which end at 119."""

_UNNAMED_LABELS = tuple(
    Label(value=UNNAMED + group.index, name=f"{group.name}, unnamed", group=group.id) for group in GROUPS[1:]
)

LABELS_BY_VALUE: dict[int, Label] = {label.value: label for label in (*LABELS, *_UNNAMED_LABELS)}
"""Every value that a label volume may hold."""

_GROUP_OF_LABEL = np.zeros(256, dtype=np.uint8)
for _label in LABELS_BY_VALUE.values():
    _GROUP_OF_LABEL[_label.value] = GROUP_INDEX[_label.group]

# The selections that section 4.1 of the paper renders; "skeleton" is also a group.
_NAMED = {
    "all": frozenset(range(1, len(GROUPS))),
    "organs": frozenset(range(1, len(GROUPS))) - {GROUP_INDEX["skeleton"], GROUP_INDEX["muscle"]},
}


def groups_of_labels(labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The group index, 0 to 11, of every label value: Tables 3 and 4, and ``UNNAMED`` + group.

    Args:
        labels: uint8, any shape.

    Returns:
        uint8, the same shape.
    """
    return _GROUP_OF_LABEL[labels]


@dataclass(frozen=True, kw_only=True)
class GroupSelection:
    """Which groups are shown; the others' alpha is masked to zero.

    Args:
        name: a path component; two equal selections have the same name.
        indices: of the groups shown, ascending.
    """

    name: str
    indices: tuple[int, ...]

    def mask(self, groups: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where ``groups`` (uint8, any shape) is one of the groups shown."""
        shown = np.zeros(len(GROUPS), dtype=np.bool_)
        shown[list(self.indices)] = True
        return shown[groups]


def select_groups(selection: str | Sequence[str]) -> GroupSelection:
    """The selection that ``selection`` describes.

    Args:
        selection: ``all`` (1 to 11), ``organs`` (all but skeleton and muscle), a group id such as
            ``skeleton``, a list of these, or several joined by ``+``. Order does not matter.

    Raises:
        InputError: an unknown name, or nothing selected.
    """
    names = selection.split("+") if isinstance(selection, str) else list(selection)
    known = [*_NAMED, *GROUP_INDEX]
    indices: set[int] = set()
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            raise InputError(
                f"groups {name!r}",
                f"expected {', '.join(known)}, or a list of these; found none by that name",
                f"did you mean {close[0]!r}?" if close else "correct the group selection",
            )
        indices |= _NAMED.get(name) or {GROUP_INDEX[name]}
    if not indices:
        raise InputError(
            "groups", "expected at least one group, found an empty list", f"name one of {', '.join(known)}"
        )
    return GroupSelection(name=_name_of(indices), indices=tuple(sorted(indices)))


def _name_of(indices: set[int]) -> str:
    for name, named in _NAMED.items():
        if indices == named:
            return name
    return "+".join(sorted(GROUPS[index].id for index in indices))
