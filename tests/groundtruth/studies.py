"""A study small enough to render in a second."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from renderbench.config import Suite
from renderbench.layout import Root
from renderbench.scans.stage import prepare_dataset

LIVER, SPLEEN = 5, 1


def prepare_study(folder: Path) -> Root:
    """A root with the dataset ``folder`` of one scan, ``tiny``: a block of liver beside one of spleen."""
    labels = np.zeros((12, 10, 14), dtype=np.uint8)
    labels[2:10, 2:8, 2:7] = LIVER
    labels[4:8, 3:7, 8:12] = SPLEEN
    for name, values in (("ct", np.where(labels > 0, 60, -1000).astype(np.int16)), ("labels", labels)):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((3.0, 3.0, 3.0))
        path = folder / "raw" / "tiny" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path))
    root = Root(folder / "root")
    prepare_dataset("folder", raw=folder / "raw", root=root)
    return root


def suite(**changes: object) -> Suite:
    """Three fitting and two test views of 32², 16 samples."""
    block = {"id": "tiny-seen", "title": "Tiny", "dataset": "folder", "methods": ["agp"]}
    blocks = changes.pop("blocks", [{}])
    assert isinstance(blocks, list)
    renderer = {"samples_per_pixel": 16} | dict(changes.pop("renderer", {}))  # type: ignore[call-overload]
    views = {"fit": 3, "test": 2, "resolution": 32} | dict(changes.pop("views", {}))  # type: ignore[call-overload]
    return Suite.model_validate(
        {
            "name": "tiny",
            "renderer": renderer,
            "views": views,
            "blocks": [block | each for each in blocks],
        }
        | changes
    )
