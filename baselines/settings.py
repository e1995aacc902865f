"""Settings of the baselines, with the authors' values as defaults. Cheap to import."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from renderbench.config import Strict

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Some = Annotated[int, Field(ge=1)]


class AgpSettings(Strict):
    """The anatomy-guided prior (Render-FM, section 3.1); see ``renderbench.splats.prior``.

    ``shading_gain`` multiplies colours in linear light: a transfer function's colour is an albedo,
    not yet a shaded colour. 1 leaves it as it is; ``fit`` finds the one gain that suits the fitting
    views best, and is then the only thing that is fitted.
    """

    stride_voxels: Some = 2
    position_sd: Positive = 0.5
    direction_sd: Positive = 3.0
    opacity: Literal["physical", "paper"] = "physical"
    shading_gain: Positive | Literal["fit"] = 1.0
    lambda_opacity: Positive = 0.35


class FitSettings(Strict):
    """The fitting loop of 6DGS (Gao et al. 2024), with the rates and schedules of its authors.

    Rates of position are in scene extents and fall exponentially over the iterations; those of the
    covariance are the authors' later ones (their first were 1e-2 for both). Densification runs after
    ``densify_from`` and before ``densify_until``. ``heldout_every``: under the ``heldout`` protocol, one
    fitting view in so many is kept for selection. ``seed`` is of everything random in the fit, the suite's
    where it is None: rows that differ in it alone share their views. ``patience`` ends a fit after so many
    evaluations in a row without a better one; by default nothing ends it early.

    ``checkpoint_every`` iterations a killed fit can go on from (0: never), as long as writing takes no
    more than ``checkpoint_share`` of the time. Neither changes a result, so neither is part of a record.

    Where this differs from the authors' code, whatever the preset:

    - Spherical harmonics end at degree 1 (theirs: 3), as in Render-FM; so the degree is raised once.
    - Initial spread in position follows the distance to neighbours, in millimetres. Theirs is 0.1 in the
      units of their own worlds, which no number of millimetres stands for.
    - A step of Adam comes before densification, not after; theirs is then lost, for want of gradients.
    - Views are drawn by permutation; theirs one by one without replacement, which is the same in law.

    ``preset = "authors"`` begins with the authors' value wherever a default differs from it: no limit on
    the number of Gaussians, and what the methods' own settings name. Settings given beside it win.
    """

    AUTHORS: ClassVar[dict[str, Any]] = {"max_points": None}

    preset: Literal["renderbench", "authors"] = "renderbench"
    seed: Count | None = None
    iterations: Some = 30_000
    evaluate_every: Some = 500
    heldout_every: Annotated[int, Field(ge=2)] = 10
    patience: Some | None = None
    checkpoint_every: Annotated[int, Field(ge=0, exclude=True)] = 500
    checkpoint_share: Annotated[float, Field(gt=0, le=1, exclude=True)] = 0.02
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
    densify_every: Some = 100
    densify_gradient: Positive = 2e-4
    percent_dense: Positive = 0.01
    opacity_reset_every: Some = 3000
    opacity_reset_to: Annotated[float, Field(gt=0, lt=1)] = 0.01
    prune_opacity: Fraction = 0.01
    prune_scale: Positive = 0.1
    prune_scale_from: Count = 3000
    max_points: Some | None = 400_000

    @model_validator(mode="before")
    @classmethod
    def _fill_in_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") == "authors":
            return {**cls.AUTHORS, **given}
        return given


class SixDgsSettings(FitSettings):
    """6DGS from CT radiodensity: marching-cubes surface points and density-weighted points.

    ``surface_points`` and ``density_points`` follow DDGS-CT. ``initial_direction_sd`` is the prior's own,
    so that the comparison with 6DGS + AGP is one of where a fit begins, not of how wide its Gaussians see;
    docs/real-ct.md shows how much it matters. The authors' 0.1 hides most Gaussians from most views.
    """

    AUTHORS: ClassVar[dict[str, Any]] = {**FitSettings.AUTHORS, "initial_direction_sd": 0.1}

    surface_points: Some = 15_000
    density_points: Count = 10_000
    initial_opacity: Annotated[float, Field(gt=0, lt=1)] = 0.1
    initial_direction_sd: Positive = 3.0


class SixDgsAgpSettings(FitSettings):
    """6DGS begun from the anatomy-guided prior.

    ``prior`` makes the candidates; the ``initial_points`` with the highest blending weight over the
    fitting views begin the fit, or all of them where it is None. As far as they are published, the
    authors of Render-FM begin with all, with a transfer function's own colour, and with sigmoid(alpha).
    """

    AUTHORS: ClassVar[dict[str, Any]] = {
        **FitSettings.AUTHORS,
        "initial_points": None,
        "prior": {"opacity": "paper", "direction_sd": 0.1},
    }

    prior: AgpSettings = AgpSettings(shading_gain="fit")
    initial_points: Some | None = 136_000
