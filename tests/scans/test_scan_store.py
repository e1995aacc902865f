"""What is stored is read back exactly, or not at all."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.scans.fingerprint import foreground_histogram
from renderbench.scans.groups import GROUP_INDEX, groups_of_labels
from renderbench.scans.store import ScanStore, stamp_of, write_scan, write_sidecar
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan

SHAPE = (70, 40, 30)  # more than one chunk in z, less than one in y and x
LUNG_LABEL = 10
FOLDERS = {
    "ct": "0",
    "labels": "labels/anatomy/0",
    "groups": "labels/groups/0",
    "rgba/seen": "rgba/seen/0",
    "foreground_histogram": "foreground_histogram",
}


@pytest.fixture(scope="module")
def scan() -> Scan:
    random = np.random.default_rng(0)
    world_from_voxel = np.diag([1.5, 1.5, 1.5, 1.0])
    world_from_voxel[:3, 3] = [0.1, -200.0 / 3, 7]
    labels = random.integers(0, 120, SHAPE).astype(np.uint8)
    labels[:5] = LUNG_LABEL
    return Scan(
        name="case",
        ct=random.integers(-1024, 2000, SHAPE).astype(np.int16),
        labels=labels,
        grid=Grid(shape=SHAPE, world_from_voxel=world_from_voxel),
    )


def write(path: Path, scan: Scan, functions: tuple[str, ...] = ("seen", "unseen")) -> Path:
    write_scan(
        path,
        scan,
        dataset="trial",
        transfer_functions=[load_transfer_function(name) for name in functions],
        digest="abc",
        provenance={"sources": [{"name": "ct.nii.gz", "bytes": 1}]},
        seconds={"read": 0.5, "resample": 0.25},
    )
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory, scan) -> Path:
    return write(tmp_path_factory.mktemp("store") / "case.zarr", scan)


@pytest.fixture
def path(tmp_path, written) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(written, tmp_path / "case.zarr"))


def test_arrays_come_back_as_they_went_in(written, scan):
    store = ScanStore.open(written)
    groups = groups_of_labels(scan.labels)
    np.testing.assert_array_equal(store.ct(), scan.ct)
    np.testing.assert_array_equal(store.labels(), scan.labels)
    np.testing.assert_array_equal(store.groups(), groups)
    assert (store.ct().dtype, store.labels().dtype, store.groups().dtype) == (np.int16, np.uint8, np.uint8)
    for name in ("seen", "unseen"):
        rgba = store.rgba(name)
        assert rgba.dtype == np.float32
        assert rgba.flags.c_contiguous
        np.testing.assert_allclose(
            rgba, load_transfer_function(name).apply(scan.ct, groups), rtol=2**-11, atol=3e-8
        )


def test_attributes_come_back_as_they_went_in(written, scan):
    store = ScanStore.open(written)
    assert (store.name, store.dataset, store.digest) == ("case", "trial", "abc")
    assert store.grid.shape == SHAPE
    np.testing.assert_array_equal(store.grid.world_from_voxel, scan.grid.world_from_voxel)
    assert list(store.transfer_functions) == ["seen", "unseen"]
    assert store.transfer_functions["seen"] == load_transfer_function("seen").digest
    assert store.provenance["sources"] == [{"name": "ct.nii.gz", "bytes": 1}]


def test_the_alpha_of_lung_survives_where_8_bits_would_lose_it(written, scan):
    store = ScanStore.open(written)
    lung = groups_of_labels(scan.labels) == GROUP_INDEX["lung"]
    in_air = lung & (scan.ct > -860) & (scan.ct < -840)
    exact = np.interp(scan.ct[in_air], [-1024, -850, -500], [0, 0.0008, 0.0025])
    stored = store.rgba("seen")[3][in_air]
    assert in_air.sum() > 20
    assert 0.0007 < exact.min() < exact.max() < 0.0009
    np.testing.assert_allclose(stored, exact, rtol=1e-3)
    assert (np.rint(exact * 255) == 0).all()


def test_a_store_is_replaced_whole(tmp_path, scan):
    path = write(tmp_path / "case.zarr", scan)
    write(path, scan, ("unseen",))
    store = ScanStore.open(path)
    assert list(store.transfer_functions) == ["unseen"]
    assert not (path / "rgba" / "seen").exists()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["case.seconds.json", "case.zarr"]


def test_an_absent_transfer_function_names_those_present(written):
    store = ScanStore.open(written)
    with pytest.raises(InputError, match=r"expected one of seen, unseen; .*did you mean 'unseen'"):
        store.rgba("unsen")
    with pytest.raises(InputError, match="run `renderbench dataset` with that transfer function"):
        store.rgba("vivid")


def test_missing_foreign_and_other_stores_are_refused(tmp_path, path):
    with pytest.raises(InputError, match="found nothing; run `renderbench dataset`"):
        ScanStore.open(tmp_path / "absent.zarr")
    (tmp_path / "file.zarr").touch()
    with pytest.raises(InputError, match="found a file"):
        ScanStore.open(tmp_path / "file.zarr")
    (tmp_path / "folder.zarr").mkdir()
    with pytest.raises(InputError, match="has not written"):
        ScanStore.open(tmp_path / "folder.zarr")
    (tmp_path / "folder.zarr" / "zarr.json").write_text('{"zarr_format": 3, "attributes": {}}')
    with pytest.raises(InputError, match="has not written"):
        ScanStore.open(tmp_path / "folder.zarr")
    metadata = json.loads((path / "zarr.json").read_text())
    metadata["attributes"]["renderbench_scan"]["schema"] = 0
    (path / "zarr.json").write_text(json.dumps(metadata))
    with pytest.raises(InputError, match="expected scan schema 2, found 0"):
        ScanStore.open(path)


def shard_of(path: Path, name: str) -> Path:
    return next(entry for entry in sorted((path / FOLDERS[name] / "c").rglob("*")) if entry.is_file())


def flip_a_byte(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0x10
    shard.write_bytes(content)


def read(store: ScanStore, name: str) -> np.ndarray:
    return store.rgba("seen") if name == "rgba/seen" else getattr(store, name)()


@pytest.mark.parametrize("name", ["ct", "labels", "groups", "rgba/seen", "foreground_histogram"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (Path.unlink, "is missing"),
        (flip_a_byte, "has other bytes"),
        (lambda shard: shard.write_bytes(shard.read_bytes()[:-1]), "bytes, not"),
        (lambda shard: shard.with_name("99").write_bytes(b"chunk"), "was not written with it"),
    ],
    ids=["missing shard", "flipped byte", "cut shard", "foreign shard"],
)
def test_damage_is_never_read_as_data(path, name, spoil, words):
    shard = shard_of(path, name)
    spoil(shard)
    store = ScanStore.open(path)
    with pytest.raises(InputError, match="remove this store and run `renderbench dataset` again") as caught:
        read(store, name)
    assert f"array {name!r}: " in str(caught.value)
    assert words in str(caught.value)
    with pytest.raises(InputError, match=words):
        store.verify()
    whole = next(other for other in FOLDERS if other != name)
    read(store, whole)


def test_an_array_that_is_gone_or_misdescribed_is_not_read(path):
    shutil.rmtree(path / "labels" / "groups")
    metadata = path / "0" / "zarr.json"
    metadata.write_text(metadata.read_text().replace('"fill_value": 0', '"fill_value": 1'))
    store = ScanStore.open(path)
    with pytest.raises(InputError, match=r"array 'groups'.*is missing"):
        store.groups()
    with pytest.raises(InputError, match=r"array 'ct'.*0/zarr\.json has other bytes"):
        store.ct()


def test_the_whole_store_is_verified_to_the_last_file(path):
    store = ScanStore.open(path)
    store.verify()
    (path / "labels" / "1").touch()
    with pytest.raises(InputError, match="labels/1 was not written with it"):
        store.verify()
    (path / "labels" / "1").unlink()
    (path / "rgba" / "zarr.json").unlink()
    with pytest.raises(InputError, match=r"rgba/zarr\.json is missing"):
        store.verify()


def test_attributes_that_were_changed_are_refused(path):
    root = path / "zarr.json"
    root.write_text(root.read_text().replace("-160", "-161"))
    with pytest.raises(InputError, match=r"zarr\.json has other values"):
        ScanStore.open(path)


def contents(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def test_the_same_scan_gives_the_same_bytes(tmp_path, written, scan, monkeypatch):
    monkeypatch.setenv("RENDERBENCH_THREADS", "1")
    again = contents(write(tmp_path / "again.zarr", scan))
    assert again == contents(written)
    assert len(again) > 20


def test_zarr_finds_nothing_strange_in_a_store(written):
    import zarr

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        members = dict(zarr.open_group(written, mode="r").members(max_depth=None))
    assert {"0", "labels/anatomy/2", "labels/groups/0", "rgba/unseen/0"} <= set(members)
    assert members["0"].shards == (64, 64, 64)
    assert members["0"].chunks == (64, 64, 64)


def test_seconds_lie_beside_the_store_and_answer_to_its_digest(path, written):
    assert ScanStore.open(path).seconds == {}
    shutil.copy(written.with_name("case.seconds.json"), path.parent)
    seconds = ScanStore.open(path).seconds
    assert (seconds["read"], seconds["resample"]) == (0.5, 0.25)
    assert seconds["transfer"] > 0
    sidecar = path.with_name("case.seconds.json")
    sidecar.write_text(sidecar.read_text().replace('"abc"', '"abd"'))
    assert ScanStore.open(path).seconds == {}


def test_a_stamp_is_kept_beside_the_store_and_leaves_it_as_it_is(tmp_path, written, scan):
    path = write(tmp_path / "case.zarr", scan)
    assert stamp_of(path, "abc") is None
    write_sidecar(path, digest="abc", stamp="today", seconds=ScanStore.open(path).seconds)
    assert stamp_of(path, "abc") == "today"
    assert stamp_of(path, "abd") is None
    assert ScanStore.open(path).seconds["read"] == 0.5
    ScanStore.open(path).verify()
    assert contents(path) == contents(written)
    assert stamp_of(tmp_path / "absent.zarr", "abc") is None


def test_checksums_tell_an_array_that_changed(tmp_path, written, scan):
    checksums = ScanStore.open(written).checksums
    assert set(checksums) == {"ct", "labels", "groups", "rgba/seen", "rgba/unseen"}
    fewer = ScanStore.open(write(tmp_path / "fewer.zarr", scan, ("seen",))).checksums
    assert fewer == {name: checksums[name] for name in fewer}
    brighter = replace(scan, ct=scan.ct + np.int16(1))
    other = ScanStore.open(write(tmp_path / "other.zarr", brighter)).checksums
    assert {name for name in other if other[name] != checksums[name]} == {"ct", "rgba/seen", "rgba/unseen"}


def test_the_histogram_is_that_of_the_foreground(written, scan):
    np.testing.assert_array_equal(
        ScanStore.open(written).foreground_histogram(), foreground_histogram(scan.ct, scan.labels)
    )


def test_a_scan_without_transfer_functions_has_no_rgba(tmp_path, scan):
    store = ScanStore.open(write(tmp_path / "bare.zarr", scan, ()))
    assert store.seconds["transfer"] == 0
    with pytest.raises(InputError, match="the store has none"):
        store.rgba("seen")
