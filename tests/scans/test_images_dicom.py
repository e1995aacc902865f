"""DICOM: a series is found among whatever lies beside it, and read as it lies in the patient."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from dicom_files import (
    DICOMDIR,
    MR_IMAGE,
    PATIENT,
    SECONDARY_CAPTURE,
    compress,
    series_uid,
    write_enhanced,
    write_other,
    write_series,
)
from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

from renderbench.errors import InputError
from renderbench.scans.images import is_image, probe_image, read_image

SHAPE = (7, 16, 20)


@pytest.fixture
def ct() -> np.ndarray:
    return np.random.default_rng(0).integers(-1024, 3000, SHAPE).astype(np.int16)


def test_a_series_is_read_as_it_lies(tmp_path, ct):
    files = write_series(tmp_path / "ct", ct, origin=(-10, -20, 30), spacing=(0.8, 0.7, 2.5))
    image = read_image(tmp_path / "ct")
    np.testing.assert_array_equal(image.values, ct)
    assert image.values.dtype == np.int16
    assert image.values.flags.writeable
    np.testing.assert_allclose(image.grid.spacing_mm, [0.8, 0.7, 2.5])
    np.testing.assert_allclose(image.grid.world_from_voxel[:3, 3], [-10, -20, 30])
    info = probe_image(tmp_path / "ct")
    assert info.files == tuple(files)
    assert info.dtype == np.uint16
    assert info.title == "DICOM CT series 3 of 7 slices"
    np.testing.assert_array_equal(info.grid.world_from_voxel, image.grid.world_from_voxel)
    assert info.grid.shape == SHAPE


ORIENTATIONS = [
    np.eye(3)[list(order)] * sign
    for order in itertools.permutations(range(3))
    for sign in itertools.product((1.0, -1.0), repeat=3)
]
OBLIQUE = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]


@pytest.mark.parametrize("direction", [*ORIENTATIONS[::5], OBLIQUE, OBLIQUE * [1, 1, -1]], ids=str)
def test_every_orientation_lies_where_nifti_puts_it(tmp_path, ct, direction):
    geometry = {"spacing": (0.8, 0.7, 2.5), "origin": (-10.0, -20.0, 30.0)}
    write_series(tmp_path / "ct", ct, direction=direction, **geometry)
    image = sitk.GetImageFromArray(ct)
    image.SetSpacing(geometry["spacing"])
    image.SetOrigin(geometry["origin"])
    image.SetDirection(direction.ravel())
    sitk.WriteImage(image, str(tmp_path / "ct.mha"))
    found, expected = read_image(tmp_path / "ct"), read_image(tmp_path / "ct.mha")
    np.testing.assert_array_equal(found.values, expected.values)
    np.testing.assert_allclose(found.grid.world_from_voxel, expected.grid.world_from_voxel, atol=1e-4)


def test_itk_puts_the_series_where_we_do(tmp_path, ct):
    write_series(tmp_path / "ct", ct, direction=OBLIQUE)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    itk = sitk.DICOMOrient(reader.Execute(), "LPS")
    image = read_image(tmp_path / "ct")
    np.testing.assert_array_equal(image.values, sitk.GetArrayFromImage(itk))
    np.testing.assert_allclose(image.grid.world_from_voxel[:3, 3], itk.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(image.grid.spacing_mm, itk.GetSpacing(), rtol=1e-6)


def test_order_is_by_position_not_by_name_or_number(tmp_path, ct):
    files = write_series(tmp_path / "ct", ct, name=lambda k: f"{(k * 5) % 7}.dcm")
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)
    assert probe_image(tmp_path / "ct").files == tuple(files)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
def test_uncompressed_transfer_syntaxes(tmp_path, ct, syntax):
    write_series(tmp_path / "ct", ct, syntax=syntax)
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)


@pytest.mark.parametrize("how", ["RLE", "JPEG", "JPEG2000"])
def test_compressed_transfer_syntaxes(tmp_path, ct, how, capfd):
    for path in write_series(tmp_path / "ct", ct):
        compress(path, how)
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)
    np.testing.assert_array_equal(probe_image(tmp_path / "ct").grid.shape, SHAPE)
    assert capfd.readouterr() == ("", "")


def test_files_without_a_preamble(tmp_path, ct):
    for path in write_series(tmp_path / "ct", ct, syntax=ImplicitVRLittleEndian):
        content = path.read_bytes()
        # Group 2 has its own length: 4 bytes of it behind 8 of its tag.
        path.write_bytes(content[144 + int.from_bytes(content[140:144], "little") :])
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)


@pytest.mark.parametrize(
    ("options", "dtype"),
    [
        ({"signed": True, "intercept": 0.0}, np.int16),
        ({"signed": True, "intercept": 0.0, "bits": 13}, np.int16),
        ({"signed": False, "bits": 12}, np.int16),
        ({"signed": False, "intercept": -2000.0}, np.int16),
        ({"signed": True, "intercept": 0.5}, np.float32),
        ({"slope": 0.5}, np.float32),
    ],
    ids=str,
)
def test_stored_types_and_scalings(tmp_path, ct, options, dtype):
    write_series(tmp_path / "ct", ct, **options)
    image = read_image(tmp_path / "ct")
    np.testing.assert_allclose(image.values, ct, atol=0.51 if options.get("intercept") == 0.5 else 0)
    assert image.values.dtype == dtype


def test_each_slice_has_its_own_scaling(tmp_path, ct):
    def rescaled(dataset, k):
        dataset.RescaleIntercept = -1024 - 100 * k
        stored = (ct[k].astype(np.int32) + 1024 + 100 * k).astype(np.uint16)
        dataset.PixelData = stored.tobytes()

    write_series(tmp_path / "ct", ct, edit=rescaled)
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)


def test_bits_that_are_not_stored_do_not_count(tmp_path, ct):
    def overlaid(dataset, k):
        stored = np.frombuffer(dataset.PixelData, np.uint16)
        dataset.PixelData = (stored | 0x8000).tobytes()

    write_series(tmp_path / "ct", ct, bits=12, edit=overlaid)
    np.testing.assert_array_equal(read_image(tmp_path / "ct").values, ct)


@pytest.mark.parametrize(
    ("signed", "stored", "tag", "vr"),
    [
        (True, -2000, -2000, "SS"),
        (True, -2000, 63536, "US"),
        (False, 63536, 63536, "US"),
        (False, 5000, 5000, "US"),
    ],
)
@pytest.mark.parametrize("how", ["none", "JPEG"])
def test_padding_is_air(tmp_path, ct, signed, stored, tag, vr, how):
    intercept = 0 if signed else -1024

    def padded(dataset, k):
        pixels = np.frombuffer(dataset.PixelData, "<i2" if signed else "<u2").copy()
        pixels[:20] = stored
        dataset.PixelData = pixels.tobytes()
        dataset.add_new("PixelPaddingValue", vr, tag)

    for path in write_series(tmp_path / "ct", ct, signed=signed, intercept=intercept, edit=padded):
        if how != "none":
            compress(path, how)
    values = read_image(tmp_path / "ct").values
    assert (values[:, 0] == -1024).all()
    np.testing.assert_array_equal(values[:, 1:], ct[:, 1:])


def test_a_range_of_padding_is_air(tmp_path, ct):
    ct[:] = np.clip(ct, -900, None)
    ct[:, 0, :3] = -1022, -1021, -1020

    def padded(dataset, k):
        dataset.PixelPaddingValue, dataset.PixelPaddingRangeLimit = 3, 0

    write_series(tmp_path / "ct", ct, edit=padded)
    assert read_image(tmp_path / "ct").values[0, 0, :3].tolist() == [-1024, -1024, -1020]


def test_an_enhanced_ct_is_read_frame_by_frame(tmp_path, ct):
    order = [3, 1, 0, 2, 6, 5, 4]
    intercepts = [-1024.0 - 10 * k for k in range(7)]
    path = write_enhanced(tmp_path / "ct" / "enhanced", ct, order=order, intercepts=intercepts)
    for where in (path, path.parent):
        image = read_image(where)
        np.testing.assert_array_equal(image.values, ct)
        np.testing.assert_allclose(image.grid.world_from_voxel[:3, 3], [-10, -20, 30])
        np.testing.assert_allclose(image.grid.spacing_mm, [0.8, 0.7, 2.5])
    assert probe_image(path).files == (path,)
    assert probe_image(path).title == "DICOM CT series 5 of 7 slices"


def hospital(folder: Path, ct: np.ndarray) -> Path:
    """A CT series as it comes on a disc."""
    write_series(folder / "A" / "DOE^JANE", ct)
    write_series(folder / "B" / "4", ct[:4] + 1, number=4)
    write_series(folder / "B" / "2", ct[:4] + 2, number=2)
    write_series(folder / "MR", np.concatenate([ct, ct]), number=8, modality="MR", sop_class=MR_IMAGE)

    def localizer(dataset, k):
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
        dataset.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    # In the series itself, as some scanners send it.
    write_series(folder / "A", ct[:1], edit=localizer, name=lambda k: "scout.dcm")
    write_other(folder / "DICOMDIR", DICOMDIR, "")
    write_other(folder / "B" / "dose.dcm")
    write_other(folder / "B" / "screen.dcm", SECONDARY_CAPTURE, "OT")
    (folder / "viewer").mkdir()
    (folder / "viewer" / "start.exe").write_bytes(b"MZ" + bytes(500))
    (folder / "viewer" / "empty.txt").touch()
    (folder / "A" / "._IM0001.dcm").write_bytes(b"\0\5\x16\7")
    return folder


def test_the_largest_ct_is_found_among_everything_else(tmp_path, ct):
    folder = hospital(tmp_path / "disc", ct)
    assert is_image(folder)
    np.testing.assert_array_equal(read_image(folder).values, ct)
    info = probe_image(folder)
    assert info.title == "DICOM CT series 3 of 7 slices, the largest of 3"
    assert len(info.files) == 7


def test_a_series_can_be_chosen(tmp_path, ct):
    folder = hospital(tmp_path / "disc", ct)
    for number, added in ((4, 1), (2, 2), (3, 0)):
        values = read_image(folder, series=series_uid(number)).values
        np.testing.assert_array_equal(values, ct[: len(values)] + added)
    assert probe_image(folder, series=series_uid(4)).title == "DICOM CT series 4 of 4 slices"
    with pytest.raises(InputError, match=r"found 3 others \(.*\.3: 7 slices, .*\.2: 4 s") as caught:
        probe_image(folder, series="1.2")
    # A UID can lead to the patient: it is for the user's eyes, not for a record.
    assert series_uid(3) not in caught.value.for_record
    with pytest.raises(InputError, match="expected the CT series"):
        probe_image(folder, series=series_uid(8))


def test_equal_series_are_chosen_by_their_uid(tmp_path, ct):
    for number in (9, 4, 6):
        write_series(tmp_path / str(number), ct, number=number)
    assert probe_image(tmp_path).title == "DICOM CT series 4 of 7 slices, the largest of 3"


def test_a_series_is_for_dicom_only(tmp_path, ct):
    sitk.WriteImage(sitk.GetImageFromArray(ct), str(tmp_path / "ct.nii"))
    with pytest.raises(InputError, match=r"expected a DICOM series \(1\.2\), found a file; leave it out"):
        read_image(tmp_path / "ct.nii", series="1.2")


def test_folders_without_dicom_are_no_images(tmp_path):
    assert not is_image(tmp_path)
    (tmp_path / "notes.txt").write_text("nothing")
    assert not is_image(tmp_path)
    with pytest.raises(InputError, match="expected a CT series, found no DICOM file among 1 files"):
        probe_image(tmp_path)


def test_nothing_names_the_patient(tmp_path, ct):
    folder = hospital(tmp_path / "disc", ct)
    info, image = probe_image(folder), read_image(folder)
    texts = [info.title, str(info.grid), repr(image)]
    shutil.copy(info.files[3], folder / "A" / "DOE^JANE" / "copy.dcm")
    with pytest.raises(InputError) as twice:
        read_image(folder)
    texts.append(str(twice.value))
    (folder / "A" / "DOE^JANE" / "copy.dcm").unlink()
    info.files[3].write_bytes(info.files[3].read_bytes()[:-100])
    with pytest.raises(InputError) as short:
        read_image(folder)
    texts.append(str(short.value))
    for secret in (PATIENT, "DOE", "Doe", "Jane", "PID-4711", "19700101", series_uid(3)):
        assert not any(secret in text for text in texts), secret
