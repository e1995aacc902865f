"""The native renderer: Python around the compiled kernels."""

from __future__ import annotations

import time

import numpy as np

from renderbench.cameras import Camera
from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native.devices import make_tracer
from renderbench.groundtruth.native.rays import camera_rays
from renderbench.groundtruth.native.scene import scene_of
from renderbench.groundtruth.renderer import RenderPass

# Part of every digest: raise it whenever a change of the kernels changes a pixel.
VERSION = "3"


class NativeRenderer:
    """Path-traces a medium under a hidden environment, constant or a map, and a key light.

    On one kind of device the image is a function of medium, settings, camera and seed alone; the number of
    threads does not change a bit of it. CPU and CUDA run the same walk over the same samples, and differ by
    what their rounding does to it: far below the noise, but not nothing. So the device is no part of a
    digest (views made on a server with a GPU hold on a laptop without) but is for the record.

    Args:
        medium: what to render.
        settings: depth, lights and phase function; ``settings.seed`` is the caller's business, since
            every view has a seed of its own.
        threads: how many on CPU; by default the environment variable RENDERBENCH_THREADS, else one per core.
        device: ``cpu`` or ``cuda``; by default the environment variable RENDERBENCH_DEVICE, else CUDA where
            it can be used.

    Raises:
        InputError: the environment map is not one, see :mod:`..lights`; the device cannot be used.
    """

    name = "native"
    version = VERSION

    def __init__(
        self,
        medium: Medium,
        settings: RendererSettings,
        *,
        threads: int | None = None,
        device: str | None = None,
    ) -> None:
        self._world_from_voxel = medium.world_from_voxel
        self._shape = medium.density.shape
        self._tracer = make_tracer(scene_of(medium, settings), threads=threads, device=device)

    @property
    def device(self) -> str:
        """What renders: ``cpu``, or ``cuda: `` and the name of the device."""
        return self._tracer.device

    def render_pass(self, camera: Camera, *, seed: int, first: int, count: int) -> RenderPass:
        """Samples ``first`` to ``first + count - 1`` of each half, see :class:`Renderer`.

        Samples of a pixel are points of one scrambled Sobol' sequence, so that passes continue it.
        """
        start = time.perf_counter()
        halves = self._tracer.trace(
            camera_rays(camera, self._world_from_voxel, self._shape),
            height=camera.height,
            width=camera.width,
            seed=seed % 2**64,
            first=first,
            count=count,
        )
        alpha, distance = halves[..., 3].mean(axis=0), halves[..., 4].mean(axis=0)
        with np.errstate(invalid="ignore"):
            depth_mm = distance / alpha
        return RenderPass(
            halves=np.ascontiguousarray(halves[..., :3]),
            alpha=alpha,
            depth_mm=depth_mm,
            samples=2 * count,
            seconds=time.perf_counter() - start,
            device=self.device,
        )
