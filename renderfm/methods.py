"""What the registry knows of Render-FM. Cheap to import; the factories are not."""

from __future__ import annotations

from renderbench.methods import MethodSpec
from renderfm.settings import RenderFMFtSettings, RenderFMSettings

RENDERFM = MethodSpec(
    id="renderfm",
    title="Render-FM",
    summary="6D Gaussians predicted from CT, labels and transfer function by one pass of a trained network",
    version=3,
    settings=RenderFMSettings,
    factory="renderfm.scenes:RenderFMMethod",
    inputs="renderfm.checkpoint:checkpoint_digests",
)

RENDERFM_FT = MethodSpec(
    id="renderfm-ft",
    title="Render-FM + FT",
    summary="Render-FM, fine-tuned to the fitting views for 300 iterations",
    version=3,
    settings=RenderFMFtSettings,
    factory="renderfm.scenes:RenderFMFtMethod",
    inputs="renderfm.checkpoint:checkpoint_digests",
)
