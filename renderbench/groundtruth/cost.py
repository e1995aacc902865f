"""What the views that a suite still lacks will cost, from small renders of a few of its scans."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from renderbench.cameras import Camera
from renderbench.config import RendererSettings, Suite
from renderbench.groundtruth import journal
from renderbench.groundtruth.backends import make_renderer
from renderbench.groundtruth.conditions import Condition, Role, conditions
from renderbench.groundtruth.noise import noise_floor
from renderbench.groundtruth.renderer import Renderer, RenderPass
from renderbench.groundtruth.sampling import render_view
from renderbench.groundtruth.sets import is_complete
from renderbench.groundtruth.stage import checked_renderer
from renderbench.layout import Root
from renderbench.progress import progress
from renderbench.threads import thread_count

# On a real CT under 42 dB, views of 96² take 1.0 to 1.2 times the samples a pixel of views of 256².
_RESOLUTION = 96
_MOST_SAMPLES = 512
_VIEWS = 2
# So many scans of every transfer function and group selection of a dataset; the others cost their mean.
_SCANS = 2
# What a view that goes on until its noise floor takes: a first pass, and a few by what it showed.
_PASSES = 4


@dataclass(frozen=True, kw_only=True)
class ConditionCost:
    """What the pending views of one condition will cost.

    Args:
        name: dataset, scan, transfer function and groups.
        views: how many are pending; some that an interrupted or older call made may still hold.
        samples: a pixel.
        seconds: a view, with the threads of the estimate.
        hours: of all of them: core-hours, or GPU-hours where a GPU renders.
        measured: whether this scan was rendered, or the mean of others stands for it.
    """

    name: str
    views: int
    samples: int
    seconds: float
    hours: float
    measured: bool


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What stage 2 will cost.

    Args:
        conditions: those with pending views.
        threads: what a view's seconds are meant with; of no meaning on a GPU.
        device: what renders: ``cpu`` or ``cuda``, with the name of the GPU where it is known.
    """

    conditions: tuple[ConditionCost, ...]
    threads: int
    device: str

    @property
    def unit(self) -> str:
        """Of ``hours``."""
        return "core-hours" if self.device == "cpu" else "GPU-hours"

    @property
    def views(self) -> int:
        """How many are pending."""
        return sum(each.views for each in self.conditions)

    @property
    def hours(self) -> float:
        """Of all of them."""
        return math.fsum(each.hours for each in self.conditions)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "views": self.views, "hours": self.hours, "unit": self.unit}


def estimate_cost(root: Root, suite: Suite, *, threads: int | None = None, pbrt: Path | None = None) -> Cost:
    """Estimate what :func:`~renderbench.groundtruth.stage.render_suite` will cost; writes nothing.

    Two views of two scans of every transfer function and group selection of a dataset are rendered small;
    the other scans are taken to cost the mean of these. The noise of a view hardly depends on its
    resolution, so samples are right within a few tens of per cent; seconds are this machine's.

    Args:
        root: of the study.
        suite: what is to be rendered.
        threads: for the renderer; by default RENDERBENCH_THREADS, else one per core.
        pbrt: the binary, where the suite's renderer is pbrt.

    Raises:
        InputError: as :func:`~renderbench.groundtruth.stage.render_suite`; or a scan that is rendered for
            the estimate shows nothing.
        JobError: the renderer fails.
    """
    used = threads or thread_count()
    wanted = [_Pending(condition=each, views=_pending_views(each)) for each in conditions(root, suite)]
    wanted = [each for each in wanted if each.views]
    binary = checked_renderer(suite, pbrt) if wanted else None
    kinds = [(scans, _calibrated(scans)) for scans in _by_kind(wanted).values()]
    figures: dict[str, _Figures] = {}
    with progress("calibrating", sum(len(chosen) for _, chosen in kinds), "scans") as bar:
        for scans, chosen in kinds:
            for each in chosen:
                figures[each.name] = _measured(each, used, binary)
                bar.advance(detail=each.name)
            mean = _mean([figures[each.name] for each in chosen])
            figures |= {each.name: mean for each in scans if each.name not in figures}
    costs = tuple(_cost(each, figures[each.name], used) for each in wanted)
    device = next((each.device for each in figures.values()), "cpu")
    return Cost(conditions=costs, threads=used, device=device)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pending:
    """A condition and how many of its views are pending, by role."""

    condition: Condition
    views: dict[Role, int]

    @property
    def name(self) -> str:
        folder = self.condition.folder("fit")
        return f"{self.condition.scan.dataset}/{folder.parent.name}/{folder.name.removesuffix('-fit')}"

    @property
    def kind(self) -> tuple[str, str, str]:
        """Scans of a kind cost about the same."""
        condition = self.condition
        return condition.scan.dataset, condition.transfer_function, condition.selection.name


@dataclass(frozen=True, kw_only=True)
class _Figures:
    """Of a view: samples a pixel, seconds, on what; and whether they were measured on its own scan."""

    samples: float
    seconds: float
    device: str
    measured: bool


def _pending_views(condition: Condition) -> dict[Role, int]:
    views = {role: _pending_of(condition, role) for role in condition.counts}
    return {role: count for role, count in views.items() if count}


def _pending_of(condition: Condition, role: Role) -> int:
    if is_complete(condition, role):
        return 0
    folder = condition.folder(role)
    plan = journal.read_plan(folder)
    if plan is None or (plan.digest, plan.exr) != (condition.digest(role), condition.suite.views.exr):
        return condition.counts[role]
    return condition.counts[role] - journal.done_of(folder, plan)


def _calibrated(scans: Sequence[_Pending]) -> list[_Pending]:
    places = np.linspace(0, len(scans) - 1, min(_SCANS, len(scans)))
    return [scans[round(place)] for place in places]


def _by_kind(wanted: Sequence[_Pending]) -> dict[tuple[str, str, str], list[_Pending]]:
    kinds: dict[tuple[str, str, str], list[_Pending]] = {}
    for each in wanted:
        kinds.setdefault(each.kind, []).append(each)
    return kinds


def _measured(pending: _Pending, threads: int, pbrt: Path | None) -> _Figures:
    """Render a few views small, at most to the floor, and scale what that took to the suite's size."""
    condition = pending.condition
    settings = condition.suite.renderer
    medium = condition.medium()
    by_role = condition.cameras(medium)
    cameras = [camera for role in pending.views for camera in by_role[role]]
    places = np.linspace(0, len(cameras) - 1, min(_VIEWS, len(cameras)))
    renderer = make_renderer(settings, medium, threads=threads, pbrt=pbrt)
    shortest = _shortest_pass(renderer, cameras[0])
    samples, rays, seconds = [], 0.0, 0.0
    for place in places:
        small = _smaller(cameras[round(place)], _RESOLUTION)
        view = render_view(renderer, small, _affordable(settings), seed=round(place))
        samples.append(_samples_needed(view, settings))
        rays += small.width * small.height * view.samples
        seconds += view.seconds
    # What a pass costs before its first ray does not grow with the view.
    rate = rays / max(seconds - _PASSES * len(places) * shortest.seconds, 0.1 * seconds)
    needed = float(np.mean(samples))
    pixels = cameras[0].width * cameras[0].height
    return _Figures(
        samples=needed,
        seconds=_PASSES * shortest.seconds + pixels * needed / rate,
        device=shortest.device,
        measured=True,
    )


def _affordable(settings: RendererSettings) -> RendererSettings:
    most = min(_MOST_SAMPLES, settings.samples_per_pixel or settings.max_samples_per_pixel)
    fixed = most if settings.samples_per_pixel else None
    return settings.model_copy(update={"max_samples_per_pixel": most, "samples_per_pixel": fixed})


def _samples_needed(view: RenderPass, settings: RendererSettings) -> float:
    """Noise power falls as one over the number of samples."""
    if settings.samples_per_pixel:
        return settings.samples_per_pixel
    floor = noise_floor(view.halves)
    missing_db = 0.0 if floor is None else max(settings.noise_floor_db - floor, 0.0)
    return min(view.samples * 10.0 ** (missing_db / 10.0), settings.max_samples_per_pixel)


def _shortest_pass(renderer: Renderer, camera: Camera) -> RenderPass:
    """What it takes is what a pass costs before its first ray; the first one may compile."""
    tiny = _smaller(camera, 8)
    renderer.render_pass(tiny, seed=0, first=0, count=1)
    return renderer.render_pass(tiny, seed=0, first=0, count=1)


def _smaller(camera: Camera, resolution: int) -> Camera:
    """The same view with so many pixels a side, or as it is where it has no more."""
    scale = min(resolution / camera.width, 1.0)
    return replace(
        camera,
        width=round(camera.width * scale),
        height=round(camera.height * scale),
        fx_px=camera.fx_px * scale,
        fy_px=camera.fy_px * scale,
        cx_px=camera.cx_px * scale,
        cy_px=camera.cy_px * scale,
    )


def _mean(figures: Sequence[_Figures]) -> _Figures:
    return _Figures(
        samples=float(np.mean([each.samples for each in figures])),
        seconds=float(np.mean([each.seconds for each in figures])),
        device=figures[0].device,
        measured=False,
    )


def _cost(pending: _Pending, figures: _Figures, threads: int) -> ConditionCost:
    views = sum(pending.views.values())
    return ConditionCost(
        name=pending.name,
        views=views,
        samples=round(figures.samples),
        seconds=figures.seconds,
        hours=views * figures.seconds * (threads if figures.device == "cpu" else 1) / 3600,
        measured=figures.measured,
    )
