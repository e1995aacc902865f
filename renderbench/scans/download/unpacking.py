"""Unpacking archives that come from elsewhere: nothing leaves the folder, nothing fills the disk."""

from __future__ import annotations

import errno
import lzma
import re
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from renderbench.errors import InputError, JobError
from renderbench.progress import progress

# NIfTI is packed already and hardly shrinks in an archive; text does, by far less than this.
_MOST_EXPANSION = 100
# Below this an expansion harms nobody.
_HARMLESS_BYTES = 16 * 2**20
_MOST_ENTRIES = 1_000_000
_MEGABYTE = 10**6
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,
    ValueError,
    OverflowError,
    RuntimeError,
)


def archive_stem(name: str) -> str | None:
    """The name of an archive without its ending, None for a file that is no archive."""
    return next((name[: -len(suffix)] for suffix in _SUFFIXES if name.lower().endswith(suffix)), None)


def unpack(archive: Path, folder: Path) -> int:
    """Unpack a ``.zip``, ``.tar`` or ``.tar.gz`` into ``folder``, which is made; returns the number of files.

    The caller stages ``folder`` (``renderbench.artefacts.staged``), so that a failure leaves nothing of it.

    Raises:
        InputError: the archive is damaged, empty or encrypted; an entry would lie outside ``folder``, is a
            link or a device, or falls together with another by case; or what it holds does not fit on the
            disk or expands like no scan does.
        JobError: the disk failed.
    """
    folder.mkdir(parents=True)
    try:
        files = (
            _unpack_zip(archive, folder)
            if archive.name.lower().endswith(".zip")
            else _unpack_tar(archive, folder)
        )
    except _DAMAGE as error:
        raise _fault(
            archive, f"expected a whole archive, found a damaged one ({_first_line(error)})"
        ) from None
    except OSError as error:
        raise _os_error(archive, error) from None
    if not files:
        raise _fault(archive, "expected files in it, found none")
    return files


def _unpack_zip(archive: Path, folder: Path) -> int:
    with zipfile.ZipFile(archive) as opened:
        entries = opened.infolist()
        names, room = _Names(archive), _Room(archive, folder)
        targets = []
        for entry in entries:
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsafe(archive, entry.filename, "a link or a device")
            if entry.flag_bits & 0x1:
                raise _fault(archive, f"expected open entries, found {entry.filename!r} encrypted")
            targets.append(names.target(entry.orig_filename, entry.is_dir()))
            room.take(entry.file_size)
        with progress(f"unpacking {archive.name}", len(entries), "entries") as bar:
            for entry, target in zip(entries, targets, strict=True):
                path = folder / target
                if entry.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    # zipfile gives no more bytes than an entry declares, and checks their CRC.
                    with opened.open(entry) as source, path.open("xb") as sink:
                        shutil.copyfileobj(source, sink, 1 << 20)
                bar.advance()
    return sum(not entry.is_dir() for entry in entries)


def _unpack_tar(archive: Path, folder: Path) -> int:
    _require_end(archive)
    names, room = _Names(archive), _Room(archive, folder)
    megabytes = shown = 0
    files = 0
    with (
        archive.open("rb") as stream,
        tarfile.open(fileobj=stream, mode="r:*") as opened,
        progress(f"unpacking {archive.name}", -(-archive.stat().st_size // _MEGABYTE), "MB") as bar,
    ):
        for entry in opened:
            if not (entry.isreg() or entry.isdir()):
                raise _unsafe(archive, entry.name, "a link or a device")
            names.target(entry.name, entry.isdir())
            room.take(entry.size)
            try:
                opened.extract(entry, folder, set_attrs=False, filter="data")
            except tarfile.FilterError as error:
                raise _unsafe(archive, entry.name, _first_line(error)) from None
            files += entry.isreg()
            megabytes = stream.tell() // _MEGABYTE
            bar.advance(megabytes - shown)
            shown = megabytes
        # gzip's checksum comes after the end of the tar, where tarfile no longer reads.
        while opened.fileobj is not None and (rest := opened.fileobj.read(1 << 20)):
            room.take(len(rest))
    return files


def _require_end(archive: Path) -> None:
    """A plain tar ends in two blocks of zeros; tarfile takes one that was cut between entries for whole."""
    if not archive.name.lower().endswith(".tar"):
        return
    with archive.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 1024, 0))
        if size < 1024 or any(stream.read()):
            raise EOFError("cut short")


class _Names:
    """Every entry's path, checked against the folder and against each other."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._seen: dict[str, tuple[str, bool]] = {}
        self._entries = 0

    def target(self, name: str, is_folder: bool) -> PurePosixPath:
        """The relative path of an entry."""
        self._entries += 1
        if self._entries > _MOST_ENTRIES:
            raise _fault(self._archive, f"expected at most {_MOST_ENTRIES} entries, found more")
        if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
            raise _unsafe(self._archive, name, "a name with control characters")
        if "\\" in name or re.match(r"[A-Za-z]:", name):
            raise _unsafe(self._archive, name, "a path with a drive or backslashes")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise _unsafe(self._archive, name, "a path that leads outside")
        if not path.parts and not is_folder:
            raise _unsafe(self._archive, name, "a file without a name")
        for depth in range(1, len(path.parts) + 1):
            self._claim(PurePosixPath(*path.parts[:depth]).as_posix(), is_folder or depth < len(path.parts))
        return path

    def _claim(self, path: str, is_folder: bool) -> None:
        # What only differs by case or by Unicode composition is one file on many file systems.
        key = unicodedata.normalize("NFC", path).casefold()
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = (path, is_folder)
        elif not is_folder or known != (path, True):
            raise _fault(
                self._archive, f"expected entries of different names, found {known[0]!r} and {path!r}"
            )


class _Room:
    """What may still be written: as much as the disk has, and no more than an honest archive holds."""

    def __init__(self, archive: Path, folder: Path) -> None:
        self._archive = archive
        self._free = shutil.disk_usage(folder).free
        self._most = _MOST_EXPANSION * archive.stat().st_size + _HARMLESS_BYTES
        self._taken = 0

    def take(self, count: int) -> None:
        """Count an entry's declared bytes."""
        self._taken += count
        if self._taken > self._most:
            raise _fault(
                self._archive,
                f"expected an archive of scans, found one that expands more than {_MOST_EXPANSION} times",
            )
        if self._taken > self._free:
            raise InputError(
                self._archive,
                f"expected room for what it holds, found {self._free / 1e9:.1f} GB free and more declared",
                "free some and run the same command again",
            )


def _unsafe(archive: Path, name: str, what: str) -> InputError:
    return _fault(archive, f"expected plain files and folders, found {name[:80]!r}: {what}")


def _fault(archive: Path, problem: str) -> InputError:
    return InputError(archive, problem, "nothing of it was unpacked; remove it and download it again")


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _os_error(archive: Path, error: OSError) -> InputError | JobError:
    if error.errno is None:
        # gzip reports its own format's faults as OSError without a number.
        return _fault(archive, f"expected a whole archive, found a damaged one ({_first_line(error)})")
    if error.errno in (errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST):
        return _fault(
            archive, f"expected names that this file system takes, found one it does not ({error.strerror})"
        )
    return JobError(
        archive,
        f"expected to unpack it, found that the disk does not let it ({error.strerror})",
        "free some room; nothing half unpacked is left",
    )
