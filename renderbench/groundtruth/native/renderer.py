"""The native renderer: Python around the compiled kernels."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera
from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native.illumination import illumination
from renderbench.groundtruth.native.majorants import majorant_cells
from renderbench.groundtruth.native.rows import render_rows
from renderbench.groundtruth.renderer import RenderPass
from renderbench.threads import thread_count

# Part of every digest: raise it whenever a change of the kernels changes a pixel.
VERSION = "2"
_ROWS_PER_TASK = 4


class NativeRenderer:
    """Path-traces a medium under a hidden environment, constant or a map, and a key light.

    The image is a function of medium, settings, camera and seed alone: the number of threads does not
    change a bit of it.

    Args:
        medium: what to render.
        settings: depth, lights and phase function; ``settings.seed`` is the caller's business, since
            every view has a seed of its own.
        threads: how many; by default the environment variable RENDERBENCH_THREADS, else one per core.

    Raises:
        InputError: the environment map is not one, see :mod:`..lights`.
    """

    name = "native"
    version = VERSION

    def __init__(self, medium: Medium, settings: RendererSettings, *, threads: int | None = None) -> None:
        self._density = medium.density
        self._settings = settings
        self._threads = threads or thread_count()
        self._majorants = majorant_cells(medium.density[..., 0])
        spacing_mm = np.linalg.norm(medium.world_from_voxel[:3, :3], axis=0)
        self._voxels_per_mm = (1.0 / spacing_mm).astype(np.float32)
        # Scattering is the same in any frame, so rays are turned once, into the volume's own axes.
        self._axes_from_world = (medium.world_from_voxel[:3, :3] / spacing_mm).T
        self._lights = illumination(settings, self._axes_from_world)
        self._voxel_from_world = np.linalg.inv(medium.world_from_voxel)

    def render_pass(self, camera: Camera, *, seed: int, first: int, count: int) -> RenderPass:
        """Samples ``first`` to ``first + count - 1`` of each half, see :class:`Renderer`.

        Samples of a pixel are points of one scrambled Sobol' sequence, so that passes continue it.
        """
        start = time.perf_counter()
        halves = np.empty((2, camera.height, camera.width, 5), dtype=np.float32)
        pool = ThreadPoolExecutor(self._threads)
        try:
            tasks = [
                pool.submit(self._render_rows, camera, row, halves, seed, first, count)
                for row in range(0, camera.height, _ROWS_PER_TASK)
            ]
            for task in tasks:
                task.result()
        finally:
            # An interrupted user should not wait for the rest of the view.
            pool.shutdown(cancel_futures=True)
        alpha, distance = halves[..., 3].mean(axis=0), halves[..., 4].mean(axis=0)
        with np.errstate(invalid="ignore"):
            depth_mm = distance / alpha
        return RenderPass(
            halves=np.ascontiguousarray(halves[..., :3]),
            alpha=alpha,
            depth_mm=depth_mm,
            samples=2 * count,
            seconds=time.perf_counter() - start,
        )

    def _render_rows(
        self, camera: Camera, row: int, halves: NDArray[np.float32], seed: int, first: int, count: int
    ) -> None:
        render_rows(
            row,
            min(row + _ROWS_PER_TASK, camera.height),
            halves,
            self._density,
            self._majorants,
            self._voxel_from_world[:3, :3] @ camera.position_mm + self._voxel_from_world[:3, 3],
            self._axes_from_world @ camera.world_from_camera[:3, :3] @ _camera_from_pixel(camera),
            self._voxels_per_mm,
            first,
            count,
            self._settings.max_depth,
            self._settings.anisotropy,
            self._lights,
            np.uint64(seed % 2**64),
        )


def _camera_from_pixel(camera: Camera) -> NDArray[np.float64]:
    """(3, 3): (column, row, 1) to a direction in OpenCV camera axes."""
    return np.array(
        [
            [1 / camera.fx_px, 0.0, -camera.cx_px / camera.fx_px],
            [0.0, 1 / camera.fy_px, -camera.cy_px / camera.fy_px],
            [0.0, 0.0, 1.0],
        ]
    )
