"""What the walk runs on: a CUDA device where one can be used, else the CPU."""

from __future__ import annotations

import os

from renderbench.errors import InputError
from renderbench.groundtruth.native.cpu import CpuTracer
from renderbench.groundtruth.native.cuda import CudaTracer, cuda_obstacle
from renderbench.groundtruth.native.scene import Scene, Tracer
from renderbench.threads import thread_count

VARIABLE = "RENDERBENCH_DEVICE"
_DEVICES = ("cpu", "cuda")


def make_tracer(scene: Scene, *, threads: int | None = None, device: str | None = None) -> Tracer:
    """The tracer of a scene.

    Args:
        scene: what to trace.
        threads: of the CPU; by default RENDERBENCH_THREADS, else one per core.
        device: ``cpu`` or ``cuda``; by default RENDERBENCH_DEVICE, else a CUDA device if one can be used
            and holds the scene.

    Raises:
        InputError: another device is named, or ``cuda`` is and cannot be used; RENDERBENCH_THREADS is not a
            number.
    """
    threads = threads or thread_count()
    wanted = device or os.environ.get(VARIABLE, "")
    if wanted and wanted not in _DEVICES:
        raise InputError(
            VARIABLE, f"expected {' or '.join(_DEVICES)}, found {wanted!r}", "correct it, or unset it"
        )
    if wanted == "cpu":
        return CpuTracer(scene, threads=threads)
    obstacle = cuda_obstacle(scene)
    if obstacle is None:
        return CudaTracer(scene)
    if wanted == "cuda":
        raise InputError(
            VARIABLE,
            f"expected a CUDA device for the native renderer, found {obstacle.found}",
            f"{obstacle.remedy}, or set {VARIABLE}=cpu",
        )
    return CpuTracer(scene, threads=threads)
