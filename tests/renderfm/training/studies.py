"""A suite to train on, rendered in a second: one scan to learn from and one to validate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from renderbench.config import Split, Suite
from renderbench.groundtruth.stage import render_suite
from renderbench.layout import Root
from renderbench.scans.sources import SourceOptions
from renderbench.scans.stage import prepare_dataset
from renderfm.training.settings import TrainSettings
from tests.groundtruth.studies import LIVER, SPLEEN
from tests.groundtruth.studies import suite as tiny_suite

VIEWS = [{"groups": "all", "views": 4}, {"groups": "liver", "views": 2}]


def training_suite(**changes: object) -> Suite:
    """Six training views of one scan; the blocks ``all`` and ``unseen`` of another."""
    blocks = [
        {"id": "all", "dataset": "held-out"},
        {"id": "unseen", "dataset": "held-out", "transfer_function": "unseen"},
    ]
    training = [{"dataset": "to-learn", "views": VIEWS}]
    return tiny_suite(**{"blocks": blocks, "training": training} | changes)


def prepare_training(folder: Path, suite: Suite | None = None, scale: int = 1) -> Root:
    """A root with scans and views of a suite; the scan to learn from and the one held out are the same.

    Args:
        folder: for the study.
        suite: :func:`training_suite` unless given.
        scale: makes the scan larger.
    """
    root = Root(folder / "root")
    labels = np.zeros((12 * scale, 10 * scale, 14 * scale), dtype=np.uint8)
    labels[scale : 7 * scale, 2 * scale : 9 * scale, 2 * scale : 7 * scale] = LIVER
    labels[4 * scale : 10 * scale, scale : 5 * scale, 8 * scale : 13 * scale] = SPLEEN
    ct = np.where(labels == LIVER, 90, np.where(labels == SPLEEN, 140, -1000)).astype(np.int16)
    for name, values in (("ct", ct), ("labels", labels)):
        image = sitk.GetImageFromArray(values)
        image.SetSpacing((3.0, 3.0, 3.0))
        path = folder / "raw" / "tiny" / f"{name}.nii.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(image, str(path))
    splits: tuple[tuple[str, Split], ...] = (("to-learn", "train"), ("held-out", "val"))
    for dataset, split in splits:
        options = SourceOptions(split=split)
        prepare_dataset("folder", raw=folder / "raw", root=root, dataset_id=dataset, options=options)
    render_suite(root, suite or training_suite())
    return root


def settings(**changes: object) -> TrainSettings:
    """Of a training of seconds."""
    return TrainSettings.model_validate(
        {
            "constant_steps": 0,
            "iterations": 4,
            "scans_per_step": 1,
            "views_per_scan": 2,
            "validate_every": 2,
            "log_every": 1,
            "state_every": 1,
            "state_share": 1.0,
        }
        | changes
    )
