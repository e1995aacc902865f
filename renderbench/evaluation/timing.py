"""Frames per second: warmed up, with the device's queue empty at both ends, and on which device."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from renderbench.evaluation.gpu import cuda_in_use

if TYPE_CHECKING:
    from renderbench.cameras import Camera
    from renderbench.methods import Scene

# Rendering is repeated until this much time is on the clock, so that a fast scene is timed fairly.
_TIMED_AT_LEAST_S = 1.0

CPU = "cpu"


@dataclass(frozen=True, kw_only=True)
class FrameRate:
    """How fast a scene renders.

    Args:
        fps: frames per second, mean over the cameras.
        device: ``cpu``, or the name of the GPU that memory was taken on while rendering.
    """

    fps: float
    device: str


def frame_rate(scene: Scene, cameras: Sequence[Camera]) -> FrameRate:
    """Time whole rounds over ``cameras`` until at least a second has passed.

    A frame is an image in the computer's own memory, so on a GPU its way there counts. Work that a GPU still
    has in its queue is waited for before the clock starts and before it stops.

    Args:
        scene: one that has rendered these cameras before: the first time compiles, loads and fills caches.
        cameras: what to render.
    """
    rounds = 0
    before = _gpu_allocations()
    _wait_for_gpu()
    start = time.perf_counter()
    while True:
        for camera in cameras:
            scene.render(camera)
        rounds += 1
        _wait_for_gpu()
        elapsed = time.perf_counter() - start
        if elapsed >= _TIMED_AT_LEAST_S:
            break
    on_gpu = _gpu_allocations() > before
    return FrameRate(
        fps=rounds * len(cameras) / elapsed, device=cuda_in_use().get_device_name() if on_gpu else CPU
    )


def _wait_for_gpu() -> None:
    if (cuda := cuda_in_use()) is not None:
        cuda.synchronize()


def _gpu_allocations() -> int:
    """How many pieces of GPU memory torch has handed out so far."""
    return 0 if (cuda := cuda_in_use()) is None else int(cuda.memory_stats()["allocation.all.allocated"])
