"""Settings of the rasteriser, and cameras as its kernels take them."""

from __future__ import annotations

from dataclasses import dataclass

from renderbench.cameras import Camera
from renderbench.splats.raster.ewa import View
from renderbench.splats.slicing import LAMBDA_OPACITY
from renderbench.threads import thread_count

# gsplat widens the image by 0.3 of the half-angle's tangent, 15 % of its size, on each side.
_GUARD = 0.15


@dataclass(frozen=True, kw_only=True)
class RasterSettings:
    """How Gaussians are drawn.

    Args:
        lambda_opacity: decay of the opacity with the squared directional distance; see
            :func:`renderbench.splats.slicing.slice_gaussians`.
        near_mm: a Gaussian whose sliced mean is no deeper than this is culled.
        eps2d_px2: added to the diagonal of every projected covariance, px²; the opacity is not
            compensated for it.
        threads: how many to use; None for :func:`renderbench.threads.thread_count`. The result is the
            same, bit for bit, for any number.
    """

    lambda_opacity: float = LAMBDA_OPACITY
    near_mm: float = 1.0
    eps2d_px2: float = 0.3
    threads: int | None = None

    @property
    def worker_count(self) -> int:
        """The number of threads, at least 1."""
        return max(thread_count() if self.threads is None else self.threads, 1)


def view_of(camera: Camera, settings: RasterSettings) -> View:
    """The camera as kernels take it."""
    rotation = camera.camera_from_world[:3, :3]
    x, y, z = camera.position_mm
    guard_x, guard_y = _GUARD * camera.width, _GUARD * camera.height
    return View(
        rotation=tuple((float(row[0]), float(row[1]), float(row[2])) for row in rotation),
        position=(float(x), float(y), float(z)),
        focal=(float(camera.fx_px), float(camera.fy_px)),
        centre=(float(camera.cx_px), float(camera.cy_px)),
        limits=(
            float(-(camera.cx_px + guard_x) / camera.fx_px),
            float((camera.width - camera.cx_px + guard_x) / camera.fx_px),
            float(-(camera.cy_px + guard_y) / camera.fy_px),
            float((camera.height - camera.cy_px + guard_y) / camera.fy_px),
        ),
        near=float(settings.near_mm),
        blur=float(settings.eps2d_px2),
        falloff=float(settings.lambda_opacity),
        width=int(camera.width),
        height=int(camera.height),
    )
