"""Views in launches of a fraction of a second each."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.groundtruth.native.illumination import Illumination
from renderbench.groundtruth.native.rays import Rays
from renderbench.groundtruth.native.scene import Scene

# A warp is then eight columns by four rows of pixels, whose paths are alike.
_BLOCK = (8, 16, 1)
# Enough for the largest devices; a band's sums and means take 60 bytes a thread.
_MOST_THREADS = 1 << 22
BAND_BYTES = 60 * _MOST_THREADS
"""The most device memory that a view takes besides the scene."""
# A display's watchdog ends launches of a few seconds, and Ctrl-C waits for one to end.
_LAUNCH_S = 0.25
_MOST_GROWTH = 4


class CudaTracer:
    """Traces paths on the current CUDA device, which holds the scene. See :class:`..scene.Tracer`.

    One device gives the same bits every time. Another device, or the CPU, rounds otherwise here and there
    (fused operations, logarithms), and in one decision out of many millions this turns a path.

    Args:
        scene: what to trace.
    """

    def __init__(self, scene: Scene) -> None:
        from numba import cuda  # here, since only those with a device need it

        self._cuda = cuda
        self._arguments = (
            cuda.to_device(scene.density),
            cuda.to_device(scene.majorants),
            cuda.to_device(scene.voxels_per_mm),
            scene.max_depth,
            scene.anisotropy,
            Illumination(*(_on_device(cuda, each) for each in scene.lights)),
        )
        self._samples_per_s = 0.0

    @property
    def device(self) -> str:
        """``cuda: `` and the name of the device."""
        name = getattr(self._cuda.current_context().device, "name", "simulator")
        return f"cuda: {name.decode() if isinstance(name, bytes) else name}"

    def trace(
        self, rays: Rays, *, height: int, width: int, seed: int, first: int, count: int
    ) -> NDArray[np.float32]:
        """See :meth:`..scene.Tracer.trace`."""
        halves = np.empty((2, height, width, 5), dtype=np.float32)
        on_device = Rays(*(_on_device(self._cuda, each) for each in rays))
        band = min(height, max(1, _MOST_THREADS // (2 * width)))
        for row in range(0, height, band):
            rows = min(band, height - row)
            halves[:, row : row + rows] = self._band(on_device, row, rows, width, seed, first, count)
        return halves

    def _band(
        self, rays: Rays, row: int, rows: int, width: int, seed: int, first: int, count: int
    ) -> NDArray[np.float32]:
        """(2, rows, W, 5): all samples of some rows."""
        from renderbench.groundtruth.native.cuda.kernel import add_samples

        sums = self._cuda.device_array((2, rows, width, 5), dtype=np.float64)
        means = self._cuda.device_array((2, rows, width, 5), dtype=np.float32)
        grid = (-(-width // _BLOCK[0]), -(-rows // _BLOCK[1]), 2)
        with warnings.catch_warnings():
            # A small picture leaves most of a large device idle; its user knows.
            warnings.filterwarnings("ignore", message="Grid size")
            launch = add_samples[grid, _BLOCK]
        begin, end, step = first, first + count, 1
        while begin < end:
            within = int(self._samples_per_s * _LAUNCH_S / (2 * rows * width))
            step = min(max(within, 1), _MOST_GROWTH * step, end - begin)
            start = time.perf_counter()
            launch(sums, means, row, first, begin, begin + step, np.uint64(seed), rays, *self._arguments)
            self._cuda.synchronize()
            self._samples_per_s = 2 * rows * width * step / (time.perf_counter() - start)
            begin += step
        return means.copy_to_host()


def _on_device(cuda: Any, value: Any) -> Any:
    return cuda.to_device(value) if isinstance(value, np.ndarray) else value
