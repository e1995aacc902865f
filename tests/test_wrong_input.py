"""Every kind of wrong input, through the command line: one clear line, exit code 2, nothing half-written."""

import gzip
import struct

import numpy as np
import pytest
import SimpleITK as sitk

from renderbench.resources import resource

DEMO = resource("datasets", "suites", "demo.toml")


def image(array: np.ndarray, spacing: float = 3.0) -> sitk.Image:
    made = sitk.GetImageFromArray(array)
    made.SetSpacing((spacing,) * made.GetDimension())
    return made


def write_scan(folder, *, ct=None, labels=None) -> None:
    """A good scan of 12 x 10 x 8 voxels, unless told otherwise."""
    folder.mkdir(parents=True)
    good_ct = image(np.arange(960, dtype=np.int16).reshape(8, 10, 12))
    good_labels = image(np.full((8, 10, 12), 5, dtype=np.uint8))
    sitk.WriteImage(good_ct if ct is None else ct, str(folder / "ct.nii.gz"))
    sitk.WriteImage(good_labels if labels is None else labels, str(folder / "labels.nii.gz"))


def text_file(folder):
    write_scan(folder)
    (folder / "ct.nii.gz").write_text("this is not a scan\n")


def truncated(folder):
    write_scan(folder, ct=image(np.random.default_rng(0).integers(-1000, 1000, (8, 10, 12), dtype=np.int16)))
    whole = (folder / "ct.nii.gz").read_bytes()
    (folder / "ct.nii.gz").write_bytes(whole[: len(whole) // 2])


def other_grid(folder):
    write_scan(folder, labels=image(np.zeros((8, 10, 11), dtype=np.uint8)))


def shifted_grid(folder):
    labels = image(np.zeros((8, 10, 12), dtype=np.uint8))
    labels.SetOrigin((5.0, 0.0, 0.0))
    write_scan(folder, labels=labels)


def unknown_label(folder):
    write_scan(folder, labels=image(np.full((8, 10, 12), 200, dtype=np.uint8)))


def oblique(folder):
    """A sheared sform, which no writer of ours would make: patched into the header."""
    write_scan(folder)
    for name in ("ct.nii.gz", "labels.nii.gz"):
        header = bytearray(gzip.decompress((folder / name).read_bytes()))
        struct.pack_into("<hh", header, 252, 0, 1)  # qform_code, sform_code
        rows = ((3.0, 0.9, 0.0, 0.0), (0.0, 3.0, 0.0, 0.0), (0.0, 0.0, 3.0, 0.0))
        for row, values in enumerate(rows):
            struct.pack_into("<4f", header, 280 + 16 * row, *values)
        (folder / name).write_bytes(gzip.compress(bytes(header)))


def flat(folder):
    write_scan(
        folder, ct=image(np.zeros((10, 12), dtype=np.int16)), labels=image(np.zeros((10, 12), dtype=np.uint8))
    )


BAD_SCANS = {
    text_file: "ct.nii.gz",
    truncated: "ct.nii.gz",
    other_grid: "labels.nii.gz",
    shifted_grid: "labels.nii.gz",
    unknown_label: "200",
    oblique: "orthonormal",
    flat: "2",
}


def assert_one_clear_line(result, *words: str) -> None:
    assert result.returncode == 2, result.stderr
    lines = [line for line in result.stderr.splitlines() if line.startswith("renderbench: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.stderr
    assert "WARNING" not in result.stderr
    for word in words:
        assert word in lines[0]
    # what and where: problem; remedy
    assert ": " in lines[0].removeprefix("renderbench: ")
    assert "; " in lines[0]


@pytest.mark.parametrize("make", BAD_SCANS, ids=lambda make: make.__name__)
def test_a_bad_scan_is_named_and_the_good_one_beside_it_is_kept(renderbench, tmp_path, make):
    raw, root = tmp_path / "raw", tmp_path / "root"
    make(raw / "bad")
    write_scan(raw / "good")
    result = renderbench("dataset", "folder", "--raw", raw, "--root", root)
    assert_one_clear_line(result, "bad", BAD_SCANS[make])
    assert sorted(path.name for path in (root / "scans" / "folder").iterdir()) == [
        "dataset.json",
        "good.seconds.json",
        "good.zarr",
    ]


def test_a_missing_folder(renderbench, tmp_path):
    result = renderbench("dataset", "folder", "--raw", tmp_path / "nowhere", "--root", tmp_path / "root")
    assert_one_clear_line(result, "nowhere")
    assert not (tmp_path / "root").exists()


def test_a_folder_without_scans(renderbench, tmp_path):
    (tmp_path / "empty").mkdir()
    result = renderbench("dataset", "folder", "--raw", tmp_path / "empty", "--root", tmp_path / "root")
    assert_one_clear_line(result, "empty")
    assert not (tmp_path / "root").exists()


def test_an_unknown_dataset(renderbench, tmp_path):
    assert_one_clear_line(renderbench("dataset", "phantoms", "--root", tmp_path / "root"), "phantom")
    assert not (tmp_path / "root").exists()


def test_an_unknown_suite_and_method(renderbench, tmp_path):
    assert_one_clear_line(renderbench("groundtruth", "--root", tmp_path, "--suite", "dmo"), "'dmo'", "demo")
    result = renderbench("run", "--root", tmp_path, "--suite", "demo", "--method", "6dsg")
    assert_one_clear_line(result, "6dsg", "6dgs")
    assert not list(tmp_path.iterdir())


def test_a_suite_with_a_misspelt_key(renderbench, tmp_path):
    suite = tmp_path / "mine.toml"
    suite.write_text(DEMO.read_text().replace("transfer_function =", "transfer_functon ="))
    result = renderbench("groundtruth", "--root", tmp_path, "--suite", suite)
    assert_one_clear_line(result, "mine.toml", "transfer_functon", "transfer_function")


def test_a_root_that_cannot_be_written_to(renderbench, tmp_path):
    """Below a file nobody can create a folder, not even the superuser."""
    (tmp_path / "file").touch()
    result = renderbench("dataset", "phantom", "--root", tmp_path / "file" / "root")
    assert_one_clear_line(result, "--root", "written")


def test_a_stage_before_its_input(renderbench, tmp_path):
    result = renderbench("groundtruth", "--root", tmp_path, "--suite", "demo")
    assert_one_clear_line(result, "phantom", "renderbench dataset")
    result = renderbench("tables", "--root", tmp_path, "--suite", "demo")
    assert_one_clear_line(result, "renderbench run")
    result = renderbench("status", "--root", tmp_path / "nowhere")
    assert_one_clear_line(result, "--root")
