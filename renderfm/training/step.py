"""One scan of one step: predict once, draw several views, bring their gradients back through the network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from baselines.drawing import draw
from renderbench.artefacts import digest_of
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings
from renderfm.model import RenderFM
from renderfm.training.augmentation import augmented_ct
from renderfm.training.data import Body, Preparation, TrainingData, View
from renderfm.training.losses import rendering_loss
from renderfm.training.mirror import mirrored_camera, mirrored_inputs, reflection
from renderfm.training.recolouring import recoloured_inputs, recoloured_view
from renderfm.training.settings import TrainSettings


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one scan's views gave: their mean loss, and their PSNR in dB of the mean squared error."""

    loss: float
    psnr_db: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Trainer:
    """Brings gradients into a model's parameters.

    Args:
        model: on ``device``.
        data: to train on.
        preparation: of its bodies.
        settings: see :class:`TrainSettings`.
        device: where the network runs and Gaussians are drawn.
    """

    model: RenderFM
    data: TrainingData
    preparation: Preparation
    settings: TrainSettings
    device: torch.device

    def accumulate(self, number: int) -> Pass:
        """Add the gradients of scan ``number`` of the whole training, over ``scans_per_step``.

        Which scan that is, its views, mirrors, colours and augmentations follow from the number and the
        seed alone.

        Raises:
            InputError: the scan cannot be made an input of.
        """
        settings, generator = self.settings, self._generator("pass", number)
        body = self.data.training[self._scan_of(number)]
        prepared = self.preparation.prepared(body)
        ct = augmented_ct(
            prepared.inputs.channels[0, 0],
            settings.augmentation,
            hu_per_unit=self.data.normalisation.sd,
            generator=generator,
        )
        channels = torch.cat([ct[None, None], prepared.inputs.channels[:, 1:]], dim=1)
        coins = torch.rand(3, generator=generator) < 0.5
        order = torch.randperm(3, generator=generator).tolist()
        recolour = float(torch.rand(1, generator=generator)) < settings.recolour and self.data.uniform_light
        may_mirror = settings.mirror and self.data.uniform_light
        axes = [axis for axis in range(3) if may_mirror and coins[axis]]
        inputs = mirrored_inputs(replace(prepared.inputs, channels=channels), prepared.grid, axes)
        chosen = torch.randperm(len(body.views), generator=generator)[: settings.views_per_scan]
        mirror = reflection(prepared.grid, axes)
        views = [body.views[index] for index in chosen.tolist()]
        views = [replace(view, camera=mirrored_camera(view.camera, mirror)) for view in views]
        if recolour:
            inputs = recoloured_inputs(inputs, order)
            views = [recoloured_view(view, order) for view in views]
        shown = {view.groups.name: view.groups for view in views}
        inputs = inputs.to(self.device)
        with precision(settings, self.device):
            features = self.model.at_blocks(inputs)
            gaussians = {name: self.model.instantiate(features, inputs, each) for name, each in shown.items()}
        return self._through(gaussians, views)

    def accumulate_constants(self, number: int) -> Pass:
        """Add the gradients of the head's bias alone, as :meth:`accumulate` those of everything.

        All that the network would say is taken to be zero, so that it need not be asked: only drawing costs.

        Raises:
            InputError: see :meth:`accumulate`.
        """
        generator = self._generator("constants", number)
        body = self.data.training[self._scan_of(number)]
        prior = self.preparation.prepared(body).inputs.prior.to(self.device)
        chosen = torch.randperm(len(body.views), generator=generator)[: self.settings.views_per_scan]
        views = [body.views[index] for index in chosen.tolist()]
        # The same whatever is selected.
        return self._through({view.groups.name: self.model.head.constant(prior) for view in views}, views)

    def _through(self, gaussians: Mapping[str, Gaussians6D], views: Sequence[View]) -> Pass:
        """Draw views, each from the Gaussians of its selection, and bring the gradients back."""
        # They gather at the Gaussians, so that the network is passed backwards once, not once a view.
        trained: dict[str, Tensor] = {}
        leaves: dict[str, Tensor] = {}
        drawn: dict[str, Gaussians6D] = {}
        for selection, each in gaussians.items():
            moved = {name: value for name, value in each.parameters().items() if value.requires_grad}
            cut = {name: value.detach().requires_grad_() for name, value in moved.items()}
            trained |= {f"{selection} {name}": value for name, value in moved.items()}
            leaves |= {f"{selection} {name}": value for name, value in cut.items()}
            drawn[selection] = replace(each, **cut)
        raster = RasterSettings(lambda_opacity=self.settings.lambda_opacity)
        losses, squares = [], []
        for view in views:
            truth = torch.from_numpy(view.image.astype(np.float32) / 255.0).to(self.device)
            image = draw(drawn[view.groups.name], view.groups, view.camera, raster).rgb
            loss = rendering_loss(
                image, truth, l1_weight=self.settings.l1_weight, ssim_weight=self.settings.ssim_weight
            )
            torch.autograd.backward(loss / (len(views) * self.settings.scans_per_step))
            losses.append(float(loss.detach()))
            squares.append(float((image.detach().clamp(0.0, 1.0) - truth).square().mean()))
        torch.autograd.backward(list(trained.values()), [leaf.grad for leaf in leaves.values()])
        return Pass(
            loss=math.fsum(losses) / len(losses),
            psnr_db=-10.0 * math.log10(max(math.fsum(squares) / len(squares), 1e-10)),
        )

    def _scan_of(self, number: int) -> int:
        """Each scan comes once before any comes again."""
        epoch, place = divmod(number, len(self.data.training))
        order = torch.randperm(len(self.data.training), generator=self._generator("epoch", epoch))
        return int(order[place])

    def _generator(self, *purpose: str | int) -> torch.Generator:
        # 63 bits are what a generator takes.
        return torch.Generator().manual_seed(int(digest_of([self.settings.seed, *purpose])[:15], 16))


def predicted(
    model: RenderFM, body: Body, preparation: Preparation, settings: TrainSettings, device: torch.device
) -> dict[str, Gaussians6D]:
    """What the model makes of a body, without gradients, by the name of each selection in its views."""
    inputs = preparation.prepared(body).inputs.to(device)
    shown = {view.groups.name: view.groups for view in body.views}
    with torch.no_grad(), precision(settings, device):
        features = model.at_blocks(inputs)
        return {name: model.instantiate(features, inputs, each) for name, each in shown.items()}


def precision(settings: TrainSettings, device: torch.device) -> AbstractContextManager[object]:
    """Under which the network runs."""
    half = settings.precision == "bfloat16" or (settings.precision == "auto" and device.type == "cuda")
    return torch.autocast(device.type, dtype=torch.bfloat16) if half else nullcontext()
