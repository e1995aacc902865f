"""What a method is, and the registry of methods.

A method prepares a scene from a scan (and views, where it needs them); a scene renders cameras. The
protocol, not the method, times and scores both. Methods are found through the entry-point group
``renderbench.methods``: each names a :class:`MethodSpec`, in a module that is cheap to import.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from renderbench.config import MediumSettings, Strict, Suite, parse_model
from renderbench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from renderbench.cameras import Camera
    from renderbench.evaluation.ledger import Ledger
    from renderbench.groundtruth.viewset import ViewSet
    from renderbench.layout import Root
    from renderbench.scans.groups import GroupSelection
    from renderbench.scans.store import ScanStore

_GROUP = "renderbench.methods"


@dataclass(frozen=True, kw_only=True)
class ShownViews:
    """A view set and the groups that it shows."""

    groups: GroupSelection
    views: ViewSet


@dataclass(frozen=True, kw_only=True)
class CheckpointPlace:
    """Where a method may keep what lets it go on after a kill.

    Args:
        path: one file, beside the run to be; there where an earlier attempt at this very run was killed.
            It is removed once the run is written.
        digest: of all that decides the run's result, to be kept inside and compared.
    """

    path: Path
    digest: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """All that a method may see when it prepares a scene.

    Args:
        scan: the scan.
        transfer_function: the name of one of the scan's transfer functions.
        groups: which groups the scene is asked to show: those of the test views.
        medium: how the ground truth turns opacity into extinction.
        fit_views: the view sets to fit to, at least one, each of its own groups; a method that fits
            nothing leaves them alone.
        test_views: given only under the ``paper`` protocol, which selects on them; else None.
        protocol: ``heldout`` or ``paper`` (see :class:`renderbench.config.Block`).
        seed: of everything random.
        checkpoint: where long work keeps its state; None where nothing may be kept.
        siblings: where the same row's runs on the same scan lie for the suite's other blocks; a scene that
            does not depend on the block may be taken from there.
        announce: shows the user one line.
    """

    scan: ScanStore
    transfer_function: str
    groups: GroupSelection
    medium: MediumSettings
    fit_views: Sequence[ShownViews]
    test_views: ViewSet | None
    protocol: str
    seed: int
    checkpoint: CheckpointPlace | None = None
    siblings: Sequence[Path] = ()
    announce: Callable[[str], None] = field(default=lambda line: None, repr=False)


class Scene(Protocol):
    """A prepared scene."""

    @property
    def point_count(self) -> int:
        """How many primitives it has."""

    @property
    def notes(self) -> Mapping[str, Any]:
        """What the record should keep of the preparation: JSON values, e.g. the evaluation curve."""

    def render(self, camera: Camera) -> NDArray[np.float32]:
        """The image, (H, W, 3) sRGB in [0, 1], over black."""

    def save(self, path: Path) -> None:
        """Write the scene as ``path`` (a ``.ply``)."""


class Method(Protocol):
    """A method, configured."""

    @property
    def needs_views(self) -> bool:
        """Whether preparation uses the fitting views; their cost then enters the ledger."""

    def prepare(self, task: Task, ledger: Ledger) -> Scene:
        """Make a scene, adding what it costs to ``ledger`` and showing progress."""


@dataclass(frozen=True, kw_only=True)
class MethodSpec:
    """What the registry knows of a method without loading it.

    Args:
        id: its name in suites and tables.
        title: its name in print.
        summary: one line.
        settings: the pydantic model of its settings; unknown keys are errors.
        version: raised when the same settings would give another result; part of a run's digest.
        factory: ``"module:callable"``; called with the validated settings, returns a :class:`Method`.
            Named, not imported, so that listing methods loads nothing heavy.
        inputs: the same, for a method that reads files beside scan and views, as trained weights; called
            with the validated settings and the study's :class:`~renderbench.layout.Root`, returns a digest
            by name. They are part of a run's digest: another file under the same name is another run.
    """

    id: str
    title: str
    summary: str
    version: int
    settings: type[Strict]
    factory: str
    inputs: str | None = None

    def build(self, settings: Strict) -> Method:
        """The configured method."""
        method: Method = _named(self.factory)(settings)
        return method

    def input_digests(self, settings: Strict, root: Root) -> dict[str, str]:
        """The digest of each file that the method reads beside scan and views, by name.

        Raises:
            InputError: one of them is missing.
        """
        digests: dict[str, str] = _named(self.inputs)(settings, root) if self.inputs else {}
        return digests


def _named(reference: str) -> Any:
    from importlib import import_module

    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


def registered_methods() -> dict[str, MethodSpec]:
    """Every method that an installed package registers, by id, in alphabetical order."""
    points = sorted(entry_points(group=_GROUP), key=lambda point: point.name)
    return {point.name: point.load() for point in points}


def resolve_method(suite: Suite, name: str) -> tuple[MethodSpec, Strict]:
    """The method that a suite calls ``name``, and its validated settings there.

    Raises:
        InputError: unknown method, or settings that it does not take.
    """
    entry = suite.entry(name)
    methods = registered_methods()
    spec = methods.get(entry.base or name)
    if spec is None:
        raise unknown_method(entry.base or name, [*methods, *suite.methods])
    return spec, parse_model(spec.settings, entry.settings, f"suite {suite.name}: methods.{name}.settings")


def unknown_method(name: str, known: Sequence[str]) -> InputError:
    """The error for a method that does not exist."""
    close = difflib.get_close_matches(name, known, n=1)
    return InputError(
        f"method {name!r}",
        f"expected one of {', '.join(sorted(set(known)))}; found none by that name",
        f"did you mean {close[0]!r}?" if close else "`renderbench methods` lists them",
    )
