"""Contact sheets: ground truth beside each method, a row a test view, for one scan of one block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from renderbench.artefacts import digest_of, staged
from renderbench.cameras import Camera
from renderbench.config import Block, Suite
from renderbench.evaluation.record import Record, read_run_record, scores_in_words
from renderbench.groundtruth.stage import open_views
from renderbench.layout import Root

SHEET_FILE = "contact-sheet.png"
_ROWS = 4
_CELL_PX = 256
_GAP_PX = 6
_HEAD_PX = 46
_CAPTION_PX = 20
_BACKGROUND = (24, 25, 28)
_INK = (232, 232, 228)
_DIM = (150, 152, 156)
# The world is patient LPS: +x left, +y posterior, +z superior.
_FROM = {"anterior": (0, -1, 0), "left": (1, 0, 0), "posterior": (0, 1, 0), "right": (-1, 0, 0)}
_DIGEST_KEY = "renderbench-digest"


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a sheet: a title, a line below it, and a picture and caption a row."""

    title: str
    subtitle: str
    pictures: Sequence[NDArray[np.uint8]]
    captions: Sequence[str]


def write_contact_sheet(root: Root, suite: Suite, block: Block, scan: str) -> Path:
    """Draw the sheet of one scan from every run there is; skip it when it shows them already.

    Returns:
        The path of the sheet.
    """
    folder = root.block(suite.name, block.id, scan)
    records = [read_run_record(folder / method) for method in block.methods]
    found = [record for record in records if record is not None]
    path = folder / SHEET_FILE
    digest = digest_of([record.digest for record in found])
    if _digest_of_sheet(path) == digest:
        return path
    views = open_views(root, suite, block, scan, "test")
    rows = representative_views(views.cameras, _ROWS)
    truth = views.images()
    columns = [
        Column(
            title="Ground truth",
            subtitle=f"{block.title}, {scan}",
            pictures=[truth[row] for row in rows],
            captions=[f"from {viewpoint(views.cameras[row])}" for row in rows],
        ),
        *(_column(folder, record, rows) for record in found),
    ]
    sheet = draw_sheet(columns)
    info = PngInfo()
    info.add_text(_DIGEST_KEY, digest)
    with staged(path) as staging:
        sheet.save(staging, optimize=True, pnginfo=info)
    return path


def draw_sheet(columns: Sequence[Column]) -> Image.Image:
    """Lay columns side by side, with a head each and a caption under every picture."""
    rows = len(columns[0].pictures)
    width = len(columns) * (_CELL_PX + _GAP_PX) + _GAP_PX
    height = _HEAD_PX + rows * (_CELL_PX + _CAPTION_PX + _GAP_PX)
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    title_font, font = ImageFont.load_default(15), ImageFont.load_default(12)
    for index, column in enumerate(columns):
        left = _GAP_PX + index * (_CELL_PX + _GAP_PX)
        pen.text((left + 2, 6), column.title, fill=_INK, font=title_font)
        pen.text((left + 2, 26), column.subtitle, fill=_DIM, font=font)
        for row, (picture, caption) in enumerate(zip(column.pictures, column.captions, strict=True)):
            top = _HEAD_PX + row * (_CELL_PX + _CAPTION_PX + _GAP_PX)
            cell = Image.fromarray(picture).resize((_CELL_PX, _CELL_PX), Image.Resampling.LANCZOS)
            sheet.paste(cell, (left, top))
            pen.text((left + 2, top + _CELL_PX + 3), caption, fill=_DIM, font=font)
    return sheet


def representative_views(cameras: Sequence[Camera], count: int) -> list[int]:
    """The views nearest to anterior, left, posterior and right, each once, at most ``count``."""
    directions = np.array([_toward_camera(camera) for camera in cameras])
    chosen: list[int] = []
    for axis in list(_FROM.values())[:count]:
        ranked = np.argsort(-directions @ np.array(axis, dtype=float), kind="stable")
        chosen.extend([int(view) for view in ranked if int(view) not in chosen][:1])
    return chosen


def viewpoint(camera: Camera) -> str:
    """Where a camera stands in the patient's terms, e.g. ``"anterior left, 20° above"``."""
    direction = _toward_camera(camera)
    horizontal = [name for name, axis in _FROM.items() if direction @ np.array(axis, dtype=float) > 0.38]
    words = sorted(horizontal, key=lambda name: name in ("left", "right"))
    elevation = round(float(np.degrees(np.arcsin(np.clip(direction[2], -1, 1)))))
    height = f"{abs(elevation)}° {'above' if elevation > 0 else 'below'}" if elevation else "level"
    return ", ".join([*([" ".join(words)] if words else []), height])


def _column(folder: Path, record: Record, rows: Sequence[int]) -> Column:
    scores = {view.view: view for view in record.views}
    return Column(
        title=record.method_title,
        subtitle=f"{scores_in_words(record.metrics)}, {record.points:,} points",
        pictures=[iio.imread(folder / record.method / "renders" / f"{row:03d}.png") for row in rows],
        captions=[scores_in_words(scores[row].metrics) for row in rows],
    )


def _toward_camera(camera: Camera) -> NDArray[np.float64]:
    return -camera.camera_from_world[2, :3]


def _digest_of_sheet(path: Path) -> str | None:
    if not path.is_file():
        return None
    with Image.open(path) as sheet:
        digest = sheet.info.get(_DIGEST_KEY)
    return digest if isinstance(digest, str) else None
