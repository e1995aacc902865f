"""Settings of the baselines, with the authors' values as defaults. Cheap to import."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from renderbench.config import Strict

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]


class AgpSettings(Strict):
    """The anatomy-guided prior (Render-FM, section 3.1); see ``renderbench.splats.prior``.

    ``shading_gain`` multiplies colours in linear light: a transfer function's colour is an albedo,
    not yet a shaded colour. 1 leaves it as it is; ``fit`` finds the one gain that suits the fitting
    views best, and is then the only thing that is fitted.
    """

    stride_voxels: Annotated[int, Field(ge=1)] = 2
    position_sd: Positive = 0.5
    direction_sd: Positive = 3.0
    opacity: Literal["physical", "paper"] = "physical"
    shading_gain: Positive | Literal["fit"] = 1.0
    lambda_opacity: Positive = 0.35


class FitSettings(Strict):
    """The fitting loop of 6DGS (Gao et al. 2024), with the rates and schedules of its authors.

    Rates of position are in scene extents and fall exponentially over the iterations. Densification
    runs from ``densify_from`` to ``densify_until``. ``heldout_every``: under the ``heldout``
    protocol, one fitting view in so many is kept for selection.
    """

    iterations: Annotated[int, Field(ge=1)] = 30_000
    evaluate_every: Annotated[int, Field(ge=1)] = 500
    heldout_every: Annotated[int, Field(ge=2)] = 10
    ssim_weight: Fraction = 0.2
    lambda_opacity: Positive = 0.35
    position_rate: Positive = 1.6e-4
    position_rate_final: Positive = 1.6e-6
    sh_rate: Positive = 2.5e-3
    direction_rate: Positive = 2.5e-3
    opacity_rate: Positive = 0.05
    diagonal_rate: Positive = 5e-3
    off_diagonal_rate: Positive = 1e-3
    sh_degree_from: Count = 1000
    densify: bool = True
    densify_from: Count = 500
    densify_until: Count = 15_000
    densify_every: Annotated[int, Field(ge=1)] = 100
    densify_gradient: Positive = 2e-4
    percent_dense: Positive = 0.01
    opacity_reset_every: Annotated[int, Field(ge=1)] = 3000
    opacity_reset_to: Fraction = 0.01
    prune_opacity: Fraction = 0.01
    prune_scale: Positive = 0.1
    prune_scale_from: Count = 3000
    max_points: Annotated[int, Field(ge=1)] = 400_000


class SixDgsSettings(FitSettings):
    """6DGS from CT radiodensity: marching-cubes surface points and density-weighted points.

    ``surface_points`` and ``density_points`` follow DDGS-CT. The initial scale follows the distance to
    the three nearest neighbours, in millimetres. ``initial_direction_sd`` is the prior's own, so that
    the comparison with 6DGS + AGP is one of where a fit begins, not of how wide its Gaussians see;
    docs/real-ct.md shows how much it matters. The authors' 0.1 hides most Gaussians from most views.
    """

    surface_points: Annotated[int, Field(ge=1)] = 15_000
    density_points: Count = 10_000
    initial_opacity: Fraction = 0.1
    initial_direction_sd: Positive = 3.0


class SixDgsAgpSettings(FitSettings):
    """6DGS begun from the anatomy-guided prior.

    ``prior`` makes the candidates; the ``initial_points`` with the highest blending weight over the
    fitting views begin the fit.
    """

    prior: AgpSettings = AgpSettings(shading_gain="fit")
    initial_points: Annotated[int, Field(ge=1)] = 136_000
