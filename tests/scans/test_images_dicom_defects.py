"""DICOM that makes no volume: each defect is one clear line that names no patient."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from dicom_files import PATIENT, compress, write_enhanced, write_other, write_series
from pydicom import Dataset, dcmread

from renderbench.errors import InputError
from renderbench.scans.images import probe_image, read_image

CT = np.random.default_rng(0).integers(-1024, 3000, (9, 16, 20)).astype(np.int16)


def series(folder, **options):
    return write_series(folder, options.pop("hounsfield", CT), **options)


def without(*gone: int):
    """A series that lacks some slices."""

    def make(folder):
        paths = series(folder)
        for k in gone:
            paths[k].unlink()

    return make


def edited(edit):
    return lambda folder: series(folder, edit=edit)


def set_in(where: set[int], **tags):
    """A series in which some slices have other tags; None removes one."""

    def edit(dataset: Dataset, k: int) -> None:
        if k not in where:
            return
        for keyword, value in tags.items():
            if value is None:
                delattr(dataset, keyword)
            else:
                setattr(dataset, keyword, value)

    return edited(edit)


EVERY = set(range(9))


def moved(position):
    """A series whose slice k lies at position(k)."""
    return edited(
        lambda dataset, k: setattr(dataset, "ImagePositionPatient", [f"{v:.6f}" for v in position(k)])
    )


def copied(folder):
    paths = series(folder)
    (folder / "again").mkdir()
    for path in paths[2:5]:
        shutil.copy(path, folder / "again")


def two_phases(folder):
    series(folder)
    series(
        folder, name="later{}".format, edit=lambda dataset, k: setattr(dataset, "SOPInstanceUID", f"1.2.{k}")
    )


def cut(keep: int, which: int = 4):
    def make(folder):
        path = series(folder)[which]
        path.write_bytes(path.read_bytes()[:keep])

    return make


def shorter_pixels(folder):
    """A file that is long enough, but not because of its pixels."""

    def edit(dataset, k):
        if k == 4:
            dataset.PixelData = dataset.PixelData[:-100]
            dataset.ImageComments = "x" * 5000

    series(folder, edit=edit)


def lossless(spoil):
    def make(folder):
        paths = series(folder)
        for path in paths:
            compress(path, "JPEG")
        spoil(paths[4])

    return make


def shortened(path):
    path.write_bytes(path.read_bytes()[:-300])


def garbled(path):
    dataset = dcmread(path)
    dataset.PixelData = dataset.PixelData[:40] + bytes(len(dataset.PixelData) - 80) + dataset.PixelData[-40:]
    dataset.save_as(path)


def unknown_syntax(path):
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"  # MPEG-2
    dataset.save_as(path)


def damaged(folder):
    series(folder)
    (folder / "IM_DAMAGED").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\xff")
    (folder / "empty.dcm").touch()
    (folder / "IM_EMPTY").touch()
    (folder / "text.dcm").write_text("no DICOM at all " * 30)


def only_others(folder):
    for k in range(3):
        write_other(folder / f"mr{k}", modality="MR")
    write_other(folder / "dose")
    write_other(folder / "strange", modality="DOE JANE")
    series(folder, hounsfield=CT[:1], edit=lambda d, k: setattr(d, "ImageType", ["ORIGINAL", "LOCALIZER"]))


def enhanced(**tags):
    def edit(dataset):
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)

    return lambda folder: write_enhanced(folder / "enhanced.dcm", CT, edit=edit)


def enhanced_without_positions(folder):
    def edit(dataset):
        del dataset.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence

    write_enhanced(folder / "enhanced.dcm", CT, edit=edit)


TILT = np.tan(np.deg2rad(12.3)) * 2.5
TILTED = [1, 0, 0, 0, float(np.cos(0.3)), float(np.sin(0.3))]
BAD = {
    "one slice": (
        lambda folder: series(folder, hounsfield=CT[:1]),
        "expected a CT series of many slices, found one slice; give the folder",
    ),
    "a missing slice": (
        without(4),
        r"a slice every 2\.5 mm, found 1 missing \(first between 37\.5 and 42\.5 mm\)",
    ),
    "two missing slices": (without(2, 6), r"found 2 missing \(first between 32\.5 and 37\.5 mm\)"),
    "two missing in a row": (without(5, 6), r"found 2 missing \(first between 40 and 47\.5 mm\)"),
    "copies": (copied, r"every slice once, found 3 of 9 twice \(same SOPInstanceUID\); remove the copies"),
    "two phases": (
        two_phases,
        r"one slice at each position, found 9 at positions that others have \(first at 30 mm",
    ),
    "uneven": (
        moved(lambda k: (0, 0, 30 + 2.5 * k + 2.5 * max(0, k - 4))),
        r"evenly spaced slices, found 2\.5 to 5 mm between them",
    ),
    "one slice out of place": (
        moved(lambda k: (0, 0, 30 + 2.5 * k + (k == 4))),
        r"found 1\.5 to 3\.5 mm between",
    ),
    "a gantry tilt": (
        moved(lambda k: (0, TILT * k, 30 + 2.5 * k)),
        r"found a gantry tilt of 12\.3°; undo the tilt",
    ),
    "slices shifted": (
        moved(lambda k: (3.2 * (k == 4), 0, 30 + 2.5 * k)),
        r"slices above each other, found them shifted sideways by up to 3\.2 mm",
    ),
    "mixed orientations": (
        set_in({3, 5}, ImageOrientationPatient=TILTED),
        r"slices of one orientation, found \(1, 0, 0, 0, 1, 0\) in 7 and \(1, 0, 0, 0, 0\.9553, .* in 2",
    ),
    "mixed sizes": (
        edited(
            lambda dataset, k: (
                [setattr(dataset, "Rows", 10), setattr(dataset, "Columns", 20)] if k == 8 else 0
            )
        ),
        r"slices of one size, found \(20, 16\) in 8 and \(20, 10\) or others in 1",
    ),
    "mixed pixel spacings": (
        set_in({1}, PixelSpacing=[0.7, 0.9]),
        r"slices of one pixel spacing, found \(0\.8, 0\.7\) in 8 and \(0\.9, 0\.7\) or others in 1",
    ),
    "no position": (
        set_in({4}, ImagePositionPatient=None),
        r"the tag ImagePositionPatient in every slice, found none \(instance number 29\)",
    ),
    "an empty position": (
        set_in({4}, ImagePositionPatient=""),
        "the tag ImagePositionPatient in every slice",
    ),
    "no orientation": (
        set_in(EVERY, ImageOrientationPatient=None),
        "the tag ImageOrientationPatient in every",
    ),
    "no pixel spacing": (set_in(EVERY, PixelSpacing=None), "the tag PixelSpacing in every slice"),
    "no scaling": (set_in(EVERY, RescaleSlope=None), "the tag RescaleSlope in every slice"),
    "no instance number either": (
        set_in(EVERY, PixelSpacing=None, InstanceNumber=None),
        "the tag PixelSpacing .*a slice without an instance number",
    ),
    "half a position": (set_in({4}, ImagePositionPatient=[1, 2]), "3 finite numbers as ImagePositionPatient"),
    "zero pixel spacing": (
        set_in({4}, PixelSpacing=[0.7, 0]),
        r"a positive PixelSpacing in every .* 0\.7, 0 \(",
    ),
    "zero slope": (set_in({4}, RescaleSlope=0), "a RescaleSlope other than 0"),
    "axes of another length": (
        set_in(EVERY, ImageOrientationPatient=[2, 0, 0, 0, 1, 0]),
        r"orthonormal ImageOrientationPatient in every slice, found \(2, 0, 0, 0, 1, 0\)",
    ),
    "sheared axes": (
        set_in(EVERY, ImageOrientationPatient=[1, 0, 0, 0.6, 0.8, 0]),
        "orthonormal ImageOrientationPatient",
    ),
    "absurd rows": (set_in({4}, Rows=65535), r"2 to 8192 rows and columns, found 65535 × 20"),
    "more rows than pixels": (set_in({4}, Rows=8000), r"a truncated one \(\d+ of more than 320000 bytes"),
    "no rows": (set_in({4}, Rows=None), "the tag Rows in every slice, found none"),
    "zero rows": (set_in({4}, Rows=0), "2 to 8192 rows and columns, found 0 × 20"),
    "32 bits": (set_in(EVERY, BitsAllocated=32), "pixels of 16 bits, found 16 bits up to bit 15 of 32"),
    "more bits than there are": (set_in(EVERY, BitsStored=20), "pixels of 16 bits, found 20 bits"),
    "half a slice": (cut(900), "truncated or damaged one"),
    "pixels too short": (
        shorter_pixels,
        r"truncated or damaged one \(at 40 mm: 540 of 640 bytes of pixels\)",
    ),
    "damaged files": (
        damaged,
        r"found 4 that cannot \(IM_DAMAGED, IM_EMPTY, empty\.dcm, …\); copy them",
    ),
    "truncated JPEG": (lossless(shortened), r"(truncated or damaged one|cannot) \(at 40 mm"),
    "a film": (
        lossless(unknown_syntax),
        r"compressed pixels that can be decoded, found some that cannot \(at 40 mm",
    ),
    "no CT": (only_others, r"a CT series, found other DICOM files \(3 MR, 1 SR, 1 localizer, 1 other\)"),
    "enhanced: another number of frames": (
        enhanced(NumberOfFrames=8),
        "expected a position for each of 8 slices in one file, found another number",
    ),
    "enhanced: an absurd number of frames": (
        enhanced(NumberOfFrames=2**31 - 1),
        "a position for each of 2147483647",
    ),
    "enhanced: a frame without a position": (
        enhanced_without_positions,
        r"the tag ImagePositionPatient in every slice, found none \(instance number 1, frame 4\)",
    ),
    "enhanced: pixels missing": (enhanced(PixelData=bytes(640 * 8)), "truncated"),
}


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
def test_a_defect_is_one_line(tmp_path, capfd, make, words):
    folder = tmp_path / "scan"
    folder.mkdir()
    make(folder)
    with pytest.raises(InputError, match=rf"scan: .*{words}") as caught:
        read_image(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert PATIENT not in line
    assert "1.2.826" not in line
    assert caught.value.remedy
    assert capfd.readouterr() == ("", "")


def test_garbled_pixels(tmp_path):
    # The decoder's own library says something on stderr as well.
    lossless(garbled)(tmp_path)
    with pytest.raises(InputError, match=r"can be decoded, found some that cannot \(at 40 mm"):
        read_image(tmp_path)


def test_headers_alone_show_what_is_wrong_with_a_stack(tmp_path):
    without(4)(tmp_path)
    with pytest.raises(InputError, match="found 1 missing"):
        probe_image(tmp_path)


def test_a_file_of_one_slice_is_no_series(tmp_path):
    path = series(tmp_path)[0]
    with pytest.raises(InputError, match="IM0000: expected a CT series of many slices, found one slice"):
        read_image(path)


def test_rounded_positions_are_even_enough(tmp_path):
    # 0.625 mm in a header with two decimals: 0.62 and 0.63 in turns.
    moved(lambda k: (0, 0, round(0.625 * k, 2)))(tmp_path)
    grid = read_image(tmp_path).grid
    assert grid.spacing_mm[2] == pytest.approx(0.625)


def test_what_a_damaged_value_says_stays_in_the_file(tmp_path, capfd):
    def edit(dataset, k):
        dataset.add_new("ImageComments", "LT", "Doe^Jane")
        dataset["RescaleSlope"].VR = "LO"
        dataset.RescaleSlope = "Doe^Jane"

    series(tmp_path, edit=edit)
    with pytest.raises(InputError) as caught:
        read_image(tmp_path)
    assert "Doe" not in str(caught.value)
    assert capfd.readouterr() == ("", "")
