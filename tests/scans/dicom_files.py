"""Synthetic DICOM for the tests: CT series as a hospital sends them, and what lies beside them.

Every header names a patient, so that a test can find out where the name goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

PATIENT = "Doe^Jane"

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ENHANCED_CT = "1.2.840.10008.5.1.4.1.1.2.1"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
DOSE_REPORT = "1.2.840.10008.5.1.4.1.1.88.67"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
DICOMDIR = "1.2.840.10008.1.3.10"

Edit = Callable[[Dataset, int], None]


def series_uid(number: int) -> str:
    """The SeriesInstanceUID that :func:`write_series` gives to a series number."""
    return f"1.2.826.0.1.3680043.2.1125.{number}"


def write_series(
    folder: Path,
    hounsfield: NDArray,
    *,
    spacing: Sequence[float] = (0.8, 0.7, 2.5),
    origin: Sequence[float] = (-10.0, -20.0, 30.0),
    direction: NDArray[np.float64] | None = None,
    number: int = 3,
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    bits: int = 16,
    syntax: str = ExplicitVRLittleEndian,
    modality: str = "CT",
    sop_class: str = CT_IMAGE,
    name: Callable[[int], str] = "IM{:04d}".format,
    edit: Edit | None = None,
) -> list[Path]:
    """Write a series of one file per slice.

    Args:
        folder: made where it is missing; it may hold other series.
        hounsfield: (D, H, W); stored as (value - intercept) / slope.
        spacing: of the voxels along (x, y, z), mm.
        origin: of ``hounsfield[0, 0, 0]``, LPS in mm.
        direction: (3, 3), columns are the directions of i, j, k.
        number: SeriesNumber; gives the UIDs.
        slope: RescaleSlope.
        intercept: RescaleIntercept.
        signed: PixelRepresentation.
        bits: BitsStored.
        syntax: transfer syntax, little-endian uncompressed.
        modality: Modality.
        sop_class: SOPClassUID.
        name: of the file of slice k.
        edit: called with each dataset and its k before it is written; changes what it likes.

    Returns:
        The files, in the order of the array.
    """
    direction = np.eye(3) if direction is None else direction
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for k, values in enumerate(hounsfield):
        dataset = _dataset(sop_class, number, k, modality, syntax)
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.ImagePositionPatient = _decimals(np.add(origin, direction[:, 2] * spacing[2] * k))
        dataset.ImageOrientationPatient = _decimals(direction[:, :2].T.ravel())
        dataset.PixelSpacing = _decimals([spacing[1], spacing[0]])
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, intercept
        _put_pixels(dataset, np.rint((values - intercept) / slope), signed, bits)
        if edit is not None:
            edit(dataset, k)
        paths.append(_write(dataset, folder / name(k)))
    return paths


def write_enhanced(
    path: Path,
    hounsfield: NDArray,
    *,
    spacing: Sequence[float] = (0.8, 0.7, 2.5),
    origin: Sequence[float] = (-10.0, -20.0, 30.0),
    order: Sequence[int] | None = None,
    number: int = 5,
    intercepts: Sequence[float] | None = None,
    edit: Callable[[Dataset], None] | None = None,
) -> Path:
    """Write an enhanced CT: one file with all slices, axial.

    Args:
        path: of the file.
        hounsfield: (D, H, W).
        spacing: along (x, y, z), mm.
        origin: of ``hounsfield[0, 0, 0]``, LPS in mm.
        order: of the slices in the file; that of the array unless given.
        number: SeriesNumber.
        intercepts: RescaleIntercept of each slice of the array; -1024 unless given.
        edit: called with the dataset before it is written.
    """
    order = range(len(hounsfield)) if order is None else order
    intercepts = [-1024.0] * len(hounsfield) if intercepts is None else intercepts
    dataset = _dataset(ENHANCED_CT, number, 0, "CT", ExplicitVRLittleEndian)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.NumberOfFrames = len(hounsfield)
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [spacing[1], spacing[0]]
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = []
    for k in order:
        frame, position, values = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [origin[0], origin[1], origin[2] + k * spacing[2]]
        values.RescaleSlope, values.RescaleIntercept = 1, intercepts[k]
        frame.PlanePositionSequence, frame.PixelValueTransformationSequence = [position], [values]
        dataset.PerFrameFunctionalGroupsSequence.append(frame)
    stored = np.stack([hounsfield[k] - intercepts[k] for k in order])
    _put_pixels(dataset, stored.reshape(-1, stored.shape[2]), False, 16)
    dataset.Rows = stored.shape[1]
    if edit is not None:
        edit(dataset)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _write(dataset, path)


def write_other(path: Path, sop_class: str = DOSE_REPORT, modality: str = "SR") -> Path:
    """Write a DICOM file that is no image of a CT."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return _write(_dataset(sop_class, 99, 0, modality, ExplicitVRLittleEndian), path)


def compress(path: Path, how: str) -> None:
    """Compress a slice in place: ``RLE``, ``JPEG`` (lossless, process 14) or ``JPEG2000`` (lossless)."""
    dataset = dcmread(path)
    if how == "RLE":
        dataset.compress(RLELossless)
        dataset.save_as(path)
        return
    # GDCM writes the pixels; the rest of its header stays ours.
    image = sitk.GetImageFromArray(dataset.pixel_array[None])
    writer = sitk.ImageFileWriter()
    writer.SetImageIO("GDCMImageIO")
    writer.SetUseCompression(True)
    writer.SetCompressor(how)
    encoded = path.with_name("encoded.tmp")
    writer.SetFileName(str(encoded))
    writer.Execute(image)
    made = dcmread(encoded)
    encoded.unlink()
    dataset.PixelData = made.PixelData
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = made.file_meta.TransferSyntaxUID
    dataset.BitsStored, dataset.HighBit = made.BitsStored, made.HighBit
    dataset.save_as(path)


def _dataset(sop_class: str, number: int, k: int, modality: str, syntax: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = sop_class
    meta.MediaStorageSOPInstanceUID = f"{series_uid(number)}.{k + 1}"
    meta.TransferSyntaxUID = syntax
    dataset = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = sop_class, meta.MediaStorageSOPInstanceUID
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = PATIENT, "PID-4711", "19700101"
    dataset.StudyDescription = "Abdomen of Jane Doe"
    dataset.StudyInstanceUID = "1.2.826.0.1.3680043.2.1125"
    dataset.SeriesInstanceUID, dataset.SeriesNumber = series_uid(number), number
    # Neither the names of the files nor these numbers follow the slices.
    dataset.InstanceNumber = (7 * k) % 101 + 1
    dataset.Modality = modality
    return dataset


def _put_pixels(dataset: Dataset, stored: NDArray[Any], signed: bool, bits: int) -> None:
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, bits, bits - 1
    dataset.PixelRepresentation = int(signed)
    mask = (1 << bits) - 1
    dataset.PixelData = (stored.astype(np.int64) & mask).astype("<u2").tobytes()
    dataset["PixelData"].VR = "OW"


def _decimals(numbers: Sequence[float] | NDArray[np.float64]) -> list[str]:
    """Decimal strings of at most 16 characters."""
    return [f"{float(number):.9g}"[:16] for number in numbers]


def _write(dataset: FileDataset, path: Path) -> Path:
    implicit = dataset.file_meta.TransferSyntaxUID == ImplicitVRLittleEndian
    dataset.save_as(path, implicit_vr=implicit, little_endian=True, enforce_file_format=True)
    return path
