"""The native tracer beside Mitsuba and pbrt on one scan: ``python benchmarks/groundtruth.py SCAN.zarr``.

Samples per second of wall clock, seconds to a noise floor, and how native scales over threads and worker
processes. All in one run and in turn, round by round, so that what else the machine does meets everyone;
ratios are taken within rounds. A Markdown table goes to stdout, all figures to ``--json``.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from renderbench.artefacts import write_json
from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import KeyLight, MediumSettings, RendererSettings
from renderbench.errors import InputError
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.groundtruth.mitsuba import MitsubaRenderer
from renderbench.groundtruth.mitsuba.variants import CUDA, LLVM, SCALAR
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.pbrt import PbrtRenderer, find_pbrt
from renderbench.groundtruth.renderer import Renderer, RenderPass, combined
from renderbench.groundtruth.sampling import render_view
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore
from renderbench.threads import thread_count

NATIVE = "native"
TARGETS = {f"mitsuba {SCALAR}": 100.0, f"mitsuba {LLVM}": 40.0}
"""How many times faster native is to be, in samples per second."""


@dataclass(kw_only=True)
class Entry:
    """A renderer under measurement; ``count`` is the samples a half of each of its passes."""

    renderer: Renderer
    load_s: float
    count: int = 1
    passes: list[RenderPass] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="a ScanStore, as `renderbench dataset` writes it")
    parser.add_argument("--quick", action="store_true", help="a few minutes on two cores")
    parser.add_argument("--groups", default="all")
    parser.add_argument("--resolution", type=int)
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="about how long each pass is to take")
    parser.add_argument("--threads", type=int, default=thread_count())
    parser.add_argument("--floor", type=float, default=42.0, help="in dB")
    parser.add_argument("--key-light", action="store_true", help="with a directional light from the front")
    parser.add_argument("--pbrt", type=Path, help="the binary; else RENDERBENCH_PBRT or PATH")
    parser.add_argument("--only-native", action="store_true", help="no peer: native's own scaling")
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()
    result = measure(
        arguments,
        resolution=arguments.resolution or (64 if arguments.quick else 200),
        rounds=arguments.rounds or (2 if arguments.quick else 3),
        seconds=arguments.seconds or (6.0 if arguments.quick else 30.0),
    )
    print(markdown(result))
    if arguments.json:
        write_json(arguments.json, result)


def measure(arguments: argparse.Namespace, *, resolution: int, rounds: int, seconds: float) -> dict[str, Any]:
    medium = load_medium(arguments.scan, arguments.groups)
    light = KeyLight(towards=(0.0, -1.0, 0.0), irradiance=3.0) if arguments.key_light else None
    settings = RendererSettings(
        noise_floor=arguments.floor, key_light=light, max_samples_per_pixel=1 << 20, samples_per_pixel=None
    )
    camera = camera_of(medium, resolution)
    entries, skipped = load_renderers(medium, settings, arguments)
    for entry in entries.values():
        calibrate(entry, camera, seconds)
    for turn in range(rounds):
        for entry in entries.values():
            first = turn * entry.count
            entry.passes.append(entry.renderer.render_pass(camera, seed=1, first=first, count=entry.count))
    pixels = resolution**2
    native = rates(entries[NATIVE], pixels)
    started = time.perf_counter()
    view = render_view(entries[NATIVE].renderer, camera, settings, seed=2)
    to_floor = time.perf_counter() - started
    found = {
        name: {
            **figures(entry, pixels, arguments.floor),
            "native_is_faster": statistics.median(
                ours / theirs for ours, theirs in zip(native, rates(entry, pixels), strict=True)
            ),
            "target": TARGETS.get(name),
        }
        for name, entry in entries.items()
    }
    return {
        "machine": machine(arguments.threads),
        "scene": {
            "scan": arguments.scan.name,
            "groups": arguments.groups,
            "voxels": list(medium.density.shape[2::-1]),
            "resolution": resolution,
            "key_light": arguments.key_light,
            "floor_db": arguments.floor,
            "settings": settings.model_dump(mode="json"),
        },
        "renderers": found,
        "skipped": skipped,
        "native_to_floor": {
            "seconds": to_floor,
            "samples": view.samples,
            "floor_db": noise_floor(view.halves),
        },
        "scaling": {
            "threads": thread_scaling(medium, settings, camera, rounds, entries[NATIVE].count),
            "workers": worker_scaling(arguments, resolution, rounds, entries[NATIVE].count),
        },
    }


def load_medium(scan: Path, groups: str) -> Medium:
    store = ScanStore.open(scan)
    return medium_from_rgba(
        store.rgba("seen"), store.groups(), select_groups(groups), store.grid, MediumSettings()
    )


def camera_of(medium: Medium, resolution: int) -> Camera:
    (camera,) = sphere_cameras(
        1,
        center_mm=medium.center_mm,
        radius_mm=medium.radius_mm,
        resolution=resolution,
        fov_deg=40.0,
        layout="fibonacci",
        seed=0,
    )
    return camera


def load_renderers(
    medium: Medium, settings: RendererSettings, arguments: argparse.Namespace
) -> tuple[dict[str, Entry], dict[str, str]]:
    """Those that run here, native first, and why the others do not."""
    threads = arguments.threads
    wanted: dict[str, Callable[[], Renderer]] = {
        NATIVE: partial(NativeRenderer, medium, settings, threads=threads)
    }
    if not arguments.only_native:
        wanted |= {
            f"mitsuba {variant}": partial(MitsubaRenderer, medium, settings, variant=variant, threads=threads)
            for variant in (SCALAR, LLVM, CUDA)
        }
        wanted["pbrt"] = lambda: PbrtRenderer(
            medium, settings, binary=find_pbrt(arguments.pbrt), threads=threads
        )
    entries, skipped = {}, {}
    for name, make in wanted.items():
        started = time.perf_counter()
        try:
            renderer = make()
        except InputError as reason:
            skipped[name] = reason.problem
        else:
            entries[name] = Entry(renderer=renderer, load_s=time.perf_counter() - started)
    return entries, skipped


def calibrate(entry: Entry, camera: Camera, seconds: float) -> None:
    """Compile, then find how many samples take about ``seconds``."""
    entry.renderer.render_pass(camera, seed=0, first=0, count=1)
    while True:
        took = entry.renderer.render_pass(camera, seed=0, first=0, count=entry.count).seconds
        if took > seconds / 4 or entry.count >= 1 << 16:
            entry.count = max(1, round(entry.count * seconds / took))
            return
        entry.count *= 4


def rates(entry: Entry, pixels: int) -> list[float]:
    """Samples per second, pass by pass."""
    return [each.samples * pixels / each.seconds for each in entry.passes]


def figures(entry: Entry, pixels: int, floor_db: float) -> dict[str, Any]:
    view = combined(entry.passes)
    floor = noise_floor(view.halves)
    assert floor is not None, "the view is empty"
    return {
        "version": entry.renderer.version,
        "load_s": entry.load_s,
        "samples": view.samples,
        "seconds": view.seconds,
        "samples_per_s": statistics.median(rates(entry, pixels)),
        "floor_db": floor,
        # Noise power falls as one over the samples; native's stratified samples do a little better.
        "seconds_to_floor": view.seconds * 10.0 ** ((floor_db - floor) / 10.0),
        "mean_rgb": [float(each) for each in view.rgb.mean(axis=(0, 1))],
    }


def thread_scaling(
    medium: Medium, settings: RendererSettings, camera: Camera, rounds: int, count: int
) -> dict[str, float]:
    """Samples per second of native by the number of threads, up to one per core."""
    renderers = {
        threads: NativeRenderer(medium, settings, threads=threads, device="cpu")
        for threads in doublings(thread_count())
    }
    entries = {threads: Entry(renderer=each, load_s=0.0) for threads, each in renderers.items()}
    for turn in range(rounds):
        for entry in entries.values():
            entry.passes.append(entry.renderer.render_pass(camera, seed=turn, first=0, count=count))
    pixels = camera.width * camera.height
    return {str(threads): statistics.median(rates(entry, pixels)) for threads, entry in entries.items()}


def worker_scaling(
    arguments: argparse.Namespace, resolution: int, rounds: int, count: int
) -> dict[str, float]:
    """Samples per second of native by the number of processes, each with one thread and views of its own."""
    found = {}
    for workers in doublings(thread_count()):
        pool = ProcessPoolExecutor(
            workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_prepare_worker,
            initargs=(arguments.scan, arguments.groups, resolution),
        )
        with pool:
            list(pool.map(_view_of_worker, range(workers), [1] * workers))
            started = time.perf_counter()
            views = workers * rounds
            list(pool.map(_view_of_worker, range(views), [count] * views))
            seconds = time.perf_counter() - started
        found[str(workers)] = 2 * count * resolution**2 * views / seconds
    return found


_worker: dict[str, Any] = {}


def _prepare_worker(scan: Path, groups: str, resolution: int) -> None:
    medium = load_medium(scan, groups)
    _worker["renderer"] = NativeRenderer(medium, RendererSettings(), threads=1, device="cpu")
    _worker["camera"] = camera_of(medium, resolution)


def _view_of_worker(seed: int, count: int) -> float:
    view = _worker["renderer"].render_pass(_worker["camera"], seed=seed, first=0, count=count)
    return float(view.seconds)


def doublings(most: int) -> list[int]:
    """1, 2, 4 ... and ``most``."""
    return sorted({*(1 << power for power in range(int(math.log2(most)) + 1)), most})


def machine(threads: int) -> dict[str, Any]:
    packages = ("numpy", "numba", "mitsuba", "drjit")
    return {
        "processor": processor(),
        "cores": thread_count(),
        "threads": threads,
        "load_at_end": os.getloadavg()[0],
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def markdown(result: dict[str, Any]) -> str:
    scene, at = result["scene"], result["machine"]
    versions = ", ".join(f"{name} {at[name]}" for name in ("python", "numpy", "numba", "mitsuba", "drjit"))
    floor = scene["floor_db"]
    lines = [
        f"{scene['scan']}, {' x '.join(map(str, scene['voxels']))} voxels, {scene['resolution']}² pixels, "
        f"{at['threads']} threads on {at['cores']} cores of {at['processor']}, "
        f"load {at['load_at_end']:.1f}; {versions}.",
        "",
        f"| renderer | load s | samples/s | native is faster | s to {floor:g} dB | per native |",
        "|---|---|---|---|---|---|",
    ]
    base = result["renderers"][NATIVE]["seconds_to_floor"]
    for name, found in result["renderers"].items():
        target = f" (target {found['target']:g}×)" if found["target"] else ""
        lines.append(
            f"| {name} | {found['load_s']:.1f} | {found['samples_per_s']:,.0f} "
            f"| {found['native_is_faster']:.0f}×{target} | {found['seconds_to_floor']:,.1f} "
            f"| {found['seconds_to_floor'] / base:.0f}× |"
        )
    lines += [f"| {name} | skipped: {reason} | | | | |" for name, reason in result["skipped"].items()]
    reached = result["native_to_floor"]
    lines += [
        "",
        f"Seconds to {floor:g} dB follow from each renderer's own noise at its samples; native was also run "
        f"there: {reached['seconds']:.1f} s, {reached['samples']} samples a pixel, "
        f"{reached['floor_db']:.1f} dB.",
        "",
        "| native, samples/s | " + " | ".join(result["scaling"]["threads"]) + " |",
        "|---|" + "---|" * len(result["scaling"]["threads"]),
    ]
    for unit, found in result["scaling"].items():
        cells = " | ".join(f"{rate:,.0f} ({rate / found['1']:.2f}×)" for rate in found.values())
        lines.append(f"| {unit} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
