"""What the tests of the phantom share: scans made once, and how structures are measured in them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects, label

from renderbench.scans.groups import LABELS
from renderbench.scans.phantom import Extent, phantom_scan
from renderbench.scans.volume import Scan

VALUES = {label.name: label.value for label in LABELS}
COARSE_MM = 3.0

# A woman in the portal venous phase, a man in the arterial one and a woman, with a cyst, in none.
SEEDS = (1, 3, 6)

# What a person need not have, and what a torso does not show.
OPTIONAL = {"kidney_cyst_left", "kidney_cyst_right", "prostate"}
ABOVE_THE_TORSO = {"brain", "skull", *(f"vertebrae_C{n}" for n in range(1, 7))}
EVERYBODYS = sorted(set(VALUES) - {"Background/Other"} - OPTIONAL)


@cache
def coarse(seed: int, extent: Extent = "body") -> Scan:
    """The scan of a seed at 3 mm."""
    return phantom_scan(seed, extent=extent, spacing_mm=COARSE_MM)


def found(scan: Scan) -> set[str]:
    """The names of the labels in a scan."""
    return {LABELS[value].name for value in np.unique(scan.labels)} - {"Background/Other"}


def mask(scan: Scan, name: str) -> NDArray[np.bool_]:
    """Where a structure is."""
    return scan.labels == VALUES[name]


def largest_share(scan: Scan, name: str) -> float:
    """How much of a structure its largest connected piece holds."""
    where = mask(scan, name)
    pieces, _ = label(where[find_objects(where.astype(np.uint8))[0]], np.ones((3, 3, 3)))
    sizes = np.bincount(pieces.ravel())[1:]
    return float(sizes.max() / sizes.sum())


def centroid(scan: Scan, name: str) -> NDArray[np.float64]:
    """World position (x, y, z) of a structure's centre."""
    voxels = np.argwhere(mask(scan, name))[:, ::-1].astype(float)
    return scan.grid.world(voxels.mean(axis=0, keepdims=True))[0]


def millilitres(scan: Scan, *names: str) -> float:
    """The volume of structures together."""
    return sum(int(mask(scan, name).sum()) for name in names) * float(np.prod(scan.grid.spacing_mm)) / 1000.0
