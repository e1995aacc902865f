"""Transfer functions: from Hounsfield units and groups to colour and opacity (Table 5)."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from pydantic import Field, create_model, field_validator

from renderbench.artefacts import digest_of
from renderbench.config import Strict, parse_model, read_toml
from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.resources import resource
from renderbench.scans.groups import GROUPS

_Hu = Annotated[float, Field(ge=-32768, le=32767)]
_Colour = Annotated[float, Field(ge=0, le=255)]
_Alpha = Annotated[float, Field(ge=0, le=1)]


class _Curve(Strict):
    """One group's table in the file."""

    theme: str
    points: Annotated[list[tuple[_Hu, _Colour, _Colour, _Colour, _Alpha]], Field(min_length=1)]

    @field_validator("points")
    @classmethod
    def _increasing(cls, points: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        hus = [point[0] for point in points]
        for before, after in pairwise(hus):
            if after <= before:
                raise ValueError(f"HU must increase strictly, found {after:g} after {before:g}")
        return points


_FIELDS: dict[str, Any] = {group.id: (_Curve, ...) for group in GROUPS}
_TransferFile: type[Strict] = create_model("TransferFile", __base__=Strict, **_FIELDS)


@dataclass(frozen=True, kw_only=True)
class TransferFunction:
    """A transfer function: per group, a piecewise linear RGBA over Hounsfield units (Table 5).

    Args:
        id: its name in suites and paths.
        themes: by group id, the colour theme in words.
        points: by group id, (N, 5) float64 rows of HU (strictly increasing), red, green, blue (0 to
            255) and alpha (0 to 1, the opacity over one reference length).
    """

    id: str
    themes: Mapping[str, str]
    points: Mapping[str, NDArray[np.float64]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the points: equal for equal appearance, whatever the name."""
        return digest_of({group: points.tolist() for group, points in self.points.items()})

    def apply(
        self, ct: NDArray[np.int16], groups: NDArray[np.uint8], *, dtype: DTypeLike = np.float32
    ) -> NDArray[np.floating]:
        """Colour and opacity of every voxel.

        Linear between points and constant beyond the ends; colour is not premultiplied by alpha and
        still sRGB-encoded, as published.

        Args:
            ct: (D, H, W) int16, HU.
            groups: (D, H, W) uint8, 0 to 11.
            dtype: of the result; float16 halves its memory.

        Returns:
            (4, D, H, W): red, green, blue and alpha, each in [0, 1]. In memory the four values of a
            voxel lie side by side.
        """
        low, table = self._table
        table = table.astype(dtype)
        width = len(table) // len(GROUPS)
        first = (np.arange(len(GROUPS)) * width - low).astype(np.intp)
        rgba = np.empty((*ct.shape, 4), dtype=dtype)
        # One slice at a time: the index array of 48 million voxels would weigh as much as they.
        for z in range(ct.shape[0]):
            entry = np.clip(ct[z], low, low + width - 1, dtype=np.intp)
            entry += first[groups[z]]
            # No index is out of range; "clip" spares numpy a copy of what it writes to.
            table.take(entry, axis=0, out=rgba[z], mode="clip")
        return np.moveaxis(rgba, -1, 0)

    @cached_property
    def _table(self) -> tuple[int, NDArray[np.float64]]:
        """The lowest HU that is tabulated, and (12 · N, 4) of RGBA at every integer HU from there on."""
        low = math.floor(min(points[0, 0] for points in self.points.values()))
        high = math.ceil(max(points[-1, 0] for points in self.points.values()))
        hu = np.arange(low, high + 1)
        table = np.empty((len(GROUPS), len(hu), 4))
        for group in GROUPS:
            points = self.points[group.id]
            for channel in range(4):
                table[group.index, :, channel] = np.interp(hu, points[:, 0], points[:, 1 + channel])
        table[..., :3] /= 255
        return low, table.reshape(-1, 4)


def transfer_function_names() -> list[str]:
    """The names of the transfer functions that come with renderbench."""
    return sorted(path.stem for path in resource("datasets", "transfer_functions").glob("*.toml"))


def load_transfer_function(id_or_path: str) -> TransferFunction:
    """Load a transfer function by its shipped name or from a TOML file, which names it by its stem.

    Raises:
        InputError: no such transfer function, not TOML, or a key or value that it cannot have.
    """
    path = Path(id_or_path)
    if path.suffix != ".toml":
        names = transfer_function_names()
        if id_or_path not in names:
            close = difflib.get_close_matches(id_or_path, names, n=1)
            raise InputError(
                f"transfer function {id_or_path!r}",
                f"expected one of {', '.join(names)}, or a path ending in .toml; found neither",
                f"did you mean {close[0]!r}?" if close else "correct the name",
            )
        path = resource("datasets", "transfer_functions", f"{id_or_path}.toml")
    curves = parse_model(_TransferFile, read_toml(path), path.name)
    return TransferFunction(
        id=checked_name(path.stem, "transfer function"),
        themes={group.id: getattr(curves, group.id).theme for group in GROUPS},
        points={group.id: np.array(getattr(curves, group.id).points, dtype=np.float64) for group in GROUPS},
    )
