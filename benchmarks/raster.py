"""How fast the rasteriser is: ``python benchmarks/raster.py [--json FILE]``.

Times slice + project + bin, compositing, their gradients, and both ways through torch, on a random scene
that resembles a body. Prints the median wall time, and the CPU time divided by the number of threads, which
holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from renderbench.cameras import Camera
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.raster import RasterSettings, rasterise
from renderbench.splats.raster.passes import (
    Parameters,
    composite,
    composite_gradient,
    project,
    project_gradient,
)
from renderbench.splats.raster.settings import view_of
from renderbench.threads import thread_count

SIZES = ((45_000, 256), (130_000, 512))
Clocks = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=thread_count())
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    hardware = (
        f"{_processor()}, {arguments.threads} threads, Python {platform.python_version()}, "
        f"numba {numba.__version__}, torch {torch.__version__}"
    )
    print(hardware)
    print(f"{'ms':24s}" + "".join(f"{f'{count // 1000}k @ {side}²':>22s}" for count, side in SIZES))
    results = [measure(count, side, arguments.threads, arguments.repeats) for count, side in SIZES]
    for name in results[0]["median_ms"]:
        cells = (result["median_ms"][name] for result in results)
        print(f"{name:24s}" + "".join(f"{f'{wall:.1f} (cpu {cpu:.1f})':>22s}" for wall, cpu in cells))
    print(f"{'pairs':24s}" + "".join(f"{result['pairs']:>22d}" for result in results))
    if arguments.json:
        arguments.json.write_text(json.dumps({"hardware": hardware, "results": results}, indent=2) + "\n")


def measure(count: int, side: int, threads: int, repeats: int) -> dict[str, Any]:
    """Medians of (wall, CPU / threads) by pass, ms; the first round compiles and is dropped."""
    gaussians, camera = body(count), camera_in_front(side)
    arrays = Parameters(*(value.numpy() for value in gaussians.parameters().values()))
    view = view_of(camera, RasterSettings())
    leaves = {name: value.clone().requires_grad_() for name, value in gaussians.parameters().items()}
    trained = Gaussians6D(**leaves, labels=gaussians.labels)
    clocks: dict[str, list[Clocks]] = {}

    def timed(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = function(*arguments)
        took = (time.perf_counter() - wall, (time.process_time() - cpu) / threads)
        clocks.setdefault(name, []).append(took)
        return result

    def train_step() -> None:
        for leaf in leaves.values():
            leaf.grad = None
        output = rasterise(trained, camera)
        torch.autograd.backward([output.rgb], [torch.ones_like(output.rgb)])

    for _ in range(repeats + 1):
        projected = timed("project and bin", project, arrays, view, threads)
        rgb, transmittance = timed("composite", composite, projected, (0.0, 0.0, 0.0))
        outer = (np.ones_like(rgb), np.zeros_like(transmittance))
        sums = timed("composite, gradient", composite_gradient, projected, rgb, transmittance, *outer)
        timed("project, gradient", project_gradient, arrays, projected, sums)
        timed("torch forward", rasterise, gaussians, camera)
        timed("torch forward, backward", train_step)
    medians = {
        name: [round(1e3 * statistics.median(clock[k] for clock in taken[1:]), 2) for k in range(2)]
        for name, taken in clocks.items()
    }
    return {
        "gaussians": count,
        "side_px": side,
        "pairs": len(projected.bins.entries),
        "mean_alpha": round(float(1 - transmittance.mean()), 3),
        "median_ms": medians,
    }


def body(count: int) -> Gaussians6D:
    """Fills an ellipsoid of 340 x 220 x 500 mm, translucent, with splats that just overlap."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    outward = torch.nn.functional.normalize(normal(count, 3), dim=1)
    means = (
        outward * torch.rand(count, 1, generator=generator) ** (1 / 3) * torch.tensor([170.0, 110.0, 250.0])
    )
    size_mm = 1.8 * (1e5 / count) ** (1 / 3)
    return Gaussians6D(
        means_mm=means,
        directions=torch.nn.functional.normalize(normal(count, 3), dim=1),
        log_diagonal=torch.cat([math.log(size_mm) + 0.3 * normal(count, 3), torch.zeros(count, 3)], dim=1),
        off_diagonal=0.3 * normal(count, 15),
        opacity_logit=-1.5 + normal(count),
        sh=0.3 * normal(count, 4, 3),
        labels=torch.zeros(count, dtype=torch.uint8),
    )


def camera_in_front(side: int) -> Camera:
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]]
    pose[2, 3] = 900.0
    half = side / 2
    return Camera(
        width=side,
        height=side,
        fx_px=1.5 * side,
        fy_px=1.5 * side,
        cx_px=half,
        cy_px=half,
        camera_from_world=pose,
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
