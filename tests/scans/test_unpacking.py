"""Archives as they should not be."""

from __future__ import annotations

import gzip
import io
import os
import random
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from renderbench.artefacts import staged
from renderbench.errors import InputError
from renderbench.scans.download import unpacking
from renderbench.scans.download.unpacking import archive_stem, unpack

CONTENT = random.Random(0).randbytes(200_000)


def zip_of(path: Path, *entries: tuple[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def zip_with_mode(path: Path, mode: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        entry = zipfile.ZipInfo("s0001/ct.nii.gz")
        entry.external_attr = (mode | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    return path


def tar_of(path: Path, *entries: tarfile.TarInfo | tuple[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                archive.addfile(info, io.BytesIO(entry[1]))
    return path


def special(name: str, kind: bytes, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def damaged(path: Path, change: Callable[[bytearray], object]) -> Path:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)
    return path


def truncated(path: Path, keep: float) -> Path:
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * keep)])
    return path


def encrypted(path: Path) -> Path:
    zip_of(path, ("a", CONTENT))

    def mark(content: bytearray) -> None:
        content[6] |= 1
        content[content.rindex(b"PK\x01\x02") + 8] |= 1

    return damaged(path, mark)


def overlong(path: Path) -> Path:
    """A zip whose entry declares fewer bytes than it holds."""
    zip_of(path, ("a", CONTENT))

    def declare(content: bytearray) -> None:
        struct.pack_into("<I", content, content.rindex(b"PK\x01\x02") + 24, 100)
        struct.pack_into("<I", content, 22, 100)

    return damaged(path, declare)


def flip(content: bytearray) -> None:
    content[len(content) // 2] ^= 0xFF


MALFORMED: dict[str, tuple[str, Callable[[Path], Path], str]] = {
    "climbing zip": (".zip", lambda p: zip_of(p, ("ok", b"1"), ("a/../../evil", b"2")), "leads outside"),
    "absolute zip": (".zip", lambda p: zip_of(p, ("/tmp/evil", b"2")), "leads outside"),
    "drive letter": (".zip", lambda p: zip_of(p, ("C:evil", b"2")), "drive or backslashes"),
    "backslashes": (".zip", lambda p: zip_of(p, ("..\\evil", b"2")), "drive or backslashes"),
    "control character": (".zip", lambda p: zip_of(p, ("a\nb", b"2")), "control characters"),
    "symlink in zip": (".zip", lambda p: zip_with_mode(p, stat.S_IFLNK), "a link or a device"),
    "device in zip": (".zip", lambda p: zip_with_mode(p, stat.S_IFCHR), "a link or a device"),
    "case collision": (
        ".zip",
        lambda p: zip_of(p, ("Liver.nii", b"1"), ("liver.nii", b"2")),
        "different names",
    ),
    "folder case": (".zip", lambda p: zip_of(p, ("A/x", b"1"), ("a/y", b"2")), "different names"),
    "composed name": (".zip", lambda p: zip_of(p, ("é", b"1"), ("e\u0301", b"2")), "different names"),
    "file and folder": (".zip", lambda p: zip_of(p, ("a", b"1"), ("a/b", b"2")), "different names"),
    "encrypted": (".zip", encrypted, "encrypted"),
    "zip bomb": (".zip", lambda p: zip_of(p, ("zeros", bytes(40 * 2**20))), "expands more than 100 times"),
    "overlong entry": (".zip", overlong, "damaged"),
    "truncated zip": (".zip", lambda p: truncated(zip_of(p, ("a", CONTENT)), 0.7), "damaged"),
    "flipped byte in zip": (
        ".zip",
        lambda p: damaged(zip_of(p, ("ok", b"1"), ("a", CONTENT)), flip),
        "damaged",
    ),
    "not a zip": (".zip", lambda p: p.write_text("<html>") and p, "damaged"),
    "empty zip": (".zip", zip_of, "found none"),
    "too long a name": (".zip", lambda p: zip_of(p, ("x" * 300, b"1")), "names that this file system takes"),
    "climbing tar": (".tar.gz", lambda p: tar_of(p, ("ok", b"1"), ("../evil", b"2")), "leads outside"),
    "absolute tar": (".tar.gz", lambda p: tar_of(p, ("/tmp/evil", b"2")), "leads outside"),
    "symlink in tar": (
        ".tar.gz",
        lambda p: tar_of(p, special("out", tarfile.SYMTYPE, "/tmp"), ("out/evil", b"2")),
        "a link or a device",
    ),
    "hard link": (
        ".tar.gz",
        lambda p: tar_of(p, special("x", tarfile.LNKTYPE, "/etc/passwd")),
        "a link or a device",
    ),
    "device": (".tar.gz", lambda p: tar_of(p, special("null", tarfile.CHRTYPE)), "a link or a device"),
    "pipe": (".tar.gz", lambda p: tar_of(p, special("pipe", tarfile.FIFOTYPE)), "a link or a device"),
    "tar bomb": (".tar.gz", lambda p: tar_of(p, ("zeros", bytes(40 * 2**20))), "expands more than 100 times"),
    "tar case collision": (".tar.gz", lambda p: tar_of(p, ("A", b"1"), ("a", b"2")), "different names"),
    "truncated tar.gz": (".tar.gz", lambda p: truncated(tar_of(p, ("a", CONTENT)), 0.7), "damaged"),
    "flipped byte in tar.gz": (".tar.gz", lambda p: damaged(tar_of(p, ("a", CONTENT)), flip), "damaged"),
    "tar cut between entries": (
        ".tar",
        lambda p: p.write_bytes(tar_of(p, ("a", b"1"), ("b", b"2"), mode="w").read_bytes()[:1024]) and p,
        "damaged",
    ),
    "not a tar": (".tar.gz", lambda p: p.write_bytes(gzip.compress(b"no tar" * 500)) and p, "damaged"),
    "empty file": (".tar.gz", lambda p: p.write_bytes(b"") or p, "damaged"),
}


@pytest.mark.parametrize(("suffix", "make", "problem"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_archive_is_one_line_and_leaves_nothing(tmp_path, suffix, make, problem):
    archive = make(tmp_path / f"archive{suffix}")
    place = tmp_path / "place"
    place.mkdir()
    (place / "other").write_text("untouched")
    with pytest.raises(InputError, match=problem) as caught, staged(place / "archive") as staging:
        unpack(archive, staging)
    assert "\n" not in str(caught.value)
    assert str(archive) in str(caught.value)
    assert os.listdir(place) == ["other"]
    assert sorted(os.listdir(tmp_path)) == sorted([archive.name, "place"])


def test_the_bomb_is_refused_before_anything_is_written(tmp_path):
    archive = zip_of(tmp_path / "bomb.zip", ("zeros", bytes(40 * 2**20)))
    with pytest.raises(InputError):
        unpack(archive, tmp_path / "bomb")
    assert not os.listdir(tmp_path / "bomb")


def test_more_than_the_disk_holds_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    archive = zip_of(tmp_path / "big.zip", ("ct", CONTENT))
    monkeypatch.setattr(unpacking.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 199_999}))
    with pytest.raises(InputError, match="expected room for what it holds"):
        unpack(archive, tmp_path / "big")
    assert not os.listdir(tmp_path / "big")


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tar.gz", ".tgz"])
def test_a_sound_archive_unpacks_whole(tmp_path, suffix):
    entries = [
        ("s0001/ct.nii.gz", CONTENT),
        ("s0001/segmentations/liver.nii.gz", b"x"),
        ("meta.csv", b"a;b\n"),
    ]
    path = tmp_path / f"archive{suffix}"
    if suffix == ".zip":
        zip_of(path, ("s0001/", b""), *entries)
    else:
        tar_of(path, special("./s0001", tarfile.DIRTYPE), *entries, mode="w" if suffix == ".tar" else "w:gz")
    assert unpack(path, tmp_path / "out") == 3
    for name, content in entries:
        assert (tmp_path / "out" / name).read_bytes() == content


def test_the_stem_of_an_archive():
    assert archive_stem("a.b.tar.gz") == "a.b"
    assert archive_stem("A.ZIP") == "A"
    assert archive_stem("ct.nii.gz") is None
