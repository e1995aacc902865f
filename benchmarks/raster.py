"""How fast the rasteriser is: ``python benchmarks/raster.py [--quick] [--opensplat CHECKOUT] [--json FILE]``.

On random scenes that resemble a body, everything in one run and in turns, so that a busy machine slows all
alike:

- ours, from 6D Gaussians to the image, with slicing and colours, forward and with backward; and each pass;
- a peer, from Gaussians already sliced and coloured: OpenSplat's CPU rasteriser where its checkout is given
  (built from source), otherwise gsplat's torch reference on a small scene; and the ratios;
- slicing alone, per 1000 Gaussians;
- training steps at 256² (draw, L1 + SSIM, backward, fused Adam);
- where there is a CUDA device, frames and training steps through gsplat, synchronised.

Every figure is a median. ``cpu`` is CPU time divided by the threads that do the work, which is what wall time
would be on cores of their own, and holds on a busy machine too. OpenSplat's rasteriser is serial.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from raster_peers import gsplat_reference, opensplat
from raster_scenes import body, camera_in_front, leaves_of
from raster_slicing import slice_once, slice_once_with_gradient

from baselines.losses import photometric_loss
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

SIZES = ((45_000, 256), (130_000, 512), (340_000, 1600))
SMALL = (2_000, 64)
TRAINING = ((45_000, 256), (130_000, 256))
PAPER = (343_058, 1600)

Timed = dict[str, list[float]]
"""By name, the medians of wall time and CPU time a thread, ms."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=thread_count())
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="three rounds, and neither 340k nor 130k @ 512²")
    parser.add_argument("--opensplat", type=Path, help="a checkout of OpenSplat, to build the peer from")
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    # As while fitting.
    torch.set_num_threads(1)
    rounds = 3 if arguments.quick else arguments.rounds
    sizes = SIZES[:1] if arguments.quick else SIZES

    hardware = (
        f"{_processor()}, {arguments.threads} threads, Python {platform.python_version()}, "
        f"numba {numba.__version__}, torch {torch.__version__}"
    )
    print(hardware)
    results: dict[str, Any] = {"hardware": hardware}
    if arguments.opensplat is None and importlib.util.find_spec("gsplat") is None:
        print("no peer: give --opensplat a checkout of OpenSplat, or pip install gsplat")
    elif arguments.opensplat is None:
        sizes = (SMALL, *sizes)
    for count, side in sizes:
        result = rasters(count, side, arguments.threads, rounds, arguments.opensplat)
        results[f"{count} @ {side}²"] = result
        _report(f"{count} Gaussians @ {side}², {result['pairs']} pairs", result)
    for count, side in TRAINING:
        result = training(count, side, arguments.threads, rounds)
        results[f"training, {count} @ {side}²"] = result
        _report(f"training, {count} @ {side}²: {result['steps_per_s']:.1f} it/s by cpu", result)
    if torch.cuda.is_available():
        results["cuda"] = cuda(*PAPER, rounds)
        print(f"\n{torch.cuda.get_device_name()}: {results['cuda']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")


def rasters(count: int, side: int, threads: int, rounds: int, checkout: Path | None) -> dict[str, Any]:
    """Our passes, our rasteriser and a peer in turns; the first round compiles and is dropped."""
    gaussians, camera = body(count), camera_in_front(side)
    trained = leaves_of(gaussians)
    arrays = Parameters(*(value.numpy() for value in gaussians.parameters().values()))
    view, shown = view_of(camera, RasterSettings()), np.ones(count, np.bool_)
    clock = _Clock(threads)
    peer = None
    # OpenSplat's kernels are serial; gsplat's reference has torch's threads, against which ours would spin.
    peer_threads = threads if checkout is None else 1
    if checkout is not None:
        peer = "OpenSplat", *opensplat(checkout, gaussians, camera)
    elif (count, side) == SMALL:
        peer = "gsplat's torch reference", *gsplat_reference(gaussians, camera)

    for _ in range(rounds + 1):
        projected = clock("project and bin", project, arrays, shown, view, threads)
        image = clock("composite", composite, projected, (0.0, 0.0, 0.0), False)
        outer = (np.ones_like(image.rgb), np.zeros_like(image.transmittance), None)
        sums = clock("composite, gradient", composite_gradient, projected, image, *outer)
        clock("project, gradient", project_gradient, arrays, projected, sums)
        residue = clock("slice", slice_once, view, arrays, threads)
        clock("slice, gradient", slice_once_with_gradient, view, arrays, residue, threads)
        ours = clock("ours, forward", rasterise, gaussians, camera)
        clock("ours, both", _both, trained, camera)
        if peer:
            torch.set_num_threads(peer_threads)
            theirs = clock("peer, forward", peer[1], threads=peer_threads)
            clock("peer, both", peer[2], threads=peer_threads)
            torch.set_num_threads(1)
    times = clock.medians()
    slicing = [(times["slice"][k] + times["slice, gradient"][k]) * 1000 / count for k in range(2)]
    result = {
        "pairs": len(projected.bins.entries),
        "mean_alpha": round(float(1 - image.transmittance.mean()), 3),
        "ms": times,
        "slicing_ms_per_1000": [round(value, 4) for value in slicing],
    }
    if peer:
        result["peer"] = peer[0]
        result |= ratios(times)
        result["largest_difference"] = round(float((ours.rgb - theirs).abs().max()), 5)
    return result


def ratios(times: Timed) -> dict[str, dict[str, list[float]]]:
    """The peer's times over ours, wall and CPU; and over ours without slicing, which the peer is spared."""
    slicing = {
        "forward": times["slice"],
        "both": [once + again for once, again in zip(times["slice"], times["slice, gradient"], strict=True)],
    }

    def over(what: str, spared: list[float]) -> list[float]:
        peer, ours = times[f"peer, {what}"], times[f"ours, {what}"]
        return [round(peer[k] / (ours[k] - spared[k]), 1) for k in range(2)]

    return {
        "ratio": {what: over(what, [0.0, 0.0]) for what in slicing},
        "ratio_without_slicing": {what: over(what, spared) for what, spared in slicing.items()},
    }


def training(count: int, side: int, threads: int, rounds: int) -> dict[str, Any]:
    """A step of fitting: draw, loss, backward, Adam."""
    camera = camera_in_front(side)
    with torch.no_grad():
        truth = rasterise(body(count // 2), camera).rgb.clamp(0, 1)
    step = _training_step(leaves_of(body(count)), camera, truth)
    clock = _Clock(threads)
    for _ in range(4 * rounds + 1):
        clock("step", step)
    times = clock.medians()
    return {"ms": times, "steps_per_s": round(1e3 / times["step"][1], 2)}


def cuda(count: int, side: int, rounds: int) -> dict[str, float]:
    """Frames and training steps a second through gsplat, wall time around synchronised runs of 20."""
    camera = camera_in_front(side)
    gaussians = body(count).to("cuda")
    with torch.no_grad():
        truth = rasterise(gaussians, camera).rgb.clamp(0, 1)
    step = _training_step(leaves_of(gaussians, "cuda"), camera, truth)

    def frame() -> None:
        with torch.no_grad():
            rasterise(gaussians, camera)

    def rate(work: Callable[[], None]) -> float:
        seconds = []
        for _ in range(rounds + 1):
            torch.cuda.synchronize()
            begin = time.perf_counter()
            for _ in range(20):
                work()
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - begin)
        return round(20 / statistics.median(seconds[1:]), 1)

    return {"frames_per_s": rate(frame), "steps_per_s": rate(step)}


def _training_step(leaves: Gaussians6D, camera: Any, truth: torch.Tensor) -> Callable[[], None]:
    adam = torch.optim.Adam(leaves.parameters().values(), lr=1e-4, eps=1e-15, fused=True)

    def step() -> None:
        loss = photometric_loss(rasterise(leaves, camera).rgb, truth, 0.2)
        loss.backward()
        adam.step()
        adam.zero_grad(set_to_none=True)

    return step


def _both(trained: Gaussians6D, camera: Any) -> None:
    for leaf in trained.parameters().values():
        leaf.grad = None
    rgb = rasterise(trained, camera).rgb
    torch.autograd.backward([rgb], [torch.ones_like(rgb)])


class _Clock:
    """Calls functions and keeps what each took."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._taken: dict[str, list[tuple[float, float]]] = {}

    def __call__(
        self, name: str, function: Callable[..., Any], *arguments: Any, threads: int | None = None
    ) -> Any:
        wall, cpu = time.perf_counter(), time.process_time()
        result = function(*arguments)
        took = (time.perf_counter() - wall, (time.process_time() - cpu) / (threads or self._threads))
        self._taken.setdefault(name, []).append(took)
        return result

    def medians(self) -> Timed:
        """Without the first call of each."""
        return {
            name: [round(1e3 * statistics.median(pair[k] for pair in taken[1:]), 3) for k in range(2)]
            for name, taken in self._taken.items()
        }


def _report(title: str, result: dict[str, Any]) -> None:
    print(f"\n{title}")
    for name, (wall, cpu) in result["ms"].items():
        print(f"  {name:24s}{wall:10.1f} ms (cpu {cpu:.1f})")
    if "slicing_ms_per_1000" in result:
        wall, cpu = result["slicing_ms_per_1000"]
        print(f"  slicing, both ways      {wall:10.3f} ms per 1000 Gaussians (cpu {cpu:.3f})")
    if "ratio" in result:
        for what, (wall, cpu) in result["ratio"].items():
            print(f"  {result['peer']} / ours, {what}: {wall} (cpu {cpu})")
        for what, (wall, cpu) in result["ratio_without_slicing"].items():
            print(f"  {result['peer']} / ours without slicing, {what}: {wall} (cpu {cpu})")
        print(f"  largest difference of the images: {result['largest_difference']}")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


if __name__ == "__main__":
    main()
