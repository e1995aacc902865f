"""Small scans as the model takes them, models whose outputs are not zero, and their checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from renderbench.config import MediumSettings
from renderbench.scans.fingerprint import Fingerprint
from renderbench.scans.groups import select_groups
from renderbench.scans.volume import Grid
from renderfm.checkpoint import save_checkpoint
from renderfm.inputs import Inputs, lit, make_inputs
from renderfm.model import RenderFM
from renderfm.settings import ModelSettings

NORMALISATION = Fingerprint(
    percentile_00_5=-900.0,
    percentile_99_5=1000.0,
    mean=50.0,
    sd=300.0,
    median=40.0,
    minimum=-1000.0,
    maximum=1500.0,
    scans=1,
    voxels=1000,
)
SHAPE = (19, 22, 25)


def arrays(shape=SHAPE, seed=0) -> dict:
    """CT, groups, RGBA and grid of a scan with something of every group."""
    generator = np.random.default_rng(seed)
    groups = generator.integers(0, 12, size=shape).astype(np.uint8)
    rgba = generator.random((4, *shape), dtype=np.float32)
    # Alphas as small as that of lung, and as large as that of bone.
    rgba[3] = np.where(groups == 0, 0.0, rgba[3] ** 4)
    return {
        "ct": generator.integers(-1000, 1500, size=shape).astype(np.int16),
        "groups": groups,
        "rgba": rgba,
        "grid": Grid(shape=shape, world_from_voxel=np.diag([1.5, 1.5, 1.5, 1.0])),
    }


def inputs(settings: ModelSettings | None = None, shape=SHAPE, seed=0, light=("all",), **changes) -> Inputs:
    """The inputs of :func:`arrays`, of which ``changes`` replace some; with the light of some selections."""
    given = arrays(shape, seed) | changes
    made = make_inputs(
        given["ct"],
        given["groups"],
        given["rgba"],
        given["grid"],
        MediumSettings(),
        settings or ModelSettings(),
        NORMALISATION,
        subject="scan-1",
    )
    return lit(made, [select_groups(name) for name in light], MediumSettings(), given["grid"])


def model(settings: ModelSettings | None = None, *, head: float = 0.0, seed: int = 0) -> RenderFM:
    """A model with random weights; those of the head have the standard deviation ``head``."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = RenderFM(settings or ModelSettings())
        for module in made.network.modules():
            if isinstance(module, torch.nn.InstanceNorm3d):
                torch.nn.init.normal_(module.weight, mean=1.0, std=0.3)
                torch.nn.init.normal_(module.bias, std=0.3)
        if head:
            torch.nn.init.normal_(made.head.linear.weight, std=head)
            torch.nn.init.normal_(made.head.linear.bias, std=head)
    return made.eval()


def checkpoint(path: Path, settings: ModelSettings | None = None, *, head: float = 0.0) -> Path:
    """The file of such a model."""
    save_checkpoint(path, model(settings, head=head), NORMALISATION, {"suite": "none"})
    return path
