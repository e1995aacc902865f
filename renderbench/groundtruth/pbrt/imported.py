"""View sets from the images that a pbrt elsewhere rendered of an export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from renderbench.artefacts import read_json
from renderbench.config import Suite
from renderbench.errors import InputError, JobError
from renderbench.groundtruth.pbrt.exposures import developed
from renderbench.groundtruth.pbrt.lights import Lights
from renderbench.groundtruth.pbrt.pfm import read_pfm
from renderbench.groundtruth.pbrt.plan import RECORD, SCHEMA, PlannedSet, PlannedView, planned_sets
from renderbench.groundtruth.renderer import RenderPass
from renderbench.groundtruth.viewset import ViewRecord, begin_set, finish_set, read_view_record, write_view
from renderbench.layout import Root


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What :func:`import_suite` did: views imported, views that held already, views not rendered yet.

    ``below_floor`` counts those imported or held whose noise floor is below the suite's: render them
    from an export with more samples.
    """

    imported: int
    skipped: int
    missing: int
    below_floor: int


def import_suite(root: Root, suite: Suite, folder: Path) -> ImportReport:
    """Make view sets of the images in ``folder``, which :func:`export_suite` wrote and pbrt rendered.

    A set is complete once all its views are there; until then, run it again when more are rendered. The
    seconds of such views are 0: nobody took the time.

    Raises:
        InputError: there is no export of this suite in ``folder``, or it was made from something else.
        JobError: an image is damaged, or a view cannot be written.
    """
    samples = _exported_samples(root, suite, folder)
    imported = skipped = missing = below = 0
    try:
        for planned in planned_sets(root, suite, folder, samples=samples):
            found = [_view(planned, index, samples) for index in range(len(planned.views))]
            records = [record for record, _ in found if record is not None]
            imported += sum(is_new for _, is_new in found)
            missing += len(found) - len(records)
            skipped += len(records) - sum(is_new for _, is_new in found)
            floor = suite.renderer.noise_floor_db
            below += sum(each.noise_floor_db is not None and each.noise_floor_db < floor for each in records)
            if len(records) == len(found):
                finish_set(
                    planned.condition.folder(planned.role),
                    [view.camera for view in planned.views],
                    records,
                    digest=planned.condition.digest(planned.role),
                    made_from=planned.condition.made_from(planned.role),
                )
    except OSError as error:
        problem = f"expected to write views, found that they cannot be written ({error.strerror})"
        raise JobError(root.path, problem, "free or repair the disk and run it again") from None
    return ImportReport(imported=imported, skipped=skipped, missing=missing, below_floor=below)


def _exported_samples(root: Root, suite: Suite, folder: Path) -> int:
    record = read_json(folder / RECORD)
    match record:
        case {"schema": schema, "suite": suite.name, "samples": int(samples)} if schema == SCHEMA:
            return samples
    raise InputError(
        folder,
        f"expected an export of suite {suite.name}, found {'another' if record else 'none'}",
        f"run `renderbench groundtruth --root {root.path} --suite {suite.argument} --export-only {folder}`",
    )


def _view(planned: PlannedSet, index: int, samples: int) -> tuple[ViewRecord | None, bool]:
    """The record of a view, None when it has not been rendered, and whether it was imported just now."""
    view = planned.views[index]
    target = planned.condition.folder(planned.role)
    digest = planned.condition.view_digest(view.camera, view.seed)
    exr = planned.condition.suite.views.exr
    record = read_view_record(target, index, exr=exr)
    if record is not None and record.digest == digest:
        return record, False
    rendered = _rendered(planned.folder, view, planned.lights, samples)
    if rendered is None:
        return None, False
    begin_set(target)
    return write_view(target, index, rendered, digest=digest, seed=view.seed, exr=exr), True


def _rendered(folder: Path, view: PlannedView, lights: Lights, samples: int) -> RenderPass | None:
    if not all((folder / run.image).is_file() for run in view.runs):
        return None
    images = {
        (run.name, run.half): read_pfm(folder / run.image, width=view.camera.width, height=view.camera.height)
        for run in view.runs
    }
    return developed(images, lights, samples=samples, seconds=0.0)
