"""Renderers that share no code beside one another: ``python benchmarks/agreement.py SCAN.zarr --json OUT``.

Converged images of a 6 cm crop of a real CT and of the phantom at 6 mm, by the native tracer, by Mitsuba
and by pbrt where there is a binary: PSNR between the images (linear radiance to sRGB, full frame), the noise
floor of each, and the difference of the channel means in percent and in standard errors. Under pbrt, whose
media are spectral, also with the Seen TF's colours replaced by a grey albedo.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderbench.artefacts import read_json, write_json
from renderbench.cameras import Camera, sphere_cameras
from renderbench.config import MediumSettings, RendererSettings
from renderbench.errors import InputError
from renderbench.evaluation.machine import hardware, versions
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.groundtruth.mitsuba import MitsubaRenderer
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.pbrt import PbrtRenderer, find_pbrt
from renderbench.groundtruth.renderer import Renderer, RenderPass, combined
from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.store import ScanStore
from renderbench.scans.transfer import load_transfer_function
from renderbench.threads import thread_count

# Bowel, liver, kidney and spine of the abdomen that the tests read; anything will do.
CORNER, SIDE = (160, 84, 80), 40
NATIVE_SAMPLES = 16384
GREY_ALBEDO = 0.8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="a ScanStore, as `renderbench dataset` writes it")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="at most, for each other renderer's view"
    )
    parser.add_argument(
        "--floor", type=float, default=51.0, help="the other's noise floor in dB that is enough"
    )
    parser.add_argument("--resolution", type=int, default=48)
    parser.add_argument("--threads", type=int, default=thread_count())
    parser.add_argument("--pbrt", type=Path, help="the binary; else RENDERBENCH_PBRT or PATH")
    parser.add_argument("--only", default="", help='rows with this in "SCENE RENDERER COLOURS"')
    parser.add_argument("--json", type=Path, help="rows of this file that are not measured now stay in it")
    arguments = parser.parse_args()
    for row in measured(arguments):
        print(line(row), flush=True)
        if arguments.json:
            keep(arguments.json, row)


def keep(path: Path, row: dict[str, Any]) -> None:
    """Into the file, in place of the same comparison's row."""
    known = read_json(path) or {"settings": RendererSettings().model_dump(mode="json"), "rows": []}
    what = ("scene", "renderer", "colours")
    others = [each for each in known["rows"] if any(each[key] != row[key] for key in what)]
    at = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardware": hardware(),
        "versions": versions(),
    }
    known["rows"] = sorted([*others, row | at], key=lambda each: [each[key] for key in what])
    write_json(path, known)


def measured(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for scene, medium in scenes(arguments.scan):
        for name, colours in (("mitsuba", "seen"), ("pbrt", "grey"), ("pbrt", "seen")):
            if arguments.only not in f"{scene} {name} {colours}":
                continue
            target = grey(medium) if colours == "grey" else medium
            try:
                other = renderer(name, target, arguments)
            except InputError as reason:
                yield {"scene": scene, "renderer": name, "colours": colours, "skipped": reason.problem}
                continue
            yield {
                "scene": scene,
                "renderer": name,
                "version": getattr(other, "variant", None) or other.version,
                "colours": colours,
                **compared(target, other, arguments),
            }


def scenes(scan: Path) -> Iterator[tuple[str, Medium]]:
    store = ScanStore.open(scan)
    part = tuple(slice(first, first + SIDE) for first in CORNER)
    yield (
        "real CT, 6 cm crop",
        medium_from_rgba(
            store.rgba("seen")[(slice(None), *part)],
            store.groups()[part],
            select_groups("all"),
            store.grid.cropped(CORNER, (SIDE, SIDE, SIDE)),
            MediumSettings(),
        ),
    )
    phantom = phantom_scan(0, spacing_mm=6.0)
    groups = groups_of_labels(phantom.labels)
    rgba = load_transfer_function("seen").apply(phantom.ct, groups).astype(np.float32)
    # The reference length as long in voxels as at 1.5 mm.
    coarse = MediumSettings(reference_mm=1.5)
    yield "phantom, 6 mm", medium_from_rgba(rgba, groups, select_groups("all"), phantom.grid, coarse)


def grey(medium: Medium) -> Medium:
    density = medium.density.copy()
    density[..., 1:] = GREY_ALBEDO * density[..., :1]
    return dataclasses.replace(medium, density=density)


def renderer(name: str, medium: Medium, arguments: argparse.Namespace) -> Renderer:
    settings = RendererSettings()
    if name == "mitsuba":
        return MitsubaRenderer(medium, settings, threads=arguments.threads)
    return PbrtRenderer(medium, settings, binary=find_pbrt(arguments.pbrt), threads=arguments.threads)


def compared(medium: Medium, other: Renderer, arguments: argparse.Namespace) -> dict[str, Any]:
    camera = camera_of(medium, arguments.resolution)
    ours = NativeRenderer(medium, RendererSettings(), threads=arguments.threads).render_pass(
        camera, seed=11, first=0, count=NATIVE_SAMPLES // 2
    )
    theirs = sampled(other, camera, arguments.floor, arguments.seconds)
    difference = (ours.rgb.astype(np.float64) - theirs.rgb).reshape(-1, 3)
    noise = variance(ours) + variance(theirs)
    error = np.sqrt(noise.sum(axis=0)) / len(difference)
    mean = theirs.rgb.mean(axis=(0, 1), dtype=np.float64)
    return {
        "psnr_db": psnr(ours.rgb, theirs.rgb),
        "native": {"samples": ours.samples, "noise_floor_db": noise_floor(ours.halves)},
        "other": {"samples": theirs.samples, "noise_floor_db": noise_floor(theirs.halves)},
        "brighter_percent": (100.0 * difference.mean(axis=0) / mean).tolist(),
        "standard_error_percent": (100.0 * error / mean).tolist(),
        "alpha_difference": float(ours.alpha.mean(dtype=np.float64) - theirs.alpha.mean(dtype=np.float64)),
        "resolution": arguments.resolution,
    }


def camera_of(medium: Medium, resolution: int) -> Camera:
    (camera,) = sphere_cameras(
        1,
        center_mm=medium.center_mm,
        radius_mm=0.7 * medium.radius_mm,
        resolution=resolution,
        fov_deg=40.0,
        layout="random",
        seed=4,
    )
    return camera


def sampled(other: Renderer, camera: Camera, floor_db: float, seconds: float) -> RenderPass:
    """Until the floor or out of time."""
    started, taken, count = time.perf_counter(), 0, 64
    view = None
    while True:
        part = other.render_pass(camera, seed=12, first=taken, count=count)
        taken += count
        view = part if view is None else combined([view, part])
        floor = noise_floor(view.halves)
        if time.perf_counter() - started > seconds or (floor is not None and floor > floor_db):
            return view
        count = min(taken, 512)


def variance(view: RenderPass) -> NDArray[np.float64]:
    """(pixels, 3), of the mean of the halves."""
    return ((view.halves[0].astype(np.float64) - view.halves[1]) ** 2).reshape(-1, 3) / 4.0


def psnr(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    error = np.mean((srgb_from_linear(one).astype(np.float64) - srgb_from_linear(other)) ** 2)
    return float(-10.0 * np.log10(error))


def line(row: dict[str, Any]) -> str:
    what = f"{row['scene']}, {row['colours']}: native and {row['renderer']}"
    if "skipped" in row:
        return f"{what}: n/a ({row['skipped']})"
    means = ", ".join(
        f"{percent:+.2f} ± {error:.2f} %"
        for percent, error in zip(row["brighter_percent"], row["standard_error_percent"], strict=True)
    )
    floors = f"floors {row['native']['noise_floor_db']:.1f} and {row['other']['noise_floor_db']:.1f} dB"
    return f"{what}: {row['psnr_db']:.1f} dB ({floors}); native brighter by {means}"


if __name__ == "__main__":
    main()
