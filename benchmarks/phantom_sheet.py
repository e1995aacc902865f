"""The sheet of phantoms in docs/: ``python benchmarks/phantom_sheet.py docs/images/phantom-seeds.jpg``.

Each seed is path-traced from the front with all groups, its skeleton from front left and its organs from the
front, with the Seen transfer function. The JPEG's comment holds the command and the versions.
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
from renderbench.groundtruth.medium import medium_from_rgba
from renderbench.groundtruth.native import NativeRenderer
from renderbench.scans.groups import groups_of_labels, select_groups
from renderbench.scans.phantom import PHANTOM_VERSION, Extent, phantom_scan
from renderbench.scans.phantom.body import EXTENTS_MM, Body
from renderbench.scans.phantom.tissue import Contrast
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Scan

# What is shown of each seed, and where the camera stands (patient LPS).
VIEWS = (("all", (0.0, -1.0, 0.08)), ("skeleton", (0.7, -0.75, 0.12)), ("organs", (0.0, -1.0, 0.08)))
COLUMNS, GAP_PX, CAPTION_PX = 4, 4, 20
# All seeds are drawn to one scale, so that tall people look tall.
TALLEST_MM = {"body": 1120.0, "torso": 710.0}
WIDE_MM = 400.0
# Far away, so that near and far parts of a body are seen at one scale.
DISTANCE_MM = 3000.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(8)))
    parser.add_argument("--extent", choices=list(EXTENTS_MM), default="body")
    parser.add_argument("--height", type=int, default=430, help="of a picture, in pixels")
    parser.add_argument("--samples", type=int, default=40)
    arguments = parser.parse_args()

    cells = []
    for seed in arguments.seeds:
        scan = phantom_scan(seed, extent=arguments.extent)
        picture = np.concatenate(
            pictures(scan, arguments.extent, arguments.height, arguments.samples), axis=1
        )
        cells.append((caption(seed, scan), picture))
        print(f"{cells[-1][0]}, {' x '.join(map(str, scan.ct.shape))} voxels", flush=True)
    note = f"{shlex.join(sys.argv)}; phantom {PHANTOM_VERSION}, native tracer {NativeRenderer.version}"
    with staged(arguments.out) as staging:
        sheet(cells).save(staging, quality=88, optimize=True, comment=note)


def pictures(scan: Scan, extent: Extent, height: int, samples: int) -> list[NDArray[np.uint8]]:
    """The views of one scan, each (height, width, 3)."""
    groups = groups_of_labels(scan.labels)
    rgba = load_transfer_function("seen").apply(scan.ct, groups)
    size = np.array(scan.ct.shape[::-1]) * scan.grid.spacing_mm
    middle = scan.grid.world_from_voxel[:3, 3] + 0.5 * size
    focal = height * DISTANCE_MM / TALLEST_MM[extent]
    width = round(height * WIDE_MM / TALLEST_MM[extent])
    found = []
    for selection, towards in VIEWS:
        medium = medium_from_rgba(rgba, groups, select_groups(selection), scan.grid, MediumSettings())
        position = middle + DISTANCE_MM * np.array(towards) / np.linalg.norm(towards)
        camera = Camera(
            width=width,
            height=height,
            fx_px=focal,
            fy_px=focal,
            cx_px=width / 2,
            cy_px=height / 2,
            camera_from_world=look_at(position, middle),
        )
        view = NativeRenderer(medium, RendererSettings()).render_pass(
            camera, seed=0, first=0, count=samples // 2
        )
        found.append(eight_bit_srgb(view.rgb))
    return found


def caption(seed: int, scan: Scan) -> str:
    """Who the seed is."""
    body = Body.drawn(seed)
    labels = len(np.unique(scan.labels)) - 1
    return f"seed {seed}: {'woman' if body.female else 'man'}, {Contrast.drawn(body).phase}, {labels} labels"


def sheet(cells: list[tuple[str, NDArray[np.uint8]]]) -> Image.Image:
    """The pictures in rows of four with a caption under each."""
    wide = max(picture.shape[1] for _, picture in cells) + GAP_PX
    high = cells[0][1].shape[0] + CAPTION_PX + GAP_PX
    rows = -(-len(cells) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * wide, rows * high), (24, 25, 28))
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(12)
    for index, (words, picture) in enumerate(cells):
        left, top = index % COLUMNS * wide, index // COLUMNS * high
        page.paste(Image.fromarray(picture), (left + (wide - picture.shape[1]) // 2, top))
        pen.text((left + 8, top + picture.shape[0] + 2), words, fill=(200, 200, 198), font=font)
    return page


if __name__ == "__main__":
    main()
