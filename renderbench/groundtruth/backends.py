"""Which renderer a suite's settings name."""

from __future__ import annotations

from pathlib import Path

from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.renderer import Renderer


def make_renderer(
    settings: RendererSettings, medium: Medium, *, threads: int | None = None, pbrt: Path | None = None
) -> Renderer:
    """The renderer that ``settings`` name, with ``medium`` loaded.

    Args:
        settings: the suite's renderer settings.
        medium: what to render.
        threads: how many threads it may use; by default RENDERBENCH_THREADS, else one per core.
        pbrt: the binary, where ``settings`` name pbrt; by default the one that
            :func:`~renderbench.groundtruth.pbrt.find_pbrt` finds.

    Raises:
        InputError: the renderer is not installed here, or the settings' environment map is not one.
    """
    # Imported here: other renderers need not be installed, and none should cost the others' start.
    if settings.name == "mitsuba":
        from renderbench.groundtruth.mitsuba import MitsubaRenderer

        return MitsubaRenderer(medium, settings, threads=threads)
    if settings.name == "pbrt":
        from renderbench.groundtruth.pbrt import PbrtRenderer, find_pbrt

        return PbrtRenderer(medium, settings, binary=find_pbrt(pbrt), threads=threads)
    from renderbench.groundtruth.native import NativeRenderer

    return NativeRenderer(medium, settings, threads=threads)


def renderer_version(settings: RendererSettings) -> str:
    """The version of the renderer that ``settings`` name, known without a medium (for digests)."""
    if settings.name == "mitsuba":
        from renderbench.groundtruth import mitsuba

        return mitsuba.version()
    if settings.name == "pbrt":
        from renderbench.groundtruth.pbrt.scene import VERSION as PBRT_VERSION

        return PBRT_VERSION
    from renderbench.groundtruth.native import VERSION

    return VERSION
