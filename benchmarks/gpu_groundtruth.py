"""The native tracer on a CUDA GPU: ``python benchmarks/gpu_groundtruth.py [SCAN.zarr] --json gpu.json``.

Without a scan, on a phantom's torso. Whether GPU and CPU show the same picture, samples per second of both,
seconds per view of 1600² pixels at a noise floor of 42 dB against the 18.8 s that the paper states, and
Mitsuba's CUDA variant beside them where it runs. Without a GPU it measures the CPU and says so.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from groundtruth import processor
from numpy.typing import NDArray

from renderbench.artefacts import write_json
from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import MediumSettings, RendererSettings
from renderbench.errors import InputError
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.groundtruth.mitsuba import MitsubaRenderer
from renderbench.groundtruth.mitsuba.variants import CUDA
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.native.cuda import cuda_obstacle
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.renderer import Renderer, RenderPass
from renderbench.groundtruth.sampling import render_view
from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.store import ScanStore
from renderbench.scans.transfer import load_transfer_function
from renderbench.threads import thread_count

PAPER_S, PAPER_PIXELS = 18.8, 1600
"""Seconds a view, as the paper states them for its GPU renderer, and the edge of that view."""
PACKAGES = ("numpy", "numba", "numba-cuda", "mitsuba")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, nargs="?", help="a ScanStore, as `renderbench dataset` writes it")
    parser.add_argument("--quick", action="store_true", help="small pictures of a coarse phantom: a minute")
    parser.add_argument("--groups", default="all")
    parser.add_argument("--resolution", type=int, help="of the views at the floor; 1600 by default")
    parser.add_argument("--views", type=int, help="at the floor; 3 by default")
    parser.add_argument("--floor", type=float, default=42.0, help="in dB")
    parser.add_argument("--threads", type=int, default=thread_count(), help="of the CPU")
    parser.add_argument("--json", type=Path, help="write all figures here")
    arguments = parser.parse_args()
    result = measure(
        arguments,
        resolution=arguments.resolution or (64 if arguments.quick else PAPER_PIXELS),
        views=arguments.views or (1 if arguments.quick else 3),
    )
    print(markdown(result))
    if arguments.json:
        write_json(arguments.json, result)


def measure(arguments: argparse.Namespace, *, resolution: int, views: int) -> dict[str, Any]:
    medium = load_medium(arguments.scan, arguments.groups, 4.0 if arguments.quick else 1.5)
    settings = RendererSettings(
        noise_floor=arguments.floor, samples_per_pixel=None, max_samples_per_pixel=1 << 20
    )
    renderers, skipped = load_renderers(medium, settings, arguments.threads)
    cameras = cameras_of(medium, views, resolution)
    # A CPU takes minutes at 1600² pixels; its seconds follow from a smaller view of the same scene.
    small = cameras_of(medium, 1, 48 if arguments.quick else 320)[0]
    found = {}
    for name, renderer in renderers.items():
        on_gpu = name != "native cpu"
        found[name] = {
            "samples_per_s": rate(renderer, small, 2.0 if arguments.quick else 10.0),
            **at_the_floor(renderer, cameras if on_gpu else [small], settings, resolution),
        }
    return {
        "machine": machine(arguments.threads),
        "scene": {
            "scan": arguments.scan.name if arguments.scan else "phantom-0000",
            "groups": arguments.groups,
            "voxels": list(medium.density.shape[2::-1]),
            "resolution": resolution,
            "floor_db": arguments.floor,
            "settings": settings.model_dump(mode="json"),
        },
        "renderers": found,
        "skipped": skipped,
        "agreement": agreement(renderers, small),
    }


def load_medium(scan: Path | None, groups: str, spacing_mm: float) -> Medium:
    selection = select_groups(groups)
    if scan is not None:
        store = ScanStore.open(scan)
        return medium_from_rgba(store.rgba("seen"), store.groups(), selection, store.grid, MediumSettings())
    phantom = phantom_scan(0, spacing_mm=spacing_mm)
    labelled = groups_of_labels(phantom.labels)
    rgba = load_transfer_function("seen").apply(phantom.ct, labelled)
    return medium_from_rgba(rgba, labelled, selection, phantom.grid, MediumSettings())


def cameras_of(medium: Medium, count: int, resolution: int) -> list[Camera]:
    return sphere_cameras(
        count,
        center_mm=medium.center_mm,
        radius_mm=medium.radius_mm,
        resolution=resolution,
        fov_deg=40.0,
        layout="fibonacci",
        seed=0,
    )


def load_renderers(
    medium: Medium, settings: RendererSettings, threads: int
) -> tuple[dict[str, Renderer], dict[str, str]]:
    """The CPU first, then what of a GPU can be used, and why the rest cannot."""
    renderers: dict[str, Renderer] = {
        "native cpu": NativeRenderer(medium, settings, threads=threads, device="cpu")
    }
    skipped = {}
    for name, make in {
        "native cuda": lambda: NativeRenderer(medium, settings, device="cuda"),
        f"mitsuba {CUDA}": lambda: MitsubaRenderer(medium, settings, variant=CUDA),
    }.items():
        try:
            renderers[name] = make()
        except InputError as reason:
            skipped[name] = reason.problem
    return renderers, skipped


def rate(renderer: Renderer, camera: Camera, seconds: float) -> float:
    """Samples per second: the median of three passes of about ``seconds`` each."""
    renderer.render_pass(camera, seed=0, first=0, count=1)  # compiles
    count = 1
    while (took := renderer.render_pass(camera, seed=0, first=0, count=count).seconds) < seconds / 4:
        count *= 2
    count = max(1, round(count * seconds / took))
    passes = [renderer.render_pass(camera, seed=seed, first=0, count=count) for seed in range(1, 4)]
    return statistics.median(each.samples * camera.width * camera.height / each.seconds for each in passes)


def at_the_floor(
    renderer: Renderer, cameras: list[Camera], settings: RendererSettings, resolution: int
) -> dict[str, Any]:
    """Seconds, samples and floor of each view, and the mean seconds of one at ``resolution``."""
    views = []
    for seed, camera in enumerate(cameras):
        started = time.perf_counter()
        view = render_view(renderer, camera, settings, seed=seed)
        seconds = time.perf_counter() - started
        views.append({"seconds": seconds, "samples": view.samples, "floor_db": noise_floor(view.halves)})
    larger = resolution**2 / cameras[0].width ** 2
    return {
        "views": views,
        "measured_at": cameras[0].width,
        "seconds_per_view": larger * statistics.mean(float(each["seconds"] or 0.0) for each in views),
    }


def agreement(renderers: dict[str, Renderer], camera: Camera) -> dict[str, Any] | None:
    """How far the same samples of GPU and CPU lie apart; None without a GPU."""
    if "native cuda" not in renderers:
        return None
    cpu, gpu = (
        renderers[name].render_pass(camera, seed=7, first=0, count=128)
        for name in ("native cpu", "native cuda")
    )
    again = renderers["native cuda"].render_pass(camera, seed=7, first=0, count=128)
    apart = np.abs(gpu.halves - cpu.halves).max(axis=(0, 3))
    error = np.sqrt(np.mean((cpu.halves[0] - cpu.halves[1]) ** 2, axis=(0, 1)) / (4 * camera.width**2))
    return {
        "samples": cpu.samples,
        "psnr_db": psnr(cpu, gpu),
        "noise_floor_db": noise_floor(cpu.halves),
        "pixels_alike": float((apart < 1e-4).mean()),
        "largest_difference": float(apart.max()),
        "mean_rgb_in_standard_errors": ((gpu.rgb - cpu.rgb).mean(axis=(0, 1)) / error).tolist(),
        "same_bits_again": again.halves.tobytes() == gpu.halves.tobytes(),
    }


def psnr(one: RenderPass, other: RenderPass) -> float | None:
    encoded: list[NDArray[np.float64]] = [
        srgb_from_linear(each.rgb).astype(np.float64) for each in (one, other)
    ]
    error = float(np.mean((encoded[0] - encoded[1]) ** 2))
    return -10.0 * float(np.log10(error)) if error > 0 else None


def machine(threads: int) -> dict[str, Any]:
    return {
        "gpu": gpu(),
        "processor": processor(),
        "threads": threads,
        "python": platform.python_version(),
        **{package: installed(package) for package in PACKAGES},
    }


def gpu() -> str | None:
    """Name, driver and memory as the driver tells them."""
    question = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        answer = subprocess.run(question, capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.strip().replace("\n", "; ") or None


def installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def markdown(result: dict[str, Any]) -> str:
    scene, at, floor = result["scene"], result["machine"], result["scene"]["floor_db"]
    packages = ", ".join(f"{name} {at[name]}" for name in PACKAGES if at[name])
    obstacle = cuda_obstacle()
    lines = [
        f"{scene['scan']}, {' x '.join(map(str, scene['voxels']))} voxels; "
        f"{at['gpu'] or 'no NVIDIA driver'}; {at['processor']}, "
        f"{at['threads']} threads; Python {at['python']}, {packages}.",
        "",
        f"| renderer | samples/s | s a view of {scene['resolution']}² at {floor:g} dB | measured at |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {name} | {found['samples_per_s']:,.0f} | {found['seconds_per_view']:,.1f} "
        f"| {found['measured_at']}² |"
        for name, found in result["renderers"].items()
    ]
    lines += [f"| {name} | skipped: {reason} | | |" for name, reason in result["skipped"].items()]
    lines += [f"| the paper, as published | | {PAPER_S} at {PAPER_PIXELS}² | |", ""]
    alike = result["agreement"]
    if alike is None:
        found = obstacle.found if obstacle else "none"
        lines.append(
            f"No GPU was found that the native renderer can use ({found}): the CPU alone was measured."
        )
    else:
        apart = "no difference" if alike["psnr_db"] is None else f"{alike['psnr_db']:.1f} dB apart"
        lines.append(
            f"The same {alike['samples']} samples a pixel on GPU and CPU: {apart} (noise floor "
            f"{alike['noise_floor_db']:.1f} dB), {alike['pixels_alike']:.2%} of pixels alike to 1e-4; "
            f"a second run on the GPU gave {'the same' if alike['same_bits_again'] else 'OTHER'} bits."
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
