"""View sets in the making, as the process that hands out their views sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from renderbench.errors import InputError, JobError
from renderbench.groundtruth import journal
from renderbench.groundtruth.conditions import Condition, Role
from renderbench.groundtruth.tasks import FinishedView
from renderbench.groundtruth.viewset import ViewSet, begin_set, finish_set, set_holds, write_split


@dataclass(frozen=True, kw_only=True, eq=False)
class PendingSet:
    """A view set that does not hold, and its views so far.

    Args:
        condition: what it shows.
        role: what its views are for.
        found: its views by index.
    """

    condition: Condition
    role: Role
    found: dict[int, FinishedView] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Of the set."""
        return self.condition.folder(self.role)

    @property
    def count(self) -> int:
        """How many views it will have."""
        return self.condition.counts[self.role]

    def begin(self) -> None:
        """Mark it as incomplete, before the first of its images changes.

        Raises:
            JobError: it cannot be written to.
        """
        try:
            begin_set(self.folder)
            split_path(self.condition).unlink(missing_ok=True)
            journal.clear_dead(self.folder)
        except OSError as error:
            raise _unwritable(self.folder, error) from None

    def add(self, index: int, view: FinishedView) -> None:
        """Take a view, and finish the set if it was the last.

        Raises:
            JobError: it cannot be written to.
        """
        self.found[index] = view
        if len(self.found) < self.count:
            return
        views = [self.found[each] for each in range(self.count)]
        try:
            finish_set(
                self.folder,
                [each.camera for each in views],
                [each.record for each in views],
                digest=self.condition.digest(self.role),
                made_from=self.condition.made_from(self.role),
            )
            journal.close_journal(self.folder)
            join_sets(self.condition)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        except InputError as error:
            # A path of our own is no input of the user's.
            raise JobError(error.subject, error.problem, "free or repair the disk and run it again") from None


def is_complete(condition: Condition, role: Role) -> bool:
    """Whether one of a condition's sets is there, whole, and made from what it should be made from.

    Raises:
        InputError: its record is damaged or of another schema.
    """
    return set_holds(condition.folder(role), condition.digest(role), exr=condition.suite.views.exr)


def join_sets(condition: Condition) -> None:
    """Write the cameras of a condition's fitting and test views as one data set, once both are there."""
    path = split_path(condition)
    if path.is_file() or not {"fit", "test"} <= set(condition.counts):
        return
    if is_complete(condition, "fit") and is_complete(condition, "test"):
        fit, test = (ViewSet.open(condition.folder(role)) for role in ("fit", "test"))
        write_split(path, fit=fit, test=test)


def split_path(condition: Condition) -> Path:
    """The file of :func:`join_sets`, beside the sets: ``<tf>.<groups>.<suite>.json``."""
    folder = condition.folder("fit")
    return folder.with_name(f"{folder.name.removesuffix('-fit')}.json")


def _unwritable(folder: Path, error: OSError) -> JobError:
    problem = f"expected to write views, found that they cannot be written ({error.strerror})"
    return JobError(folder, problem, "free or repair the disk and run it again")
