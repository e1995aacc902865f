"""Part of a phantom, as a narrow scan shows it: a box somewhere in the body, sharply or coarsely acquired.

Clinical scans cover the part of a body that was asked for, and few are as sharp as the working grid. A model
that learns from parts sees many people for the price of one, cut faces as every scan has them, and organs at
the voxel size and in about the pixels in which it will meet them.

Phantoms are healthy, three in four have had a contrast agent, and their scanner is calibrated. Muscles of the
old, organs without contrast and bones that have lost calcium attenuate less, and a transfer function then
shows them fainter, deeper and darker; so the attenuation of each part is scaled, by one factor.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.resampling import SPACING_MM, resample
from renderbench.scans.volume import Scan

PartExtent = Literal["part", "detail"]

PART_VERSION = 2
"""Raised when the same seed would give another part of the same person."""

# Edges of the box; drawn on a logarithmic scale, so that small ones, which cost little, are the more.
_EDGES_MM: dict[PartExtent, tuple[float, float]] = {"part": (110.0, 260.0), "detail": (60.0, 110.0)}
# Scanned at 3 mm a person is smooth and stepped when resampled, as in many a clinical CT.
_SPACINGS_MM = (SPACING_MM, 3.0)
# A place is taken that shows at least these shares of a box, of all groups, of bone and of organs.
_SHARES = {"all": 0.25, "skeleton": 0.01, "organs": 0.03}
_PLACES = 64
_STREAM = 0x9A27
# Of the attenuation: 0.93 takes muscles from 58 to -16 HU, an enhanced liver from 112 to 34.
_FACTORS = (0.93, 1.01)
_AIR_HU = -1000.0


def phantom_part(seed: int, extent: PartExtent = "part") -> Scan:
    """A box of a person made from nothing but ``seed``, on the working grid.

    The person of :func:`~renderbench.scans.phantom.phantom_scan`, as a torso scanned at 1.5 mm or as a body
    at 3 mm, resampled; of this a box with edges of 110 to 260 mm (a ``detail``: 60 to 110 mm), where there
    are bone and an organ. Its attenuation, which is HU above that of air, is scaled by 0.93 to 1.01.

    Args:
        seed: any integer from 0 up.
        extent: how large a part.

    Raises:
        InputError: the seed is negative.
    """
    rng = np.random.default_rng([_STREAM, max(seed, 0)])
    spacing_mm = float(rng.choice(_SPACINGS_MM))
    if spacing_mm == SPACING_MM:
        whole = phantom_scan(seed, extent="torso")
    else:
        whole = resample(phantom_scan(seed, extent="body", spacing_mm=spacing_mm))
    low, high = _EDGES_MM[extent]
    edges_mm = low * (high / low) ** rng.random(3)
    shape = np.minimum(np.rint(edges_mm / whole.grid.spacing_mm[::-1]).astype(int), whole.ct.shape)
    start = _place(rng, groups_of_labels(whole.labels), shape)
    box = tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
    grid = whole.grid.cropped(_triple(start), _triple(shape))
    factor = float(np.random.default_rng([_STREAM, seed, 1]).uniform(*_FACTORS))
    ct = _attenuating(whole.ct[box], factor)
    return Scan(name=whole.name, ct=ct, labels=whole.labels[box].copy(), grid=grid)


def _attenuating(ct: NDArray[np.int16], factor: float) -> NDArray[np.int16]:
    """HU of what attenuates ``factor`` times as much."""
    hu = (ct.astype(np.float32) - np.float32(_AIR_HU)) * np.float32(factor) + np.float32(_AIR_HU)
    return np.clip(np.rint(hu), -1024, 3071).astype(np.int16)


def _place(rng: np.random.Generator, groups: NDArray[np.uint8], shape: NDArray[Any]) -> NDArray[Any]:
    """The first of some random places that shows enough; of places that do not, the one that shows most."""
    masks = {name: select_groups(name).mask(groups) for name in _SHARES}
    best, most = np.zeros(3, dtype=int), -1.0
    for _ in range(_PLACES):
        start = rng.integers(0, np.array(groups.shape) - shape + 1)
        box = tuple(slice(first, first + size) for first, size in zip(start, shape, strict=True))
        shown = min(float(masks[name][box].mean()) / share for name, share in _SHARES.items())
        if shown >= 1.0:
            return start
        if shown > most:
            best, most = start, shown
    return best


def _triple(values: NDArray[Any]) -> tuple[int, int, int]:
    return int(values[0]), int(values[1]), int(values[2])
