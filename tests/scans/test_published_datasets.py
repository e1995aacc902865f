"""Fixtures in the exact layout of each public dataset, through the command line, to ScanStores."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest
from published import ct_org, ctpelvic1k, totalsegmentator, value_of
from scan_images import write_image
from scipy.ndimage import map_coordinates

from renderbench.farm import parse_cluster
from renderbench.layout import Root
from renderbench.scans.dataset import load_dataset
from renderbench.scans.groups import GROUP_INDEX, UNNAMED, groups_of_labels
from renderbench.scans.images import read_image
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.sources.folders import find_folders
from renderbench.scans.stage import prepare_dataset
from renderbench.scans.store import ScanStore
from renderbench.scans.volume import Grid, Scan

SERIAL = parse_cluster("serial")


@pytest.fixture(scope="module")
def phantom() -> Scan:
    """Chest and upper belly, so that small stores hold many labels."""
    whole = phantom_scan(3, spacing_mm=4.5)
    start = int(np.argmax((whole.labels == 119).any(axis=(1, 2)))) - 18
    shape = (28, *whole.grid.shape[1:])
    return Scan(
        name=whole.name,
        ct=whole.ct[start : start + 28],
        labels=whole.labels[start : start + 28],
        grid=whole.grid.cropped((start, 0, 0), shape),
    )


@pytest.fixture(scope="module")
def patient(real_ct) -> Scan:
    ct, labels = (read_image(real_ct / "ct-abdomen" / f"{name}.nii.gz") for name in ("ct", "labels"))
    return Scan(
        name="ct-abdomen", ct=ct.values.astype(np.int16), labels=labels.values.astype(np.uint8), grid=ct.grid
    )


def centres(labels: np.ndarray, grid: Grid, least: int = 1) -> dict[int, np.ndarray]:
    """The centroid, in world millimetres, of every value that has at least some voxels."""
    found = {}
    for value in np.unique(labels[labels > 0]).tolist():
        voxels = np.argwhere(labels == value)
        if len(voxels) >= least:
            found[value] = grid.world(voxels.mean(axis=0)[None, ::-1])[0]
    return found


def assert_in_place(store: ScanStore, scan: Scan, expected: np.ndarray) -> None:
    """Structures lie where the source has them, to a tenth of a source voxel and half a millimetre."""
    here, there = centres(store.labels(), store.grid), centres(expected, scan.grid, least=200)
    assert set(there) <= set(here)
    for value, centre in there.items():
        # Nearest neighbour rounds each face by up to half a voxel: a large structure's centroid much less.
        assert np.linalg.norm(here[value] - centre) < 0.1 * scan.grid.spacing_mm.max() + 0.2, value


def assert_ct_in_place(store: ScanStore, scan: Scan) -> None:
    """The store's values are the source's, interpolated linearly at the same physical positions."""
    voxels = np.argwhere(np.ones(store.grid.shape, bool))[:: np.prod(store.grid.shape) // 5000]
    world = store.grid.world(voxels[:, ::-1].astype(float))
    voxel_from_world = np.linalg.inv(scan.grid.world_from_voxel)
    at = world @ voxel_from_world[:3, :3].T + voxel_from_world[:3, 3]
    clipped = np.clip(scan.ct, -1024, 3071).astype(np.float64)
    expected = map_coordinates(clipped, at.T[::-1], order=1, mode="nearest")
    np.testing.assert_allclose(store.ct()[tuple(voxels.T)], expected, atol=0.6)


@pytest.mark.parametrize("edition", ["v2", "v1"])
def test_totalsegmentator(tmp_path, renderbench, phantom, patient, edition):
    raw = totalsegmentator(
        tmp_path / "raw", {"s0000": (phantom, "train"), "s0004": (patient, "test")}, edition=edition
    )
    root = Root(tmp_path / "root")
    done = renderbench(
        "dataset", "totalsegmentator", "--raw", raw, "--root", root.path, "--cluster", "serial"
    )
    assert done.returncode == 0, done.stderr
    assert "1 in train (the paper: 991)" in done.stdout
    dataset = load_dataset(root, "totalsegmentator")
    assert (dataset.scans("train"), dataset.scans("test")) == (["s0000"], ["s0004"])
    assert dataset.fingerprint is not None
    assert dataset.fingerprint.scans == 1
    for name, scan in (("s0000", phantom), ("s0004", patient)):
        store = ScanStore.open(root.scan("totalsegmentator", name))
        expected = scan.labels.copy()
        if edition == "v1":
            lacking = [value for value in np.unique(expected) if value not in np.unique(store.labels())]
            expected[np.isin(expected, lacking)] = 0
            assert value_of("sternum") not in store.labels()
        else:
            expected[expected > 117] = 0
        assert_in_place(store, scan, expected)
        assert_ct_in_place(store, scan)
    if edition == "v1":
        labels = ScanStore.open(root.scan("totalsegmentator", "s0000")).labels()
        assert value_of("heart") in labels
        assert 119 in labels


def test_ct_org(tmp_path, phantom, patient):
    raw = ct_org(tmp_path / "raw", [phantom, phantom, patient])
    root = Root(tmp_path / "root")
    report = prepare_dataset("ct-org", raw=raw, root=root, cluster=SERIAL)
    assert report.written == ("volume-0", "volume-1", "volume-2")
    assert load_dataset(root, "ct-org").scans("test") == ["volume-2"]
    store = ScanStore.open(root.scan("ct-org", "volume-2"))
    labels, groups = store.labels(), store.groups()
    np.testing.assert_array_equal(groups, groups_of_labels(labels))
    assert {value_of("liver"), UNNAMED + GROUP_INDEX["skeleton"]} <= set(np.unique(labels).tolist())
    expected = np.zeros_like(patient.labels)
    skeleton = groups_of_labels(patient.labels) == GROUP_INDEX["skeleton"]
    expected[skeleton] = UNNAMED + GROUP_INDEX["skeleton"]
    expected[patient.labels == value_of("liver")] = value_of("liver")
    assert_in_place(store, patient, expected)


def test_ctpelvic1k(tmp_path, patient):
    raw = ctpelvic1k(tmp_path / "raw", [patient])
    root = Root(tmp_path / "root")
    report = prepare_dataset("ctpelvic1k", raw=raw, root=root, cluster=SERIAL)
    assert not report.rejected
    assert len(report.written) == 2
    store = ScanStore.open(root.scan("ctpelvic1k", "dataset6_CLINIC_0001"))
    expected = np.where(np.isin(patient.labels, [77, 78]), patient.labels, 0)
    assert_in_place(store, patient, expected)
    labels = store.labels()
    assert set(np.unique(labels)) == {0, 25, 77, 78, UNNAMED + GROUP_INDEX["skeleton"]}


def orientations() -> list[np.ndarray]:
    """Every order of the axes with every sign: 48 directions, mirrored ones among them."""
    made = []
    for order in permutations(range(3)):
        for signs in product((1.0, -1.0), repeat=3):
            direction = np.zeros((3, 3))
            direction[order, range(3)] = signs
            made.append(direction)
    return made


@pytest.fixture(scope="module")
def turned(tmp_path_factory) -> tuple[Root, dict[str, tuple[Grid, dict[int, np.ndarray]]]]:
    """One patient's landmarks, stored in 48 orders and signs of axes and in 3 oblique ones."""
    folder = tmp_path_factory.mktemp("turned")
    directions = {f"axes-{index:02d}": direction for index, direction in enumerate(orientations())}
    for index, angle in enumerate((0.1, 0.3, -0.2)):
        c, s = np.cos(angle), np.sin(angle)
        turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[1, 0, 0], [0, c, s], [0, -s, c]])
        directions[f"oblique-{index}"] = turn
    truth = {}
    origin, spacing = np.array([12.5, -40.25, 77.0]), np.array([1.5, 3.0, 4.5])
    for name, direction in directions.items():
        ct = np.full((14, 18, 22), -1000, dtype=np.int16)
        labels = np.zeros(ct.shape, dtype=np.uint8)
        landmarks = {}
        for value, start in ((5, (2, 3, 4)), (1, (8, 10, 13)), (2, (3, 11, 15))):
            block = tuple(slice(begin, begin + 3) for begin in start)
            ct[block], labels[block] = 100 * value, value
            centre = (np.array(start)[::-1] + 1.0) * spacing
            landmarks[value] = origin + direction @ centre
        for file, values in (("ct", ct), ("labels", labels)):
            write_image(
                folder / "raw" / name / f"{file}.nii.gz",
                values,
                spacing=spacing.tolist(),
                origin=origin.tolist(),
                direction=direction,
            )
        truth[name] = landmarks
    root = Root(folder / "root")
    report = prepare_dataset("folder", raw=folder / "raw", root=root, cluster=SERIAL)
    assert not report.rejected
    return root, truth


def test_landmarks_in_millimetres_for_every_order_and_sign_of_the_axes(turned):
    root, truth = turned
    assert len(truth) == 51
    for name, landmarks in truth.items():
        store = ScanStore.open(root.scan("folder", name))
        # Canonical axes grow to the patient's left, back and head.
        assert (np.diag(store.grid.direction) > 0.9).all(), name
        assert np.linalg.det(store.grid.direction) == pytest.approx(1.0)
        found = centres(store.labels(), store.grid)
        assert set(found) == set(landmarks)
        ct, labels = store.ct(), store.labels()
        for value, centre in landmarks.items():
            np.testing.assert_allclose(found[value], centre, atol=0.15, err_msg=f"{name} {value}")
            assert np.median(ct[labels == value]) == 100 * value


def test_labels_are_exact_where_the_grid_is_already_the_working_one(tmp_path):
    random = np.random.default_rng(5)
    labels = random.integers(0, 120, (9, 10, 11)).astype(np.uint8)
    ct = random.integers(-1000, 2000, labels.shape).astype(np.int16)
    for name, values in (("ct", ct), ("labels", labels)):
        write_image(tmp_path / "raw/a" / f"{name}.nii.gz", values, spacing=(1.5, 1.5, 1.5))
    prepare_dataset("folder", raw=tmp_path / "raw", root=Root(tmp_path / "root"), cluster=SERIAL)
    store = ScanStore.open(Root(tmp_path / "root").scan("folder", "a"))
    np.testing.assert_array_equal(store.labels(), labels)
    np.testing.assert_array_equal(store.ct(), ct)


def test_the_paper_s_filters_are_no_error_and_are_on_record(tmp_path, renderbench, phantom):
    raw = ct_org(tmp_path / "raw", [phantom])
    big = Scan(
        name="big",
        ct=np.zeros((2, 300, 400), np.int16),
        labels=np.ones((2, 300, 400), np.uint8),
        grid=Grid(shape=(2, 300, 400), world_from_voxel=np.diag([3.0, 3.0, 400.0, 1.0])),
    )
    big.ct[0] = 100
    more = ct_org(tmp_path / "more", [big, big])
    (more / "OrganSegmentations" / "volume-1.nii.gz").rename(raw / "OrganSegmentations" / "volume-1.nii.gz")
    (more / "OrganSegmentations" / "labels-1.nii.gz").rename(raw / "OrganSegmentations" / "labels-1.nii.gz")
    done = renderbench("dataset", "ct-org", "--raw", raw, "--root", tmp_path / "root")
    assert done.returncode == 0, done.stderr
    assert "1 scans written, 0 already there, 1 left out by the dataset's filters" in done.stdout
    (rejection,) = load_dataset(Root(tmp_path / "root"), "ct-org").rejected
    assert (rejection.name, rejection.kind) == ("volume-1", "filter")
    assert "at most 48 million voxels" in rejection.reason


def test_anyone_s_folder(tmp_path, phantom):
    """NIfTI, NRRD and MetaImage, in folders and alone, with masks of either kind or none."""
    import published

    raw = tmp_path / "raw"
    published.write(raw / "a" / "ct.nrrd", phantom.ct, phantom)
    published.write(raw / "a" / "labels.nrrd", phantom.labels, phantom)
    published.write(raw / "b" / "scan.mha", phantom.ct, phantom)
    published.write(
        raw / "b" / "segmentations" / "liver.mha", (phantom.labels == 5).astype(np.uint8), phantom
    )
    published.write(raw / "c.nii.gz", phantom.ct, phantom)
    scans, faults = find_folders(raw, split="train", series=None)
    assert not faults
    assert [(scan.name, scan.ct.name, scan.split) for scan in scans] == [
        ("a", "ct.nrrd", "train"),
        ("b", "scan.mha", "train"),
        ("c", "c.nii.gz", "train"),
    ]
    root = Root(tmp_path / "root")
    report = prepare_dataset("folder", raw=raw, root=root, cluster=SERIAL)
    assert report.written == ("a", "b")
    assert "expected masks, found none" in report.rejected[0].reason
    one, other = (ScanStore.open(root.scan("folder", name)) for name in ("a", "b"))
    np.testing.assert_array_equal(one.ct(), other.ct())
    np.testing.assert_array_equal(one.labels() == 5, other.labels() == 5)


def test_raw_data_that_are_not_there(tmp_path, renderbench):
    done = renderbench("dataset", "ct-org", "--raw", tmp_path / "absent", "--root", tmp_path / "root")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert not Path(tmp_path / "root").exists()
