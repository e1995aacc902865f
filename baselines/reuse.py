"""One fit for several blocks: what another block's run has fitted is shown by label, not fitted again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from baselines.settings import FitSettings
from baselines.views import groups_in
from renderbench.artefacts import digest_of
from renderbench.errors import InputError
from renderbench.evaluation.record import read_run_record
from renderbench.methods import Task
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.ply import read_ply

FIT = "fit"
"""The note of a record that holds :func:`fit_digest`."""

_ITEMS = ("initialise", "optimise")


@dataclass(frozen=True, kw_only=True)
class FinishedFit:
    """A fit as another block's run left it.

    Args:
        block: that block.
        gaussians: of all groups.
        notes: of its record.
        seconds: what it cost, by item of the ledger.
    """

    block: str
    gaussians: Gaussians6D
    notes: Mapping[str, Any]
    seconds: Mapping[str, float]


def fit_digest(task: Task, settings: FitSettings, version: int) -> str:
    """Of all that decides a fit: under ``heldout`` not what the scene is then asked to show.

    Args:
        task: its scan, transfer function, views and seed.
        settings: of the fit; their type says where it begins.
        version: of the method.
    """
    selecting = None if task.test_views is None else [task.groups.name, task.test_views.digest]
    return digest_of(
        {
            "settings": {"type": type(settings).__name__, **settings.model_dump(mode="json")},
            "version": version,
            "scan": task.scan.digest,
            "transfer_function": task.transfer_function,
            "medium": task.medium.model_dump(mode="json"),
            "begins_from": groups_in(task).name,
            "fit_views": [[shown.groups.name, shown.views.digest] for shown in task.fit_views],
            "selecting": selecting,
            "seed": task.seed,
        }
    )


def finished_fit(task: Task, digest: str) -> FinishedFit | None:
    """The fit of that digest among the runs of other blocks; None where there is none."""
    for folder in task.siblings:
        try:
            record = read_run_record(folder)
            if record is None or record.notes.get(FIT) != digest:
                continue
            return FinishedFit(
                block=record.block,
                gaussians=read_ply(folder / "scene.ply"),
                notes=record.notes,
                seconds={item: record.seconds[item] for item in _ITEMS if item in record.seconds},
            )
        except InputError:
            # A damaged run costs a fit here and is that run's own affair.
            continue
    return None
