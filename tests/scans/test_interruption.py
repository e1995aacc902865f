"""Stage 1 killed at random moments and run again: the same bytes as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from scan_images import write_folder

from renderbench.layout import Root
from renderbench.scans.dataset import load_dataset
from renderbench.scans.store import ScanStore

RUNS = 20
STAGE = """
import sys
from pathlib import Path
from renderbench.farm import parse_cluster
from renderbench.layout import Root
from renderbench.scans.stage import prepare_dataset
raw, root, cluster = sys.argv[1:]
print("ready", flush=True)
prepare_dataset("folder", raw=Path(raw), root=Root(Path(root)), cluster=parse_cluster(cluster))
"""


def start(raw: Path, root: Path, cluster: str = "serial") -> subprocess.Popen[str]:
    """Stage 1 in a process of its own, everything imported, about to begin."""
    child = subprocess.Popen(
        [sys.executable, "-c", STAGE, str(raw), str(root), cluster],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def content(root: Path) -> dict[str, object]:
    """Every file by its path below the root; of a sidecar, all but the seconds, which no two runs share."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            name = path.relative_to(root).as_posix()
            if name.endswith(".seconds.json"):
                sidecar = json.loads(path.read_text())
                assert set(sidecar.pop("seconds")) == {"read", "resample", "transfer"}
                found[name] = sidecar
            else:
                found[name] = path.read_bytes()
    return found


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("interrupted") / "raw"
    random = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        ct = random.integers(-1000, 1000, (40, 44, 48)).astype(np.int16)
        labels = random.integers(0, 120, ct.shape).astype(np.uint8)
        write_folder(folder / name, ct, labels, spacing=(3.0, 3.0, 3.0))
    return folder


@pytest.fixture(scope="module")
def whole(raw, tmp_path_factory) -> tuple[dict[str, object], float]:
    """What an uninterrupted run leaves, and the seconds that it takes."""
    root = tmp_path_factory.mktemp("whole") / "root"
    child = start(raw, root)
    begin = time.monotonic()
    assert child.wait() == 0
    return content(root), time.monotonic() - begin


@pytest.mark.slow
def test_twenty_runs_killed_at_random_moments(raw, whole, tmp_path):
    expected, seconds = whole
    delays = np.random.default_rng(1).uniform(0.0, seconds, RUNS)

    def killed_then_finished(index: int) -> tuple[bool, dict[str, object]]:
        root = tmp_path / f"root-{index}"
        child = start(raw, root)
        time.sleep(delays[index])
        child.send_signal(signal.SIGKILL)
        killed = child.wait() == -signal.SIGKILL
        assert start(raw, root).wait() == 0
        return killed, content(root)

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(killed_then_finished, range(RUNS)))
    assert sum(killed for killed, _ in done) >= RUNS // 2
    for index, (_, found) in enumerate(done):
        assert found.keys() == expected.keys(), index
        assert found == expected, index


@pytest.mark.slow
def test_a_worker_killed_in_mid_scan_loses_nothing(raw, whole, tmp_path):
    root = tmp_path / "root"
    child = start(raw, root, "local:2")
    folder = Root(root).dataset("folder")
    try:
        victim = None
        while victim is None and child.poll() is None:
            # A worker that has a scan in hand: its staging folder carries its process.
            for staging in folder.glob(".staging-*.zarr"):
                victim = int(staging.name.removeprefix(".staging-").partition("@")[0])
            time.sleep(0.002)
        assert victim is not None
        assert victim != child.pid
        assert child.pid in {parent.pid for parent in psutil.Process(victim).parents()}
        os.kill(victim, signal.SIGKILL)
        assert child.wait(120) == 0
    finally:
        child.kill()
    found = content(root)
    assert found.keys() == whole[0].keys()
    assert found == whole[0]
    dataset = load_dataset(Root(root), "folder")
    assert dataset.scans() == ["a", "b", "c", "d"]
    for name in dataset.scans():
        ScanStore.open(Root(root).scan("folder", name)).verify()
