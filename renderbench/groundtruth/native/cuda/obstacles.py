"""Why a CUDA device cannot be used, if it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from renderbench.groundtruth.native.cuda.tracer import BAND_BYTES, CudaTracer
from renderbench.groundtruth.native.illumination import Illumination
from renderbench.groundtruth.native.rays import Rays
from renderbench.groundtruth.native.scene import Scene


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What was found instead of a device that can be used, and what to do about it."""

    found: str
    remedy: str


def cuda_obstacle(scene: Scene | None = None) -> Obstacle | None:
    """Why the native renderer cannot use CUDA here; None if it can.

    Asked for the first time where there is a device, it compiles the kernel and renders one pixel, some
    seconds: only that shows that driver, compiler and packages go together.

    Args:
        scene: that the device is to hold.
    """
    obstacle = _trial()
    if obstacle is not None or scene is None:
        return obstacle
    from numba import cuda

    free = cuda.current_context().get_memory_info()[0]
    needed = scene.nbytes + BAND_BYTES
    if needed > free:
        return Obstacle(
            found=f"{free / 1e9:.1f} GB of free memory on it where {needed / 1e9:.1f} GB are needed",
            remedy="free its memory",
        )
    return None


@cache
def _trial() -> Obstacle | None:
    package = "pip install 'renderbench[cuda]'"
    try:
        from numba import cuda
    except ImportError as error:
        return Obstacle(found=f"no numba-cuda ({error})", remedy=package)
    if not cuda.is_available():
        return Obstacle(
            found="none with a driver and numba-cuda's libraries",
            remedy=f"install NVIDIA's driver and `{package}`",
        )
    try:
        CudaTracer(_pixel_of_nothing()).trace(_straight_on(), height=1, width=1, seed=0, first=0, count=1)
    # Whatever goes wrong between packages, libraries and driver, it is this machine's CUDA that is amiss.
    except Exception as error:
        lines = str(error).split("\n")
        return Obstacle(
            found=f"one on which a trial failed ({type(error).__name__}: {lines[0]})",
            remedy=f"bring NVIDIA's driver up to date and `{package}`",
        )
    return None


def _pixel_of_nothing() -> Scene:
    nothing = np.zeros(3, dtype=np.float32)
    return Scene(
        density=np.zeros((3, 3, 3, 4), dtype=np.float32),
        majorants=np.zeros((1, 1, 1), dtype=np.float32),
        voxels_per_mm=np.ones(3, dtype=np.float32),
        lights=Illumination(
            radiance=np.float32(1.0),
            sky=np.zeros((1, 1, 4), dtype=np.float32),
            rows=np.ones(1, dtype=np.float32),
            columns=np.ones((1, 1), dtype=np.float32),
            world_from_axes=np.eye(3, dtype=np.float32),
            key=nothing,
            key_irradiance=np.float32(0.0),
            key_spread=np.float32(0.0),
        ),
        max_depth=1,
        anisotropy=np.float32(0.0),
    )


def _straight_on() -> Rays:
    return Rays(
        start=np.ones((3, 3), dtype=np.float32),
        direction=np.array([[0, 0, 0], [0, 0, 0], [0, 0, 1]], dtype=np.float32),
        plane_mm=np.float32(1.0),
    )
