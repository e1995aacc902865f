"""What is stored is read back exactly, or not at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.scans.groups import GROUP_INDEX, groups_of_labels
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan

SHAPE = (70, 40, 30)  # more than one chunk in z, less than one in y and x
LUNG_LABEL = 10


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
        np.testing.assert_allclose(
            rgba, load_transfer_function(name).apply(scan.ct, groups), rtol=2**-11, atol=3e-8
        )


def test_attributes_come_back_as_they_went_in(written, scan):
    store = ScanStore.open(written)
    assert (store.name, store.dataset, store.digest) == ("case", "trial", "abc")
    assert store.grid.shape == SHAPE
    np.testing.assert_array_equal(store.grid.world_from_voxel, scan.grid.world_from_voxel)
    assert (store.seconds["read"], store.seconds["resample"]) == (0.5, 0.25)
    assert store.seconds["transfer"] > 0
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
    assert [entry.name for entry in tmp_path.iterdir()] == ["case.zarr"]


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
    with pytest.raises(InputError, match="expected scan schema 1, found 0"):
        ScanStore.open(path)


def shard_of(path: Path, name: str) -> Path:
    return next(entry for entry in sorted((path / name / "c").rglob("*")) if entry.is_file())


def flip_a_byte(shard: Path) -> None:
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 0x10
    shard.write_bytes(content)


@pytest.mark.parametrize("name", ["ct", "labels", "groups", "rgba/seen"])
@pytest.mark.parametrize(
    "spoil",
    [
        Path.unlink,
        flip_a_byte,
        lambda shard: shard.write_bytes(shard.read_bytes()[:-100]),
        lambda shard: shutil.rmtree(shard.parents[3]),
    ],
    ids=["missing shard", "flipped byte", "cut shard", "missing array"],
)
def test_damage_is_never_read_as_data(path, name, spoil):
    spoil(shard_of(path, name))
    store = ScanStore.open(path)
    with pytest.raises(InputError, match=r"remove this store and run `renderbench dataset` again") as caught:
        store.rgba("seen") if name == "rgba/seen" else getattr(store, name)()
    assert f"array {name!r}" in str(caught.value)
