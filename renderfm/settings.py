"""What a Render-FM model is, and how the methods use one. Cheap to import."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from baselines.settings import Count, FitSettings, Positive, Some
from renderbench.config import Strict

Size = Literal["mini", "small", "paper"]
Norm = Literal["none", "instance"]

_CHANNELS: dict[str, tuple[int, ...]] = {
    "mini": (8, 16, 32, 64, 128),
    "small": (16, 32, 64, 128, 256),
    "paper": (32, 64, 128, 256, 320, 320),
}


class ModelSettings(Strict):
    """A model, but for its weights; the defaults are those of the shipped checkpoint.

    ``size`` gives the channels of the network's stages: ``paper`` has nnU-Net's (32, doubled up to 320);
    the paper names none. ``norm`` is what follows a convolution: nnU-Net's ``instance`` norm takes away what
    tells one scan from another, how faint and how large it is, on which its brightness depends; with
    ``none``, the default, the network sees it (docs/renderfm.md has what either reaches). ``opacity`` is what
    the predicted offset is added to before the sigmoid: ``paper`` the transfer function's alpha itself, as
    section 3.2 writes it (at least one half, even for lung), ``logit`` the logit of what the medium absorbs
    along one Gaussian's voxel, so that a model which has learnt nothing shows the transfer function's own
    opacity.

    ``colour`` is what becomes of the 12 predicted colour coefficients: ``offset`` adds them to the base
    colour, ``gain`` times the base colour, so that the first three are relative: rgb (1 + o). Shading is a
    factor on an albedo; as one it carries over to other transfer functions, and the network need not find the
    base colour again.

    ``light`` is whether the head is told, beside the network's features, what light reaches a Gaussian's
    block (``renderfm.light``); it is not of the paper, whose head is a linear map of the features alone.

    The others are what an ablation takes away: ``prime_colour`` and ``prime_opacity`` the base that comes
    from the transfer function (grey and one half take its place), ``mask_channel`` the segmentation among
    the network's inputs, ``sh_degree`` 0 a colour that depends on the direction, and ``gaussians`` "3d"
    everything else that does.
    """

    size: Size = "mini"
    norm: Norm = "none"
    opacity: Literal["paper", "logit"] = "logit"
    colour: Literal["offset", "gain"] = "gain"
    light: bool = True
    prime_colour: bool = True
    prime_opacity: bool = True
    mask_channel: bool = True
    sh_degree: Literal[0, 1] = 1
    gaussians: Literal["6d", "3d"] = "6d"

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each stage of the encoder, the first at full resolution, each next at half the one before."""
        return _CHANNELS[self.size]

    @property
    def stride(self) -> int:
        """Voxels along an edge of the block that one voxel of the lowest stage stands for."""
        return 2 ** (len(self.channels) - 1)

    @property
    def input_channels(self) -> tuple[int, ...]:
        """Which of the six channels of :class:`renderfm.inputs.Inputs` the network sees."""
        return (0, 1, 2, 3, 4, 5) if self.mask_channel else (0, 2, 3, 4, 5)


class PredictionSettings(Strict):
    """Which model predicts, and where.

    ``checkpoint`` is a name, of a file in the study's ``checkpoints`` or of one that comes with the package,
    or a path ending in ``.safetensors``. ``window`` is how many slices the network works out at once:
    ``whole`` takes the volume in one pass, ``auto`` does so where that fits and takes the largest window
    that fits where it does not. ``memory_gib`` limits what prediction may take; None is what the device has
    free. The last three change Gaussians by rounding alone, so they are no part of a record.
    """

    checkpoint: str = "renderfm-mini"
    window: Annotated[Some | Literal["auto", "whole"], Field(exclude=True)] = "auto"
    memory_gib: Annotated[Positive | None, Field(exclude=True)] = None
    device: Annotated[Literal["auto", "cpu", "cuda"], Field(exclude=True)] = "auto"


class RenderFMSettings(PredictionSettings):
    """Prediction alone."""

    lambda_opacity: Positive = 0.35


class RenderFMFtSettings(PredictionSettings, FitSettings):
    """Prediction, and a short fit of what the fitting views see of it.

    Section 4.1 of the Render-FM paper: 300 iterations. Nothing is densified. A Gaussian whose blending
    weight, summed over the pixels of all fitting views, is below ``prune_weight`` is left out before the
    fit: it hides behind others, so no view can say anything about it. The paper's point counts fall by a
    fifth to a third; of the prior on a real CT, 0.01 leaves out a third and changes no pixel of a fitting
    view by more than 1.2 of 255, 0.1 leaves out half and costs an error of 63 dB.
    """

    iterations: Some = 300
    evaluate_every: Some = 50
    densify: bool = False
    sh_degree_from: Count = 0
    max_points: Some | None = None
    prune_weight: Annotated[float, Field(ge=0)] = 0.1
