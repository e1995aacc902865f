"""Stage 2 on workers: the same views wherever they are made, whatever is killed meanwhile."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from renderbench.config import Suite
from renderbench.farm import parse_cluster
from renderbench.groundtruth import journal, tasks
from renderbench.groundtruth.conditions import Condition, conditions
from renderbench.groundtruth.stage import open_views, render_suite
from renderbench.groundtruth.tasks import ViewTask
from renderbench.layout import Root
from tests.conftest import REPOSITORY
from tests.farm import slurm
from tests.groundtruth.studies import prepare_study, suite

KILLS = 10


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> Root:
    return prepare_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def root(tmp_path, prepared) -> Root:
    return copied(prepared, tmp_path / "root")


def copied(prepared: Root, path: Path) -> Root:
    shutil.copytree(prepared.path / "scans", path / "scans")
    return Root(path)


def two_conditions(**changes: object) -> Suite:
    return suite(blocks=[{"id": "whole"}, {"id": "organs", "groups": ["liver"]}], **changes)


def content(root: Root) -> dict[str, object]:
    """Every file of the views by its path: pixels of images, records without seconds, cameras."""
    found: dict[str, object] = {}
    for path in sorted((root.path / "views").rglob("*")):
        if path.is_file():
            found[path.relative_to(root.path).as_posix()] = _content(path)
    return found


def _content(path: Path) -> object:
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return np.asarray(picture).tobytes(), timeless(json.loads(picture.text["renderbench_view"]))
    return timeless(json.loads(path.read_text()))


def timeless(record: object) -> object:
    if isinstance(record, dict):
        return {key: timeless(value) for key, value in record.items() if key != "seconds"}
    return [timeless(value) for value in record] if isinstance(record, list) else record


@pytest.fixture(scope="module")
def serial(prepared, tmp_path_factory) -> dict[str, object]:
    root = copied(prepared, tmp_path_factory.mktemp("serial") / "root")
    report = render_suite(root, two_conditions(), threads=1)
    assert (report.rendered, report.skipped, report.failed) == (10, 0, ())
    return content(root)


def test_a_finished_study_holds_views_and_nothing_else(serial) -> None:
    sets = [f"seen.{groups}.tiny-{role}" for groups in ("all", "liver") for role in ("fit", "test")]
    expected = {f"views/folder/tiny/seen.{groups}.tiny.json" for groups in ("all", "liver")}
    for name in sets:
        images = range(3 if name.endswith("fit") else 2)
        expected |= {f"views/folder/tiny/{name}/images/{index:03d}.png" for index in images}
        expected |= {f"views/folder/tiny/{name}/{file}.json" for file in ("views", "transforms")}
    assert set(serial) == expected


@pytest.mark.parametrize(("cluster", "threads"), [("serial", 2), ("local:1", None), ("local:2", 3)])
def test_views_are_the_same_wherever_they_are_made(serial, root, cluster, threads) -> None:
    report = render_suite(root, two_conditions(), threads=threads, cluster=parse_cluster(cluster))
    assert (report.rendered, report.failed) == (10, ())
    assert content(root) == serial


def test_a_scene_is_loaded_once_for_all_its_views(root, monkeypatch) -> None:
    loaded = []
    load = Condition.medium

    def counting(condition: Condition) -> object:
        loaded.append(condition.label)
        return load(condition)

    monkeypatch.setattr(Condition, "medium", counting)
    render_suite(root, two_conditions(), threads=1)
    assert loaded == ["tiny seen.all", "tiny seen.liver"]
    assert not tasks._held, "the memory is given back"


def test_a_task_is_small(root) -> None:
    (condition, _) = conditions(root, two_conditions())
    task = ViewTask(job="x" * 32, condition=condition, role="fit", index=0, threads=1, pbrt=None)
    assert len(pickle.dumps(task)) < 20_000
    assert task.label == "view folder/tiny/seen.all.tiny-fit 000"


STAGE = """
import sys
from pathlib import Path
from renderbench.config import Suite
from renderbench.farm import parse_cluster
from renderbench.groundtruth.stage import render_suite
from renderbench.layout import Root

if __name__ == "__main__":
    root, suite, cluster = sys.argv[1:]
    report = render_suite(
        Root(Path(root)), Suite.model_validate_json(suite), cluster=parse_cluster(cluster)
    )
    sys.exit(len(report.failed))
"""


def start(root: Root, study: Suite, cluster: str) -> subprocess.Popen[bytes]:
    """Stage 2 in a process of its own."""
    command = [sys.executable, "-c", STAGE, str(root.path), study.model_dump_json(), cluster]
    return subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL)


def rendering(root: Root) -> set[int]:
    """The processes that render a view at this moment."""
    sets = [path for path in root.path.glob("views/*/*/*") if path.is_dir()]
    return {mark.pid for folder in sets for mark in journal.read_journal(folder).running.values()}


def wait_for_one(root: Root, child: subprocess.Popen[bytes]) -> int | None:
    """A process that renders a view; None once the job is done."""
    end = time.monotonic() + 120
    while child.poll() is None:
        assert time.monotonic() < end
        for pid in rendering(root):
            return pid
        time.sleep(0.002)
    return None


@pytest.mark.slow
def test_a_worker_killed_in_mid_view_loses_nothing(root, prepared, tmp_path) -> None:
    study = suite(renderer={"samples_per_pixel": 1024})
    child = start(root, study, "local:2")
    try:
        victim = wait_for_one(root, child)
        assert victim is not None
        assert child.pid in {parent.pid for parent in psutil.Process(victim).parents()}
        os.kill(victim, signal.SIGKILL)
        assert child.wait(120) == 0
    finally:
        child.kill()
    undisturbed = copied(prepared, tmp_path / "undisturbed")
    render_suite(undisturbed, study)
    assert content(root) == content(undisturbed)


@pytest.mark.slow
def test_24_views_under_ten_kills_are_those_of_an_undisturbed_run(root, prepared, tmp_path) -> None:
    """Workers, and every third time the process that holds the scheduler, at any moment of their work."""
    study = suite(renderer={"samples_per_pixel": 512}, views={"fit": 16, "test": 8})
    undisturbed = copied(prepared, tmp_path / "undisturbed")
    assert render_suite(undisturbed, study, threads=2).rendered == 24
    random = np.random.default_rng(7)
    child = start(root, study, "local:2")
    try:
        for kill in range(KILLS):
            assert wait_for_one(root, child), "it ended before it was killed ten times"
            time.sleep(random.uniform(0.0, 0.2))
            whole = kill % 3 == 2
            for victim in [child.pid] if whole else rendering(root):
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
            if whole:
                child.wait()
                child = start(root, study, "local:2")
        assert child.wait(300) == 0
    finally:
        child.kill()
    found = content(root)
    assert found.keys() == content(undisturbed).keys()
    assert found == content(undisturbed)
    assert not list(root.path.rglob(".staging-*"))
    assert len(open_views(root, study, study.blocks[0], "tiny", "fit").cameras) == 16


@pytest.mark.slow
def test_slurm_renders_views(root, serial, tmp_path, monkeypatch) -> None:
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed (extra: farm)")
    if slurm.missing():
        pytest.skip(f"no SLURM: {slurm.missing()}")
    farm = tmp_path / "farm.toml"
    farm.write_text(
        '[cluster]\nkind = "slurm"\njobs = 2\ncores = 1\nmemory = "2GB"\nqueue = "debug"\n'
        f'interface = "lo"\n[cluster.options]\nlog_directory = "{tmp_path}"\n'
    )
    (tmp_path / "slurm").mkdir()
    with slurm.slurm(tmp_path / "slurm") as variables:
        for name, value in {**variables, "PYTHONPATH": str(REPOSITORY)}.items():
            monkeypatch.setenv(name, value)
        report = render_suite(root, two_conditions(), cluster=parse_cluster(str(farm)))
    assert (report.rendered, report.failed) == (10, ())
    assert content(root) == serial
