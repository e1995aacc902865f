"""The walk on CPU: rows of an image on a pool of threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from renderbench.groundtruth.native.rays import Rays
from renderbench.groundtruth.native.rows import render_rows
from renderbench.groundtruth.native.scene import Scene

_ROWS_PER_TASK = 4


class CpuTracer:
    """Traces paths on CPU threads; how many of them does not change a bit. See :class:`.scene.Tracer`.

    Args:
        scene: what to trace.
        threads: how many.
    """

    device = "cpu"

    def __init__(self, scene: Scene, *, threads: int) -> None:
        self._scene = scene
        self._threads = threads

    def trace(
        self, rays: Rays, *, height: int, width: int, seed: int, first: int, count: int
    ) -> NDArray[np.float32]:
        """See :meth:`.scene.Tracer.trace`."""
        halves = np.empty((2, height, width, 5), dtype=np.float32)
        pool = ThreadPoolExecutor(self._threads)
        try:
            tasks = [
                pool.submit(
                    self._rows, row, min(row + _ROWS_PER_TASK, height), halves, rays, seed, first, count
                )
                for row in range(0, height, _ROWS_PER_TASK)
            ]
            for task in tasks:
                task.result()
        finally:
            # An interrupted user should not wait for the rest of the view.
            pool.shutdown(cancel_futures=True)
        return halves

    def _rows(
        self, row: int, end: int, halves: NDArray[np.float32], rays: Rays, seed: int, first: int, count: int
    ) -> None:
        scene = self._scene
        render_rows(
            row,
            end,
            halves,
            first,
            count,
            np.uint64(seed),
            rays,
            scene.density,
            scene.majorants,
            scene.voxels_per_mm,
            scene.max_depth,
            scene.anisotropy,
            scene.lights,
        )
