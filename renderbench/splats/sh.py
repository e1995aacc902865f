"""Spherical harmonics of degree 1, in the 3DGS convention."""

from __future__ import annotations

import torch

SH_C0 = 0.28209479177387814
SH_C1 = 0.4886025119029199


def evaluate_sh(sh: torch.Tensor, directions: torch.Tensor) -> torch.Tensor:
    """Colours seen along unit directions (``c_i`` of section 3.2 of the Render-FM paper).

    colour = 0.5 + C0 sh_0 - C1 y sh_1 + C1 z sh_2 - C1 x sh_3, clamped at 0 from below.

    Args:
        sh: (N, 4, 3) coefficients; the middle axis is the basis function (1, y, z, x).
        directions: (N, 3) unit vectors from the camera to the Gaussian.

    Returns:
        (N, 3) sRGB, at least 0; not clamped from above.
    """
    x, y, z = directions[:, :, None].unbind(1)
    colours = 0.5 + SH_C0 * sh[:, 0] + SH_C1 * (z * sh[:, 2] - y * sh[:, 1] - x * sh[:, 3])
    return colours.clamp_min(0)


def sh_from_rgb(rgb: torch.Tensor) -> torch.Tensor:
    """Coefficients (N, 4, 3) of a view-independent colour (N, 3), sRGB in [0, 1]."""
    sh = rgb.new_zeros(len(rgb), 4, 3)
    sh[:, 0] = (rgb - 0.5) / SH_C0
    return sh
