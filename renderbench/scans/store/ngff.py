"""OME-NGFF 0.5: the metadata and the resolution levels that make a ScanStore an image to any viewer.

NGFF 0.5 places an image by scale and translation only, so the millimetres here are along the scan's own
axes: those of the patient (LPS) unless the scan is oblique. Where it lies exactly, ``world_from_voxel``
in the store's own attributes says.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.groups import GROUPS, LABELS_BY_VALUE
from renderbench.scans.volume import Grid, LabelVolume, Volume

LEVELS = 3
"""Resolution levels of the CT and of its labels; each halves the one before along every axis."""

Json = dict[str, Any]

_VERSION = "0.5"
_SLICES = 64
_SATURATION_VALUE = ((0.85, 0.9), (0.7, 1.0), (0.95, 0.6), (0.85, 1.0), (0.6, 0.9), (0.85, 0.7))


def ct_image(name: str, grid: Grid) -> Json:
    """The ``ome`` attribute of the CT's image; its levels are the arrays ``0``, ``1``, ``2``.

    Viewers begin with the abdominal soft-tissue window, level 40 and width 400 HU.
    """
    window = {"min": -1024, "max": 3071, "start": -160, "end": 240}
    return {
        "version": _VERSION,
        "multiscales": [_multiscale(name, grid, levels=LEVELS, kind="mean")],
        "omero": {"channels": [_channel("CT (HU)", "FFFFFF", window)]},
    }


def anatomy_image(grid: Grid) -> Json:
    """The ``ome`` attribute of the labels' image: names and colours of every value that they may have."""
    properties = [
        {"label-value": value, "name": label.name, "group": label.group}
        for value, label in LABELS_BY_VALUE.items()
    ]
    return _label_image("anatomy", grid, properties)


def groups_image(grid: Grid) -> Json:
    """The ``ome`` attribute of the 12 groups' image."""
    properties = [{"label-value": each.index, "name": each.name, "id": each.id} for each in GROUPS]
    return _label_image("groups", grid, properties)


def labels_listing(names: Sequence[str]) -> Json:
    """The ``ome`` attribute of the group that holds the label images."""
    return {"version": _VERSION, "labels": list(names)}


def rgba_image(name: str, grid: Grid) -> Json:
    """The ``ome`` attribute of an RGBA image of axes (c, z, y, x) and one level.

    Viewers add channels up: with alpha among them bone turns white, so they begin without it.
    """
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    colours = {"red": "FF0000", "green": "00FF00", "blue": "0000FF", "alpha": "FFFFFF"}
    return {
        "version": _VERSION,
        "multiscales": [_multiscale(name, grid, levels=1, channels=True)],
        "omero": {
            "channels": [
                _channel(label, colour, window, active=label != "alpha") for label, colour in colours.items()
            ]
        },
    }


def halved_ct(ct: Volume) -> Volume:
    """The next level of a CT: the mean of every 2 × 2 × 2 voxels, rounded to the nearest (halves to even).

    Args:
        ct: (D, H, W) int16. An odd size is continued by its last voxel.

    Returns:
        int16, every size halved and rounded up.
    """

    def mean(octet: list[NDArray]) -> NDArray:
        total = octet[0].astype(np.int32)
        for each in octet[1:]:
            total += each
        return np.rint(total / np.float32(len(octet)))

    return _halved(ct, mean)


def halved_labels(labels: LabelVolume) -> LabelVolume:
    """The next level of labels: the most frequent of every 2 × 2 × 2 voxels.

    Among equally frequent ones the greatest, so that background, which is 0, never wins over a thin vessel
    that fills half of the voxels.

    Args:
        labels: (D, H, W) uint8. An odd size is continued by its last voxel.

    Returns:
        uint8, every size halved and rounded up.
    """

    def mode(octet: list[NDArray]) -> NDArray:
        best = np.zeros(octet[0].shape, dtype=np.uint16)
        for each in octet:
            votes = np.zeros(each.shape, dtype=np.uint8)
            for other in octet:
                votes += each == other
            # Votes in the upper byte and the label in the lower: the greatest is the winner.
            np.maximum(best, votes.astype(np.uint16) << 8 | each, out=best)
        return best & 0xFF

    return _halved(labels, mode)


def _halved(volume: NDArray, reduce: Callable[[list[NDArray]], NDArray]) -> NDArray:
    halved = np.empty([(size + 1) // 2 for size in volume.shape], dtype=volume.dtype)
    for start in range(0, volume.shape[0], _SLICES):
        part = volume[start : start + _SLICES]
        part = np.pad(part, [(0, size % 2) for size in part.shape], mode="edge")
        octet = [part[z::2, y::2, x::2] for z in (0, 1) for y in (0, 1) for x in (0, 1)]
        halved[start // 2 : (start + _SLICES) // 2] = reduce(octet)
    return halved


def _multiscale(
    name: str, grid: Grid, *, levels: int, kind: str | None = None, channels: bool = False
) -> Json:
    leading = [{"name": "c", "type": "channel"}] if channels else []
    axes = [*leading, *({"name": axis, "type": "space", "unit": "millimeter"} for axis in "zyx")]
    spacing = grid.spacing_mm[::-1]
    origin = (grid.direction.T @ grid.world_from_voxel[:3, 3])[::-1]
    datasets = []
    for level in range(levels):
        factor = 2**level
        # The first voxel's centre is that of the voxels it was made from.
        translation = origin + (factor - 1) / 2 * spacing
        datasets.append(
            {
                "path": str(level),
                "coordinateTransformations": [
                    {"type": "scale", "scale": [1.0] * channels + (factor * spacing).tolist()},
                    {"type": "translation", "translation": [0.0] * channels + translation.tolist()},
                ],
            }
        )
    return {"name": name, "axes": axes, "datasets": datasets, **({"type": kind} if kind else {})}


def _label_image(name: str, grid: Grid, properties: list[Json]) -> Json:
    return {
        "version": _VERSION,
        "multiscales": [_multiscale(name, grid, levels=LEVELS, kind="mode")],
        "image-label": {
            "colors": [
                {"label-value": each["label-value"], "rgba": _colour(each["label-value"])}
                for each in properties
            ],
            "properties": properties,
            "source": {"image": "../../"},
        },
    }


def _colour(label: int) -> list[int]:
    """Red, green, blue and alpha, 0 to 255; background is transparent."""
    if label == 0:
        return [0, 0, 0, 0]
    # Hues a golden angle apart come close again after 13, 21, 34 and 55 labels, so saturation and value
    # must differ there; these six pairs keep all colours at least 24 of 255 apart.
    hue = label * 0.6180339887498949 % 1
    saturation, value = _SATURATION_VALUE[label % len(_SATURATION_VALUE)]
    return [round(255 * part) for part in colorsys.hsv_to_rgb(hue, saturation, value)] + [255]


def _channel(label: str, colour: str, window: Json, *, active: bool = True) -> Json:
    return {"label": label, "color": colour, "active": active, "window": window}
