"""Adam over the tensors of a Gaussians6D whose Gaussians come and go."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from baselines.checkpoint import Snapshot
from baselines.settings import FitSettings
from renderbench.splats.gaussians import Gaussians6D

_EPS = 1e-15  # the authors' value: gradients of single Gaussians are tiny
_MOMENTS = ("exp_avg", "exp_avg_sq")
_STEP = "step"


class GaussianOptimiser:
    """Trains a set of Gaussians, one learning rate a tensor, and lets the set change between steps.

    Args:
        gaussians: where to begin; copied.
        settings: learning rates and schedules.
        extent_mm: the scene extent, which positions' rates are multiples of.
    """

    def __init__(self, gaussians: Gaussians6D, settings: FitSettings, extent_mm: float) -> None:
        self._settings = settings
        self._extent_mm = extent_mm
        # The degree-1 coefficients are a tensor of their own: they learn 20 times slower than degree 0.
        self._labels = gaussians.labels.clone()
        self._tensors = {name: tensor.clone() for name, tensor in _split(gaussians).items()}
        for tensor in self._tensors.values():
            tensor.requires_grad_(True)
        rates = {
            "means_mm": settings.position_rate * extent_mm,
            "directions": settings.direction_rate,
            "log_diagonal": settings.diagonal_rate,
            "off_diagonal": settings.off_diagonal_rate,
            "opacity_logit": settings.opacity_rate,
            "sh_0": settings.sh_rate,
            "sh_1": settings.sh_rate / 20.0,
        }
        groups = [{"params": [self._tensors[name]], "lr": rate, "name": name} for name, rate in rates.items()]
        self._adam = torch.optim.Adam(groups, eps=_EPS, fused=True)

    @property
    def gaussians(self) -> Gaussians6D:
        """The Gaussians as they stand; gradients flow from them to the trained tensors."""
        return _joined(self._tensors, self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def step(self, iteration: int) -> None:
        """One Adam step at ``iteration`` (from 1), with the rates of that iteration.

        Degree 1 learns from iteration ``sh_degree_from`` on, as 3DGS raises the degree.
        """
        settings = self._settings
        progress = min(iteration / settings.iterations, 1.0)
        ratio = settings.position_rate_final / settings.position_rate
        for group in self._adam.param_groups:
            if group["name"] == "means_mm":
                group["lr"] = settings.position_rate * self._extent_mm * ratio**progress
        if iteration < settings.sh_degree_from:
            self._tensors["sh_1"].grad = None
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def keep(self, mask: Tensor) -> None:
        """Drop every Gaussian outside ``mask`` (N,) bool, with its moments."""
        self._labels = self._labels[mask]
        self._replace(
            {name: tensor.detach()[mask] for name, tensor in self._tensors.items()}, lambda state: state[mask]
        )

    def append(self, more: Gaussians6D) -> None:
        """Add Gaussians; their moments begin at zero."""
        added = _split(more)
        self._labels = torch.cat([self._labels, more.labels])
        self._replace(
            {name: torch.cat([tensor.detach(), added[name]]) for name, tensor in self._tensors.items()},
            lambda state: torch.cat([state, state.new_zeros((len(more), *state.shape[1:]))]),
        )

    def cap_opacity(self, highest: float) -> None:
        """Lower every opacity to at most ``highest`` and forget its moments (the authors' opacity reset)."""
        tensor = self._tensors["opacity_logit"]
        ceiling = float(torch.logit(torch.tensor(highest)))
        with torch.no_grad():
            tensor.clamp_(max=ceiling)
        state = self._adam.state.get(tensor, {})
        for moment in _MOMENTS:
            if moment in state:
                state[moment].zero_()

    def snapshot(self) -> Snapshot:
        """The Gaussians with their moments."""
        tensors = {"labels": self._labels}
        for name, tensor in self._tensors.items():
            tensors[name] = tensor.detach()
            for key, state in self._adam.state.get(tensor, {}).items():
                tensors[f"{name}.{key}"] = state
        return Snapshot(tensors=tensors)

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from ``snapshot``.

        Raises:
            KeyError: a tensor is missing.
            ValueError: the tensors' numbers of Gaussians differ.
        """
        self._labels = snapshot.tensors["labels"]
        self._adam.state.clear()
        for group in self._adam.param_groups:
            name = group["name"]
            tensor = snapshot.tensors[name].requires_grad_(True)
            # A tensor that has not learnt yet has no moments.
            if f"{name}.{_STEP}" in snapshot.tensors:
                self._adam.state[tensor] = {
                    key: snapshot.tensors[f"{name}.{key}"] for key in (_STEP, *_MOMENTS)
                }
            group["params"] = [tensor]
            self._tensors[name] = tensor
        # Gaussians6D checks every shape.
        _joined(self._tensors, self._labels)

    def _replace(self, tensors: dict[str, Tensor], of_state: Callable[[Tensor], Tensor]) -> None:
        for group in self._adam.param_groups:
            name = group["name"]
            old, new = self._tensors[name], tensors[name].contiguous().requires_grad_(True)
            state = self._adam.state.pop(old, None)
            if state is not None:
                for moment in _MOMENTS:
                    state[moment] = of_state(state[moment])
                self._adam.state[new] = state
            group["params"] = [new]
            self._tensors[name] = new


def _split(gaussians: Gaussians6D) -> dict[str, Tensor]:
    return {
        "means_mm": gaussians.means_mm.detach(),
        "directions": gaussians.directions.detach(),
        "log_diagonal": gaussians.log_diagonal.detach(),
        "off_diagonal": gaussians.off_diagonal.detach(),
        "opacity_logit": gaussians.opacity_logit.detach(),
        "sh_0": gaussians.sh.detach()[:, :1],
        "sh_1": gaussians.sh.detach()[:, 1:],
    }


def _joined(tensors: dict[str, Tensor], labels: Tensor) -> Gaussians6D:
    return Gaussians6D(
        means_mm=tensors["means_mm"],
        directions=tensors["directions"],
        log_diagonal=tensors["log_diagonal"],
        off_diagonal=tensors["off_diagonal"],
        opacity_logit=tensors["opacity_logit"],
        sh=torch.cat([tensors["sh_0"], tensors["sh_1"]], dim=1),
        labels=labels,
    )
