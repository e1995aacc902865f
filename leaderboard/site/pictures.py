"""Pictures of a scan's page: ground truth and every method's renders at a few test views."""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from renderbench.errors import InputError
from renderbench.evaluation.contact_sheet import representative_views, viewpoint
from renderbench.evaluation.record import Record
from renderbench.groundtruth.viewset import ViewSet
from renderbench.layout import Root

VIEWS = 4
LARGEST_PX = 640


@dataclass(frozen=True, kw_only=True)
class ShownView:
    """A test view that the page shows: its number, where its camera stands, and the ground truth's file."""

    view: int
    label: str
    truth: str


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """What a scan's page can show.

    Args:
        views: the views, none where there are no pictures.
        renders: by method, one file a view.
        edge_px: of every picture.
        shrunk: whether they are smaller than what was scored.
        reasons: one line for everything that is not shown.
    """

    views: Sequence[ShownView] = ()
    renders: Mapping[str, list[str]] = field(default_factory=dict)
    edge_px: int = 0
    shrunk: bool = False
    reasons: Sequence[str] = ()


def write_pictures(site: Path, stem: str, root: Root, runs: Mapping[str, tuple[Path, Record]]) -> Pictures:
    """Write the pictures of one scan under one condition into ``site/pictures/<stem>/``.

    Only what a record vouches for is shown: ground truth with the digest that it names, renders with the
    SHA-256 that it names.

    Args:
        site: the site in the making.
        stem: a name that is safe in paths.
        root: where view sets lie.
        runs: by method, its folder and record; at least one.
    """
    record = next(iter(runs.values()))[1]
    try:
        truth = ViewSet.open(
            root.views(
                record.dataset, record.scan, record.transfer_function, record.groups, f"{record.suite}-test"
            )
        )
    except InputError as error:
        return Pictures(reasons=[f"No pictures: {error.problem}."])
    shown = representative_views(truth.cameras, VIEWS)
    folder = site / "pictures" / stem
    folder.mkdir(parents=True)
    try:
        files = [
            _place(truth.image_path(view).read_bytes(), folder, f"truth-{view:03d}.png") for view in shown
        ]
    except (OSError, SyntaxError) as error:
        shutil.rmtree(folder)
        return Pictures(reasons=[f"No pictures: an image of the ground truth cannot be read ({error})."])
    renders, reasons = {}, []
    for index, (method, (run, of)) in enumerate(runs.items()):
        found = _renders(run, of, truth.digest, shown)
        if isinstance(found, str):
            reasons.append(f"{of.method_title} is not shown: {found}.")
            continue
        names = [f"{index}-{view:03d}.png" for view in shown]
        try:
            renders[method] = [_place(data, folder, name) for data, name in zip(found, names, strict=True)]
        except (OSError, SyntaxError) as error:
            reasons.append(f"{of.method_title} is not shown: a render cannot be read ({error}).")
    size = truth.cameras[0].width
    return Pictures(
        views=[
            ShownView(view=view, label=viewpoint(truth.cameras[view]), truth=file)
            for view, file in zip(shown, files, strict=True)
        ],
        renders=renders,
        edge_px=min(size, LARGEST_PX),
        shrunk=size > LARGEST_PX,
        reasons=reasons,
    )


def _renders(run: Path, record: Record, truth: str, views: Sequence[int]) -> list[bytes] | str:
    """The files of a run's renders, or why they must not be shown."""
    if record.inputs.get("test_views") != truth:
        return "it was judged on other ground truth than there is now"
    found = []
    for view in views:
        name = f"{view:03d}.png"
        path = run / "renders" / name
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() != record.renders.get(name):
            return f"renders/{name} is missing or not what was scored"
        found.append(data)
    return found


def _place(data: bytes, folder: Path, name: str) -> str:
    """Write a PNG, shrunk where it is large; returns its path from the site."""
    with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
        if max(picture.size) > LARGEST_PX:
            shrunk = picture.convert("RGB")
            shrunk.thumbnail((LARGEST_PX, LARGEST_PX), Image.Resampling.LANCZOS)
            shrunk.save(folder / name)
        else:
            picture.load()
            (folder / name).write_bytes(data)
    return f"pictures/{folder.name}/{name}"
