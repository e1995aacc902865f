"""The sheet of ground truth in docs/: ``python benchmarks/groundtruth_sheet.py OUT.jpg SCAN.zarr ...``.

A row a scan; all groups, the skeleton and the organs under the Seen and the Unseen transfer function, by the
native tracer as suites have it, to a noise floor. The JPEG's comment holds the command and the versions.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from renderbench.artefacts import staged
from renderbench.cameras import Camera, look_at
from renderbench.config import MediumSettings, RendererSettings
from renderbench.groundtruth.colour import eight_bit_srgb
from renderbench.groundtruth.medium import Medium, medium_from_rgba
from renderbench.groundtruth.native import NativeRenderer
from renderbench.groundtruth.sampling import render_view
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore

TRANSFER_FUNCTIONS = ("seen", "unseen")
SELECTIONS = ("all", "skeleton", "organs")
# Where the camera stands (patient LPS): in front, to the patient's left, a little above.
TOWARDS = (0.45, -0.9, 0.15)
FOV_DEG, MARGIN = 25.0, 1.02
GAP_PX, CAPTION_PX = 4, 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "scans", type=Path, nargs="+", help="ScanStores, as `renderbench dataset` writes them"
    )
    parser.add_argument("--resolution", type=int, default=320)
    parser.add_argument("--floor", type=float, default=40.0, help="noise floor in dB")
    arguments = parser.parse_args()
    settings = RendererSettings(noise_floor=arguments.floor)
    rows = [row(ScanStore.open(scan), arguments.resolution, settings) for scan in arguments.scans]
    note = f"{shlex.join(sys.argv)}; native tracer {NativeRenderer.version}"
    with staged(arguments.out) as staging:
        sheet(rows).save(staging, format="JPEG", quality=88, optimize=True, comment=note)


def row(scan: ScanStore, resolution: int, settings: RendererSettings) -> list[tuple[str, NDArray[np.uint8]]]:
    """The pictures of one scan with their captions; one scale for all."""
    found = []
    camera: Camera | None = None
    for transfer_function in TRANSFER_FUNCTIONS:
        rgba, groups = scan.rgba(transfer_function), scan.groups()
        for selection in SELECTIONS:
            medium = medium_from_rgba(rgba, groups, select_groups(selection), scan.grid, MediumSettings())
            camera = camera or camera_of(medium, resolution)
            view = render_view(NativeRenderer(medium, settings), camera, settings, seed=0)
            caption = f"{scan.name}, {transfer_function} TF, {selection}"
            found.append((caption, eight_bit_srgb(view.rgb)))
            print(f"{caption}: {view.samples} samples a pixel, {view.seconds:.0f} s", flush=True)
    return found


def camera_of(medium: Medium, resolution: int) -> Camera:
    """With all groups of the scan in the frame."""
    half = np.tan(np.radians(FOV_DEG) / 2)
    distance = MARGIN * medium.radius_mm / np.sin(np.radians(FOV_DEG) / 2)
    position = medium.center_mm + distance * np.array(TOWARDS) / np.linalg.norm(TOWARDS)
    return Camera(
        width=resolution,
        height=resolution,
        fx_px=resolution / (2 * half),
        fy_px=resolution / (2 * half),
        cx_px=resolution / 2,
        cy_px=resolution / 2,
        camera_from_world=look_at(position, medium.center_mm),
    )


def sheet(rows: list[list[tuple[str, NDArray[np.uint8]]]]) -> Image.Image:
    """The rows below one another with a caption under each picture."""
    size = rows[0][0][1].shape[0]
    page = Image.new(
        "RGB",
        (len(rows[0]) * (size + GAP_PX), len(rows) * (size + CAPTION_PX + GAP_PX)),
        (24, 25, 28),
    )
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for down, cells in enumerate(rows):
        for across, (words, picture) in enumerate(cells):
            left, top = across * (size + GAP_PX), down * (size + CAPTION_PX + GAP_PX)
            page.paste(Image.fromarray(picture), (left, top))
            pen.text((left + 6, top + size + 2), words, fill=(200, 200, 198), font=font)
    return page


if __name__ == "__main__":
    main()
