"""Settings of training; what section 4.1 of the Render-FM paper gives is the default. Cheap to import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from renderbench.config import Strict
from renderbench.errors import InputError
from renderbench.resources import resource
from renderfm.settings import ModelSettings

Positive = Annotated[float, Field(gt=0)]
Some = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(ge=0)]
Hu = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class AugmentationSettings(Strict):
    """What scanners do to Hounsfield units, and how much of it; see ``renderfm.training.augmentation``.

    ``share`` is how often each of the following occurs: a ``shift_hu`` of all intensities and a relative
    ``scale`` (tube voltage, calibration); Gaussian noise of up to ``noise_hu`` (dose), with a grain of one
    to three voxels; ``streak_hu``: streaks that fan out from a dense point in the axial plane (metal, photon
    starvation); ``cupping_hu``: the middle of a slice darker than its rim (beam hardening); ``blur_voxels``:
    the spread of thick slices along the body's axis.
    """

    share: Share = 0.3
    shift_hu: Hu = 25.0
    scale: Annotated[float, Field(ge=0, lt=1)] = 0.08
    noise_hu: Hu = 40.0
    streak_hu: Hu = 60.0
    cupping_hu: Hu = 40.0
    blur_voxels: Annotated[float, Field(ge=0)] = 2.0


class TrainSettings(Strict):
    """How Render-FM is trained.

    One iteration is one step of Adam, over ``scans_per_step`` scans whose gradients are summed up one after
    another: the paper's batch of 3, in the memory of one. Of each scan the network predicts once, and
    ``views_per_scan`` of its views are drawn, since a prediction costs much more than drawing it.

    Before the first of these come ``constant_steps`` that fit the head's bias alone, at ``constant_rate``:
    the shading, opacity and size that suit the Gaussians of all scans in the mean. They cost no pass
    through the network, and the network begins with what is left to explain.

    The learning rate falls as (1 - iteration / iterations)^``decay_power``, as nnU-Net's does. That of the
    last layer, whose outputs are in the units of Gaussians and have further to go than a network's weights,
    is ``head_factor`` times as high. ``l1_weight`` and ``ssim_weight`` are those of equation (1); the paper
    leaves them open.

    A scan of more than ``max_voxels`` is taken strided, every second or third voxel of it along every axis,
    so that any scan fits. ``mirror`` mirrors scans and cameras along random axes, exact under light that is
    the same from all sides, and left out under any other; ``recolour`` is how often red, green and blue
    change places, exact under white light, and left out likewise. ``precision`` is of the network alone,
    bfloat16 by autocast; ``auto`` is bfloat16 on a GPU.

    With one scan a step, weights wander about what they learn: what is validated and kept is their
    exponential moving average, of which each step keeps the share ``average``; 0 averages nothing.

    Every ``validate_every`` iterations, the suite's test views of its validation scans are scored; the
    averaged weights that score best so far are what the checkpoint holds. Every ``state_every`` iterations
    there is something to go on from after a kill, as long as writing takes no more than ``state_share`` of
    the time. Neither these nor ``cache_gib``, how much of the prepared scans is kept in memory, change a
    result.
    """

    model: ModelSettings = ModelSettings()
    seed: Annotated[int, Field(ge=0)] = 0
    constant_steps: Annotated[int, Field(ge=0)] = 100
    constant_rate: Positive = 0.03
    iterations: Some = 1500
    learning_rate: Positive = 1e-3
    head_factor: Positive = 10.0
    decay_power: Positive = 0.9
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: Positive = 1e-8
    average: Annotated[float, Field(ge=0, lt=1)] = 0.99
    scans_per_step: Some = 3
    views_per_scan: Some = 4
    l1_weight: Weight = 1.0
    ssim_weight: Weight = 1.0
    lambda_opacity: Positive = 0.35
    augmentation: AugmentationSettings = AugmentationSettings()
    mirror: bool = True
    recolour: Share = 0.5
    max_voxels: Some = 8_000_000
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    validate_every: Some = 100
    log_every: Some = 10
    state_every: Annotated[int, Field(ge=1, exclude=True)] = 25
    state_share: Annotated[float, Field(gt=0, le=1, exclude=True)] = 0.05
    cache_gib: Annotated[float, Field(ge=0, exclude=True)] = 4.0


def settings_file(name_or_path: str) -> Path:
    """Where settings of training lie.

    Args:
        name_or_path: a path ending in ``.toml``, or the name of a file that is shipped in
            ``datasets/training/``.

    Raises:
        InputError: there is none of that name.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml":
        return path
    shipped = {each.stem: each for each in sorted(resource("datasets", "training").glob("*.toml"))}
    if name_or_path not in shipped:
        raise InputError(
            f"--config {name_or_path!r}",
            f"expected one of {', '.join(shipped)}, or a path ending in .toml; found neither",
            "correct it",
        )
    return shipped[name_or_path]
