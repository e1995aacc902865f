"""The head: from features at foreground voxels to the parameters of their Gaussians.

Sections 3.1 ("6DGS Parameter Prediction") and 3.2 ("Gaussian Instantiation") of the Render-FM paper. A
1 × 1 × 1 convolution is a linear map of every voxel by itself, so it is worked out where a Gaussian will be
and nowhere else. Not of the paper: before that map come two layers, likewise of every voxel by itself, that
see the light at the voxel beside its features.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.sh import SH_C0
from renderfm.light import VALUES
from renderfm.settings import ModelSettings

HIDDEN = 64
# Base colour and opacity; light, and the logarithm of light.
_LOCAL = 4 + 2 * VALUES
# Light below this is dark.
_DARK = 0.01
_SLOPE = 0.01
_ROWS = 1 << 16


class Head(nn.Module):
    """Offsets of the prior's Gaussians: mean direction, colour, opacity, log-diagonal, off-diagonal.

    37 outputs (3 + 12 + 1 + 6 + 15), fewer where an ablation takes some away. They begin at zero, and a
    zero changes nothing: an untrained model is the prior. Off-diagonal outputs go through
    2 sigmoid(x) - 1 = tanh(x / 2) in :class:`~renderbench.splats.gaussians.Gaussians6D`, the mean
    directions of the prior are zero, and so is the view-dependent part of its colour; thus offsets and
    the paper's "directly extracted" values are the same there.

    Args:
        channels_in: of the features.
        settings: of the model.
    """

    def __init__(self, channels_in: int, settings: ModelSettings) -> None:
        super().__init__()
        self._settings = settings
        directional = settings.gaussians == "6d"
        # Rows of the covariance's factor that depend on position alone come first in both fields.
        self._widths = {
            "directions": 3 if directional else 0,
            "sh": 12 if settings.sh_degree == 1 else 3,
            "opacity_logit": 1,
            "log_diagonal": 6 if directional else 3,
            "off_diagonal": 15 if directional else 3,
        }
        self.hidden = None
        if settings.light:
            self.hidden = nn.Sequential(
                nn.Linear(channels_in + _LOCAL, HIDDEN),
                nn.LeakyReLU(_SLOPE),
                nn.Linear(HIDDEN, HIDDEN),
                nn.LeakyReLU(_SLOPE),
            )
        self.linear = nn.Linear(HIDDEN if settings.light else channels_in, sum(self._widths.values()))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor, prior: Gaussians6D, light: Tensor | None = None) -> Gaussians6D:
        """The Gaussians of N foreground voxels.

        Args:
            features: (N, channels_in).
            prior: N Gaussians, to which the outputs are added.
            light: (N, 6), see :func:`renderfm.light.light_of`; only of a model that is told it.
        """
        base = self._base(prior)
        if self.hidden is None:
            outputs = self.linear(features)
        elif light is None:
            raise ValueError("expected the light at the voxels, found none")
        else:
            # Hidden layers are wider than all that is kept of a voxel, so only some rows have them at once;
            # with gradients all are kept anyway.
            rows = len(features) if torch.is_grad_enabled() else _ROWS
            parts = (each.split(rows) for each in (features, base.sh, base.opacity_logit, light))
            outputs = torch.cat([self.linear(self._told(*part)) for part in zip(*parts, strict=True)])
        # Under mixed precision the map is in half precision; positions and colours are not.
        return self._moved(base, outputs.to(base.sh.dtype))

    def constant(self, prior: Gaussians6D) -> Gaussians6D:
        """What the bias alone makes of N foreground voxels."""
        base = self._base(prior)
        return self._moved(base, self.linear.bias.to(base.sh.dtype).expand(len(prior), -1))

    def _told(self, features: Tensor, sh: Tensor, opacity_logit: Tensor, light: Tensor) -> Tensor:
        """(N, HIDDEN): features and what is known of each voxel by itself, through the hidden layers."""
        assert self.hidden is not None
        local = [0.5 + SH_C0 * sh[:, 0], opacity_logit[:, None] / 4.0, light, torch.log(light + _DARK) + 2.0]
        told: Tensor = self.hidden(torch.cat([features, *(each.to(features.dtype) for each in local)], dim=1))
        return told

    def _moved(self, base: Gaussians6D, outputs: Tensor) -> Gaussians6D:
        offsets = dict(zip(self._widths, outputs.split(list(self._widths.values()), dim=1), strict=True))
        if self._settings.colour == "gain":
            offsets["sh"] = _times_base(offsets["sh"], base.sh)
        return replace(
            base, **{name: _added(getattr(base, name), offset) for name, offset in offsets.items()}
        )

    def _base(self, prior: Gaussians6D) -> Gaussians6D:
        colour = prior.sh if self._settings.prime_colour else torch.zeros_like(prior.sh)
        logit = prior.opacity_logit
        return replace(
            prior, sh=colour, opacity_logit=logit if self._settings.prime_opacity else torch.zeros_like(logit)
        )


def _times_base(offset: Tensor, sh: Tensor) -> Tensor:
    """``offset`` (N, 3 k), of k coefficients, times the base colour of coefficients ``sh`` (N, 4, 3)."""
    relative = (0.5 + SH_C0 * sh[:, 0]) / SH_C0
    return (offset.reshape(len(offset), -1, 3) * relative[:, None]).reshape(offset.shape)


def _added(base: Tensor, offset: Tensor) -> Tensor:
    """``base`` (N, …) with ``offset`` (N, M) added to the first M of each row's values."""
    rows = base.reshape(len(base), -1)
    width = offset.shape[1]
    return torch.cat([rows[:, :width] + offset, rows[:, width:]], dim=1).reshape(base.shape)
