"""What stands beside a view set that is not complete."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from renderbench.errors import InputError, JobError
from renderbench.groundtruth import journal, tasks
from renderbench.groundtruth.stage import render_suite
from renderbench.layout import Root
from renderbench.status import Item, study_status
from tests.groundtruth.studies import prepare_study, suite

FIT = "folder/tiny/seen.all.tiny-fit"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def root(tmp_path, prepared) -> Root:
    shutil.copytree(prepared.path / "scans", tmp_path / "root" / "scans")
    return Root(tmp_path / "root")


def mark(folder: Path, index: int, **changes: object) -> None:
    own = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}
    path = folder / "progress" / f"{index:03d}.running.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(own | changes))


def ended_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_only_living_processes_of_this_host_run(tmp_path) -> None:
    mark(tmp_path, 0)
    mark(tmp_path, 1, pid=ended_process())
    mark(tmp_path, 2, host="another-node", pid=1)
    # A number that the system has given away anew: its process began after the mark was made.
    mark(tmp_path, 3, since=time.time() - 10 * 365 * 86400)
    (tmp_path / "progress" / "004.running.json").write_text("{")
    assert sorted(journal.read_journal(tmp_path).running) == [0, 2]
    journal.clear_dead(tmp_path)
    left = sorted(path.name for path in (tmp_path / "progress").iterdir())
    assert left == ["000.running.json", "002.running.json"]


def test_no_journal_is_an_empty_one(tmp_path) -> None:
    assert journal.read_journal(tmp_path) == journal.Journal(views=None, done=0, running={}, failed={})


def test_a_damaged_plan_is_one_clear_line(tmp_path) -> None:
    (tmp_path / "progress").mkdir()
    (tmp_path / "progress" / "plan.json").write_text("{")
    with pytest.raises(InputError, match=r"plan\.json: expected JSON"):
        journal.read_journal(tmp_path)


def failing(monkeypatch, error: Exception, *views: int) -> None:
    """Rendering of the given fitting views fails; views are told by their seeds."""
    render = tasks.render_view
    calls = []

    def maybe(*arguments: object, **options: object) -> object:
        calls.append(None)
        if len(calls) - 1 in views:
            raise error
        return render(*arguments, **options)

    monkeypatch.setattr(tasks, "render_view", maybe)


def status_of(root: Root, name: str) -> Item:
    (item,) = [item for item in study_status(root) if item.name == name]
    return item


def test_a_view_that_fails_is_on_record_until_it_succeeds(root, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        failing(patch, JobError("pbrt", "expected it to render, found a crash", "look into it"), 0, 2)
        report = render_suite(root, suite())
    assert (report.rendered, len(report.failed)) == (3, 2)
    assert report.lines == [
        f"view {FIT} 000 and 1 other: pbrt: expected it to render, found a crash; look into it"
    ]
    folder = root.path / "views" / FIT
    assert not (folder / "views.json").exists()
    assert sorted(path.name for path in (folder / "progress").iterdir()) == [
        "000.failed.json",
        "002.failed.json",
        "plan.json",
    ]
    item = status_of(root, FIT)
    assert item.state == "failed"
    assert item.detail == (
        "1 of 3 views; 000, 002 failed: pbrt: expected it to render, found a crash; look into it"
    )
    assert status_of(root, FIT.replace("fit", "test")).state == "done"

    with monkeypatch.context() as patch:
        failing(patch, JobError("pbrt", "expected it to render, found a crash", "look into it"), 1)
        assert len(render_suite(root, suite()).failed) == 1
    assert status_of(root, FIT).detail.startswith("2 of 3 views; 002 failed")

    report = render_suite(root, suite())
    assert (report.rendered, report.skipped, report.failed) == (1, 4, ())
    assert not (folder / "progress").exists()
    assert status_of(root, FIT).state == "done"


def test_an_unforeseen_error_costs_its_own_view_only(root, monkeypatch) -> None:
    failing(monkeypatch, MemoryError(), 1)
    report = render_suite(root, suite())
    assert (report.rendered, len(report.failed)) == (4, 1)
    assert report.lines == [f"view {FIT} 001: MemoryError; the traceback is in the debug log"]


@pytest.mark.parametrize("full", ["mark", "write_plan", "_write", "write_view"])
def test_a_full_disk_is_one_clear_line(root, monkeypatch, full) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tasks if full == "write_view" else journal, full, refuse)
    report = render_suite(root, suite())
    assert (report.rendered, len(report.failed)) == (0, 5)
    for line in report.lines:
        assert "found that it cannot be written (No space left on device); free or repair the disk" in line
    assert len(report.lines) == 2, "one for each set"


def test_status_says_who_renders_what(root) -> None:
    with pytest.raises(KeyboardInterrupt):
        render_suite(root, suite(), show=Interrupting(after=2))
    folder = root.path / "views" / FIT
    assert status_of(root, FIT).state == "incomplete"
    assert status_of(root, FIT).detail == "2 of 3 views"
    mark(folder, 2, host="node7", pid=4711, since=time.time() - 3 * 60)
    item = status_of(root, FIT)
    assert item.state == "running"
    assert item.detail.startswith("2 of 3 views; 002 running on node7 (process 4711) since 20")
    assert item.detail.endswith(", 3 min")


def test_views_made_from_something_else_do_not_count(root) -> None:
    render_suite(root, suite())
    with pytest.raises(KeyboardInterrupt):
        render_suite(root, suite(renderer={"environment_radiance": 2.0}), show=Interrupting(after=1))
    assert status_of(root, FIT).detail == "1 of 3 views"


class Interrupting:
    """Progress under which the user presses Ctrl-C."""

    def __init__(self, *, after: int) -> None:
        self.left = after

    def __call__(self, *_: object) -> "Interrupting":
        return self

    def __enter__(self) -> "Interrupting":
        return self

    def __exit__(self, *_: object) -> None: ...

    def advance(self, steps: int = 1, detail: str = "") -> None:
        self.left -= steps
        if self.left == 0:
            raise KeyboardInterrupt
