"""How fast and how noisy the native tracer is: ``python benchmarks/tracer.py SCAN.zarr``.

Samples per second of wall clock and of CPU (the second holds on a busy machine too), and the noise floor.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from renderbench.cameras import sphere_cameras
from renderbench.config import MediumSettings, RendererSettings
from renderbench.groundtruth.medium import medium_from_rgba
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.noise import noise_floor
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scan", type=Path, help="a ScanStore, as `renderbench dataset` writes it")
    parser.add_argument("--groups", default="all")
    parser.add_argument("--resolution", type=int, default=256)
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--views", type=int, default=4)
    parser.add_argument("--threads", type=int)
    arguments = parser.parse_args()

    store = ScanStore.open(arguments.scan)
    selection = select_groups(arguments.groups)
    medium = medium_from_rgba(store.rgba("seen"), store.groups(), selection, store.grid, MediumSettings())
    settings = RendererSettings(samples_per_pixel=arguments.samples)
    renderer = NativeRenderer(medium, settings, threads=arguments.threads)
    cameras = sphere_cameras(
        arguments.views,
        center_mm=medium.center_mm,
        radius_mm=medium.radius_mm,
        resolution=arguments.resolution,
        fov_deg=40.0,
        layout="fibonacci",
        seed=0,
    )
    renderer.render_pass(cameras[0], seed=0, first=0, count=1)  # compiles
    samples = arguments.samples * arguments.resolution**2
    for index, camera in enumerate(cameras):
        cpu = time.process_time()
        view = renderer.render_pass(camera, seed=index, first=0, count=arguments.samples // 2)
        cpu = time.process_time() - cpu
        print(
            f"view {index}: {samples / view.seconds / 1e6:.2f} M samples/s, "
            f"{samples / cpu / 1e6:.2f} M per CPU second, "
            f"alpha {view.alpha.mean():.2f}, noise floor {noise_floor(view.halves) or 0:.2f} dB"
        )


if __name__ == "__main__":
    main()
