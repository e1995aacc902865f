"""Stage 1 as a whole: what it takes, what it leaves, and that it can be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scan_images import small_ct, small_labels, write_folder

import renderbench.scans.phantom
from renderbench.errors import InputError
from renderbench.farm import parse_cluster
from renderbench.layout import Root
from renderbench.progress import Silent
from renderbench.resources import resource
from renderbench.scans import stage
from renderbench.scans.dataset import load_dataset
from renderbench.scans.sources import SourceOptions
from renderbench.scans.stage import prepare_dataset
from renderbench.scans.store import ScanStore
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan


@contextmanager
def unseen(label, total, unit):
    yield Silent()


def prepare(raw: Path | None, root: Root, name: str = "folder", **options):
    source = {key: options.pop(key) for key in ("seed", "count", "split", "series") if key in options}
    return prepare_dataset(
        name,
        raw=raw,
        root=root,
        options=SourceOptions(**source),
        cluster=parse_cluster("serial"),
        show=unseen,
        **options,
    )


@pytest.fixture
def raw(tmp_path) -> Path:
    for name in ("b", "a"):
        write_folder(tmp_path / "raw" / name)
    return tmp_path / "raw"


@pytest.fixture
def root(tmp_path) -> Root:
    return Root(tmp_path / "root")


@pytest.fixture
def phantom(monkeypatch) -> None:
    """A phantom that costs nothing: its values are its seed."""

    def phantom_scan(seed: int, *, extent: str) -> Scan:
        grid = Grid(shape=(4, 5, 6), world_from_voxel=np.diag([1.5, 1.5, 1.5, 1.0]))
        full = np.full(grid.shape, seed)
        return Scan(name="?", ct=full.astype(np.int16), labels=np.zeros(grid.shape, np.uint8), grid=grid)

    monkeypatch.setattr(renderbench.scans.phantom, "phantom_scan", phantom_scan)


def contents(root: Root) -> dict[str, int]:
    """Every file under the root and when it was written."""
    return {str(path): path.stat().st_mtime_ns for path in root.path.rglob("*") if path.is_file()}


def test_a_folder_becomes_a_dataset(raw, root):
    report = prepare(raw, root)
    assert report.written == ("a", "b")
    assert (report.skipped, report.rejected) == ((), ())
    dataset = load_dataset(root, "folder")
    assert dataset.scans("test") == dataset.scans("all") == ["a", "b"]
    assert dataset.scans(["b"]) == ["b"]
    store = ScanStore.open(root.scan("folder", "a"))
    assert (store.name, store.dataset) == ("a", "folder")
    # 20 x 16 x 12 voxels of 2 x 2 x 3 mm.
    assert dataset.entries[0].shape == store.grid.shape == (24, 21, 27)
    assert dataset.entries[0].digest == store.digest
    assert set(store.seconds) == {"read", "resample", "transfer"}
    assert all(value > 0 for value in store.seconds.values())
    assert {role: source["files"] for role, source in store.provenance["sources"].items()} == {
        "ct": 1,
        "masks": 1,
    }
    assert "ct.nii" not in str(store.provenance)
    assert set(store.provenance["software"]) == {"renderbench", "numpy", "SimpleITK", "zarr"}
    assert str(raw) not in "".join(path.read_text() for path in root.path.rglob("*.json"))
    assert set(store.transfer_functions) == {"seen", "unseen"}


def test_again_does_nothing(raw, root):
    prepare(raw, root)
    before = contents(root)
    report = prepare(raw, root)
    assert (report.written, report.skipped) == ((), ("a", "b"))
    assert contents(root) == before


def test_only_a_scan_that_changed_is_written_again(raw, root):
    prepare(raw, root)
    write_folder(raw / "b", small_ct() // 2)
    report = prepare(raw, root)
    assert (report.written, report.skipped) == (("b",), ("a",))


def test_other_transfer_functions_are_another_digest(raw, root, tmp_path):
    prepare(raw, root)
    own = tmp_path / "own.toml"
    own.write_text(resource("datasets", "transfer_functions", "seen.toml").read_text())
    report = prepare(raw, root, transfer_functions=["seen", str(own)])
    assert report.written == ("a", "b")
    store = ScanStore.open(root.scan("folder", "a"))
    assert store.transfer_functions == dict.fromkeys(("seen", "own"), load_transfer_function("seen").digest)


def test_bad_scans_are_rejected_and_good_ones_written(raw, root):
    wrong = small_labels()
    wrong[0, 0, 0] = 200
    write_folder(raw / "a1", labels=wrong)
    (write_folder(raw / "c") / "labels.nii.gz").unlink()
    report = prepare(raw, root)
    assert report.written == ("a", "b")
    dataset = load_dataset(root, "folder")
    assert dataset.rejected == list(report.rejected)
    assert dataset.scans() == ["a", "b"]
    reasons = {rejection.name: rejection.reason for rejection in dataset.rejected}
    assert list(reasons) == ["a1", "c"]
    assert reasons["a1"].startswith("a1/labels.nii.gz: expected labels 0 to 119, found 200")
    assert "add them (docs/datasets.md" in reasons["c"]
    with pytest.raises(InputError, match=r"it was rejected .*found 200"):
        dataset.scans(["a1"])

    write_folder(raw / "a1")
    assert prepare(raw, root).written == ("a1",)
    assert load_dataset(root, "folder").scans() == ["a", "a1", "b"]


def test_a_scan_that_went_bad_is_no_longer_listed(raw, root):
    prepare(raw, root)
    (raw / "a" / "ct.nii.gz").write_bytes(b"no image")
    assert [rejection.name for rejection in prepare(raw, root).rejected] == ["a"]
    assert load_dataset(root, "folder").scans() == ["b"]


def test_earlier_scans_stay(raw, root, tmp_path):
    prepare(raw, root)
    write_folder(tmp_path / "more" / "c")
    assert prepare(tmp_path / "more", root).written == ("c",)
    assert load_dataset(root, "folder").scans() == ["a", "b", "c"]


def test_a_dataset_id(raw, root):
    prepare(raw, root, dataset_id="ct-org")
    assert load_dataset(root, "ct-org").scans() == ["a", "b"]
    assert ScanStore.open(root.scan("ct-org", "a")).dataset == "ct-org"


def test_phantoms_come_from_consecutive_seeds(root, phantom):
    report = prepare(None, root, "phantom", seed=5, count=2)
    assert report.written == ("phantom-0000", "phantom-0001")
    stores = [ScanStore.open(root.scan("phantom", name)) for name in report.written]
    assert [store.ct()[0, 0, 0] for store in stores] == [5, 6]
    assert [store.name for store in stores] == list(report.written)
    assert stores[1].provenance["phantom"]["seed"] == 6
    assert prepare(None, root, "phantom", seed=5, count=3).skipped == report.written
    assert prepare(None, root, "phantom", seed=6, count=1).written == ("phantom-0000",)
    assert len(load_dataset(root, "phantom").scans()) == 3


@pytest.mark.parametrize(
    ("name", "folder", "options", "words"),
    [
        ("phantm", None, {}, "did you mean 'phantom'"),
        ("folder", None, {}, "expected the folder of the raw scans"),
        ("folder", "absent", {}, "expected a folder of scans, found nothing"),
        ("folder", "raw/a", {}, "give its parent folder"),
        ("phantom", "raw", {}, "expected none for the phantom"),
        ("phantom", None, {"count": 0}, "expected at least 1 phantom, found 0"),
        ("folder", "raw", {"transfer_functions": ["sen"]}, "did you mean 'seen'"),
        ("folder", "raw", {"transfer_functions": ["seen", "seen"]}, "found it more than once"),
        ("folder", "raw", {"dataset_id": "a/b"}, "rename the dataset"),
    ],
)
def test_wrong_arguments_write_nothing(raw, root, name, folder, options, words):
    with pytest.raises(InputError, match=words):
        prepare(folder and raw.parent / folder, root, name, **options)
    assert not root.path.exists()


def test_a_store_that_cannot_be_written_is_a_failed_job(raw, root, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stage, "write_scan", full)
    report = prepare(raw, root)
    assert len(report.failed) == 2
    assert "a.zarr: the store cannot be written (No space left on device)" in str(report.failed[0])
    assert load_dataset(root, "folder").entries == []


def test_datasets_that_are_not_there(raw, root):
    with pytest.raises(
        InputError, match="found none; make it with `renderbench dataset phantom --root ROOT`"
    ):
        load_dataset(root, "phantom")
    prepare(raw, root)
    with pytest.raises(
        InputError, match="found folder; make it with `renderbench dataset folder --raw DIR --id x"
    ):
        load_dataset(root, "x")
    dataset = load_dataset(root, "folder")
    with pytest.raises(InputError, match="expected scans in the split 'train', found test"):
        dataset.scans("train")
    with pytest.raises(InputError, match="expected one of a, b"):
        dataset.scans(["a", "z"])


def test_a_record_of_another_schema(raw, root):
    prepare(raw, root)
    path = root.dataset("folder") / "dataset.json"
    path.write_text(path.read_text().replace('"schema": 2', '"schema": 9'))
    with pytest.raises(InputError, match="expected dataset schema 2, found 9"):
        load_dataset(root, "folder")


CHILD = """
import sys
from pathlib import Path
from renderbench.layout import Root
from renderbench.scans.stage import prepare_dataset
from renderbench.farm import parse_cluster
raw, root = map(Path, sys.argv[1:])
prepare_dataset("folder", raw=raw, root=Root(root), cluster=parse_cluster("serial"))
"""


def test_killed_half_way_and_run_again(tmp_path, root):
    raw = tmp_path / "raw"
    random = np.random.default_rng(0)
    ct = random.integers(-1000, 1000, (48, 48, 48)).astype(np.int16)
    labels = random.integers(0, 120, ct.shape).astype(np.uint8)
    for name in ("a", "b", "c"):
        write_folder(raw / name, ct, labels, spacing=(3.0, 3.0, 3.0))
    folder = root.dataset("folder")

    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(raw), str(root.path)], stderr=subprocess.DEVNULL
    )
    try:
        # Until the first store is there and the second is being written.
        while child.poll() is None and not (
            list(folder.glob("[!.]*.zarr")) and list(folder.glob(".staging-*/labels"))
        ):
            time.sleep(0.002)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert child.returncode == -signal.SIGKILL

    visible = sorted(path.stem for path in folder.glob("[!.]*.zarr"))
    assert visible[:1] == ["a"]
    assert "c" not in visible
    for name in visible:
        store = ScanStore.open(root.scan("folder", name))
        for read, *arguments in (
            (store.ct,),
            (store.labels,),
            (store.groups,),
            (store.rgba, "seen"),
            (store.rgba, "unseen"),
        ):
            read(*arguments)
    assert not (folder / "dataset.json").exists()
    assert list(folder.glob(".staging-*"))

    report = prepare(raw, root)
    assert report.skipped == tuple(visible)
    assert sorted(report.written + report.skipped) == ["a", "b", "c"]
    assert load_dataset(root, "folder").scans() == ["a", "b", "c"]
    assert sorted(os.listdir(folder)) == [
        *(f"{name}.{ending}" for name in "abc" for ending in ("seconds.json", "zarr")),
        "dataset.json",
    ]
