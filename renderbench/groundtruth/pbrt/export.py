"""Suites as folders of pbrt scenes, for machines that have a pbrt and no renderbench."""

from __future__ import annotations

from pathlib import Path

from renderbench.artefacts import write_json, write_text
from renderbench.config import Suite
from renderbench.errors import InputError, JobError
from renderbench.groundtruth.pbrt.plan import RECORD, SCHEMA, PlannedView, planned_sets
from renderbench.groundtruth.pbrt.scene import VERSION, template
from renderbench.layout import Root
from renderbench.resources import resource

DEFAULT_SAMPLES = 1024
"""Samples a pixel where the suite names a noise floor: an export cannot go on until it is reached."""


def export_suite(root: Root, suite: Suite, folder: Path, *, samples: int | None = None) -> list[Path]:
    """Write all that a machine with pbrt-v4 needs to render every view of a suite.

    ``README.md`` there says how. Run again, it writes only what has changed or is not there, and images
    that were rendered from scenes as they are stay of use.

    Args:
        root: of the study; stage 1 has written the scans.
        suite: what to render; its renderer is pbrt.
        folder: to write to; it need not exist.
        samples: a pixel, an even number; by default the suite's, or 1024 where it names a noise floor.

    Returns:
        The scenes' paths, view by view.

    Raises:
        InputError: the suite is for another renderer, lacks what stage 1 makes, or ``samples`` is odd.
        JobError: the folder cannot be written to.
    """
    taken = samples or suite.renderer.samples_per_pixel or DEFAULT_SAMPLES
    if taken % 2 or taken < 2:
        raise InputError("samples", f"expected an even number of at least 2, found {taken}", "change it")
    try:
        return _export(root, suite, folder, taken)
    except OSError as error:
        problem = f"expected to write scenes, found that they cannot be written ({error.strerror})"
        raise JobError(folder, problem, "free or repair the disk and run it again") from None


def _export(root: Root, suite: Suite, folder: Path, samples: int) -> list[Path]:
    scenes: list[Path] = []
    jobs: list[str] = []
    views = 0
    for planned in planned_sets(root, suite, folder, samples=samples):
        place = planned.folder.relative_to(folder).as_posix()
        for view in planned.views:
            views += 1
            scenes += _write_scenes(planned.folder, view)
            jobs += [f"{place} {run.scene} {run.image} {samples // 2} {run.seed}\n" for run in view.runs]
    readme = template("EXPORT.md").substitute(suite=suite.name, views=views, count=len(jobs), samples=samples)
    write_text(folder / "README.md", readme)
    write_text(folder / "jobs.txt", "".join(jobs))
    write_text(folder / "render.sh", resource("pbrt_scenes", "render.sh").read_text(encoding="utf-8"))
    # Last: a folder with it is complete.
    record = {"schema": SCHEMA, "suite": suite.name, "samples": samples, "scenes": VERSION}
    write_json(folder / RECORD, record)
    return scenes


def _write_scenes(folder: Path, view: PlannedView) -> list[Path]:
    texts = {folder / run.scene: run.text for run in view.runs}
    for path, text in texts.items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)
    return list(texts)
