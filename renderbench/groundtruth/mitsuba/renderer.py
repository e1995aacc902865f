"""The Mitsuba renderer: passes of two halves, in launches that fit into memory."""

from __future__ import annotations

import hashlib
import importlib.metadata
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.mitsuba.plugins import pinhole
from renderbench.groundtruth.mitsuba.scene import load_scene, scene_from_world
from renderbench.groundtruth.mitsuba.variants import CUDA, SCALAR, usable_variant
from renderbench.groundtruth.renderer import RenderPass
from renderbench.threads import thread_count

# Part of every digest: raise it whenever a change here changes a pixel.
_OURS = 1
# Samples in flight at once: each takes some hundred bytes.
_LAUNCH = 1 << 22


def version(variant: str | None = None) -> str:
    """The version of Mitsuba's images on this machine: the scalar variant renders a slightly other medium."""
    chosen = usable_variant(variant)
    apart = ", albedo interpolated apart" if chosen == SCALAR else ""
    return f"{_OURS} (mitsuba {importlib.metadata.version('mitsuba')}{apart})"


class MitsubaRenderer:
    """Path-traces a medium by Mitsuba 3's ``volpathmis``.

    Under the LLVM and CUDA variants the medium is the one that :class:`Medium` defines. The scalar
    variant interpolates albedo and extinction apart, which shows where two materials meet.

    Args:
        medium: what to render.
        settings: depth, lights and phase function.
        variant: of Mitsuba, one of :data:`variants.VARIANTS`; by default the fastest that runs here.
        threads: how many; by default the environment variable RENDERBENCH_THREADS, else one per core.

    Raises:
        InputError: Mitsuba or the variant is not there, or the environment map cannot be read.
    """

    name = "mitsuba"

    def __init__(
        self,
        medium: Medium,
        settings: RendererSettings,
        *,
        variant: str | None = None,
        threads: int | None = None,
    ) -> None:
        self.variant = usable_variant(variant)
        self._threads = threads or thread_count()
        self._scene_from_world = scene_from_world(medium)
        _activate(self.variant, self._threads)
        self._scene = load_scene(medium, settings)

    @property
    def version(self) -> str:
        """Of Mitsuba and of what is written around it."""
        return version(self.variant)

    def render_pass(self, camera: Camera, *, seed: int, first: int, count: int) -> RenderPass:
        """Samples ``first`` to ``first + count - 1`` of each half, see :class:`Renderer`.

        Samples are independent, and so are those of passes that begin at different samples.
        """
        start = time.perf_counter()
        _activate(self.variant, self._threads)
        halves = np.stack([self._half(camera, f"{seed}/{half}/{first}", count) for half in range(2)])
        return RenderPass(
            halves=np.ascontiguousarray(halves[..., :3], dtype=np.float32),
            alpha=halves[..., 3].mean(axis=0).astype(np.float32),
            depth_mm=None,
            samples=2 * count,
            seconds=time.perf_counter() - start,
            device="cuda" if self.variant == CUDA else "cpu",
        )

    def _half(self, camera: Camera, key: str, count: int) -> NDArray[np.float64]:
        """(H, W, 4) rgb and alpha, the mean of ``count`` samples whose random numbers ``key`` names."""
        image = np.empty((camera.height, camera.width, 4))
        rows = min(max(_LAUNCH // camera.width, 1), camera.height)
        most = max(_LAUNCH // (rows * camera.width), 1)
        for row in range(0, camera.height, rows):
            band = slice(row, min(row + rows, camera.height))
            image[band] = sum(
                self._launch(camera, band, f"{key}/{row}/{done}", min(most, count - done))
                for done in range(0, count, most)
            )
        return image / count

    def _launch(self, camera: Camera, band: slice, key: str, count: int) -> NDArray[np.float64]:
        """The sum of ``count`` samples of some rows."""
        import mitsuba as mi

        base, offset = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=8).digest(), dtype=np.uint32)
        sensor = _sensor(camera, self._scene_from_world, band, int(base))
        pixels = mi.render(self._scene, sensor=sensor, spp=count, seed=mi.UInt32(int(offset)))
        return np.array(pixels, dtype=np.float64) * count


def _activate(variant: str, threads: int) -> None:
    import mitsuba as mi

    mi.set_variant(variant)
    import drjit as dr

    mi.set_log_level(mi.LogLevel.Error)
    dr.set_thread_count(threads)


def _sensor(camera: Camera, scene_from_world: NDArray[np.float64], band: slice, seed: int) -> Any:
    """The Mitsuba sensor of some rows of a view, with random numbers of its own."""
    import mitsuba as mi

    film = {
        "type": "hdrfilm",
        "width": camera.width,
        "height": camera.height,
        "crop_offset_x": 0,
        "crop_offset_y": band.start,
        "crop_width": camera.width,
        "crop_height": band.stop - band.start,
        "pixel_format": "rgba",
        "component_format": "float32",
        "rfilter": {"type": "box"},
    }
    sampler = {"type": "independent", "seed": seed}
    scene_from_camera = scene_from_world @ camera.world_from_camera
    if mi.variant() == SCALAR and camera.fx_px == camera.fy_px:
        # One call into Python a sample would more than double the scalar variant's time.
        return mi.load_dict(
            {
                "type": "perspective",
                # Mitsuba's cameras have +x left and +y up.
                "to_world": mi.ScalarTransform4f(
                    (scene_from_camera @ np.diag([-1.0, -1.0, 1.0, 1.0])).tolist()
                ),
                "fov_axis": "x",
                "fov": float(np.degrees(2.0 * np.arctan(camera.width / 2.0 / camera.fx_px))),
                "principal_point_offset_x": 0.5 - camera.cx_px / camera.width,
                "principal_point_offset_y": 0.5 - camera.cy_px / camera.height,
                "near_clip": 1e-2,
                "far_clip": 1e9,
                "film": film,
                "sampler": sampler,
            }
        )
    height = band.stop - band.start
    camera_from_film = np.array(
        [
            [camera.width / camera.fx_px, 0.0, -camera.cx_px / camera.fx_px],
            [0.0, height / camera.fy_px, (band.start - camera.cy_px) / camera.fy_px],
            [0.0, 0.0, 1.0],
        ]
    )
    return pinhole(
        scene_from_camera[:3, :3] @ camera_from_film,
        scene_from_camera[:3, 3],
        film=mi.load_dict(film),
        sampler=mi.load_dict(sampler),
    )
