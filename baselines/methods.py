"""What the registry knows of the baselines. Cheap to import; the factories are not."""

from __future__ import annotations

from baselines.settings import AgpSettings, SixDgsAgpSettings, SixDgsSettings
from renderbench.methods import MethodSpec

AGP = MethodSpec(
    id="agp",
    title="AGP",
    summary="the anatomy-guided prior alone: transfer-function colours at foreground voxels, no optimisation",
    version=1,
    settings=AgpSettings,
    factory="baselines.scenes:AgpMethod",
)

SIX_DGS = MethodSpec(
    id="6dgs",
    title="6DGS",
    summary="6D Gaussian splatting fitted to the fitting views, begun from CT radiodensity",
    version=2,
    settings=SixDgsSettings,
    factory="baselines.scenes:SixDgsMethod",
)

SIX_DGS_AGP = MethodSpec(
    id="6dgs-agp",
    title="6DGS + AGP",
    summary="6D Gaussian splatting fitted to the fitting views, begun from the anatomy-guided prior",
    version=2,
    settings=SixDgsAgpSettings,
    factory="baselines.scenes:SixDgsAgpMethod",
)
