"""Public datasets from where they are published: what there is, what it costs, and bringing it here whole.

What is known of a dataset (its DOI, licence, files, checksums) is data, ``datasets/downloads/*.toml``.
pooch finds the files through the DOI and checks them, ``fetching`` transfers them, and ``unpacking`` unpacks
them. Whatever is done carries a marker and is not done again.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from renderbench.artefacts import read_json, remove, staged, write_json
from renderbench.config import Strict, parse_model, read_toml
from renderbench.errors import InputError, JobError
from renderbench.resources import resource
from renderbench.scans.download.fetching import PAUSES_S, ResumingDownloader, size_on_server
from renderbench.scans.download.unpacking import archive_stem, unpack

if TYPE_CHECKING:
    from pooch import Pooch

# Hidden, so that no reader of scans takes it for one.
_MARKER = ".renderbench-download.json"
_DOI_TIMEOUT_S = 30


class RemoteFile(Strict):
    """One published file.

    ``bytes`` and ``checksum`` (``md5:`` or ``sha256:`` and hexadecimal digits) are left out where they are
    not known: the DOI's record tells them when they are needed.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.+-]*$")]
    bytes: Annotated[int, Field(gt=0)] | None = None
    checksum: Annotated[str, Field(pattern=r"^(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})$")] | None = None


class Download(Strict):
    """One public dataset (``datasets/downloads/*.toml``).

    ``base_url`` is the address of the folder that the files lie in; without one, the DOI's record says
    where each lies. ``raw`` is the folder, relative to where the dataset went, that
    ``renderbench dataset --raw`` takes. ``instructions`` are steps for a person, where no
    program can download the dataset.
    """

    title: str
    doi: Annotated[str, Field(pattern=r"^10\.\d+/\S+$")]
    homepage: str
    licence: str
    licence_url: str
    citation: str
    raw: str
    base_url: Annotated[str, Field(pattern=r"^https?://\S+/$")] | None = None
    files: tuple[RemoteFile, ...] = ()
    instructions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _coherent(self) -> Download:
        if bool(self.files) == bool(self.instructions):
            raise ValueError("expected either files or instructions")
        if len({file.name.casefold() for file in self.files}) < len(self.files):
            raise ValueError("expected files of different names")
        if self.base_url and any(file.checksum is None for file in self.files):
            raise ValueError("expected a checksum for every file, since base_url has no record to tell it")
        return self


@dataclass(frozen=True, kw_only=True)
class PlannedFile:
    """A file and how far it has come.

    Args:
        file: with its size and checksum, unless it is done already.
        target: the folder it is unpacked into, or where the file itself lies.
        there_bytes: how much of it has been downloaded.
        done: nothing is left to do.
    """

    file: RemoteFile
    target: Path
    there_bytes: int
    done: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a download will do, for a person to agree to.

    Args:
        download: the dataset.
        folder: where it goes.
        files: each file and its state.
        unpack: whether archives are unpacked.
        to_download_bytes: what is left to download.
        needed_bytes: room on the disk, at most: an archive of packed scans takes as much again unpacked.
        free_bytes: room on the disk now.
    """

    download: Download
    folder: Path
    files: tuple[PlannedFile, ...]
    unpack: bool
    to_download_bytes: int
    needed_bytes: int
    free_bytes: int

    @property
    def raw(self) -> Path:
        """What ``renderbench dataset --raw`` takes."""
        return self.folder / self.download.raw


def shipped_downloads() -> list[str]:
    """The names of the datasets that come described with renderbench."""
    return sorted(path.stem for path in resource("datasets", "downloads").glob("*.toml"))


def load_download(name_or_path: str) -> Download:
    """A dataset by its shipped name or from a TOML file.

    Raises:
        InputError: no such dataset, not TOML, or a key or value that it cannot have.
    """
    path = Path(name_or_path)
    if path.suffix != ".toml":
        known = shipped_downloads()
        if name_or_path not in known:
            close = difflib.get_close_matches(name_or_path, known, n=1)
            raise InputError(
                f"dataset {name_or_path!r}",
                f"expected one of {', '.join(known)}, or a path ending in .toml; found neither",
                f"did you mean {close[0]!r}?" if close else "correct the name",
            )
        path = resource("datasets", "downloads", f"{name_or_path}.toml")
    return parse_model(Download, read_toml(path), path.name)


def plan_download(download: Download, folder: Path, *, unpack: bool = True) -> Plan:
    """What is to be done for ``download`` to lie in ``folder``; nothing is written.

    The DOI's record is asked only for what the dataset's description lacks of a file that is not done.

    Raises:
        InputError: the dataset cannot be downloaded by a program, ``folder`` is a file, something else lies
            where the dataset would go, or the disk has too little room.
        JobError: the DOI's record could not be read.
    """
    if download.instructions:
        raise InputError(
            f"doi:{download.doi}",
            "expected a dataset that a program can fetch, found one that its page hands out by hand",
            f"follow the steps that renderbench download prints, or see {download.homepage}",
        )
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--to {folder}", "expected a folder, found a file", "choose another")
    files = [_state(download, file, folder, unpack) for file in download.files]
    files = _resolved(download, files)
    left = sum(max((each.file.bytes or 0) - each.there_bytes, 0) for each in files if not each.done)
    unpacked = sum(each.file.bytes or 0 for each in files if not each.done and _unpacks(each.file, unpack))
    free = shutil.disk_usage(_existing(folder)).free
    plan = Plan(
        download=download,
        folder=folder,
        files=tuple(files),
        unpack=unpack,
        to_download_bytes=left,
        needed_bytes=left + unpacked,
        free_bytes=free,
    )
    if plan.needed_bytes > free:
        raise InputError(
            f"--to {folder}",
            f"expected {plan.needed_bytes / 1e9:.1f} GB of free disk, found {free / 1e9:.1f} GB",
            "free some, choose another --to" + (", or add --no-unpack" if unpacked else ""),
        )
    return plan


def run_download(
    plan: Plan, *, keep_archives: bool = False, pauses_s: Sequence[float] = PAUSES_S
) -> list[str]:
    """Do what ``plan`` says; returns the names of the files that there was something to do for.

    Killed at any moment, it goes on from there when it is run again. An archive is removed once it is
    unpacked, unless ``keep_archives``.

    Raises:
        InputError: an archive is unsafe or damaged, or a file in the way is another than the published one.
        JobError: the network or the disk failed, or what came has another checksum.
    """
    todo = [each for each in plan.files if not each.done]
    if not todo:
        return []
    _make(plan.folder)
    source = _pooch(plan.download, plan.folder, todo)
    for each in todo:
        path = plan.folder / each.file.name
        if not _verified(path, each.file):
            _fetch(source, path, each.file, pauses_s)
            write_json(_sidecar(path), _file_marker(path, each.file))
        if _unpacks(each.file, plan.unpack):
            with staged(each.target) as staging:
                unpack(path, staging)
                write_json(staging / _MARKER, _folder_marker(plan.download, each.file))
            if not keep_archives:
                remove(path)
                remove(_sidecar(path))
    return [each.file.name for each in todo]


def _unpacks(file: RemoteFile, wanted: bool) -> bool:
    return wanted and archive_stem(file.name) is not None


def _state(download: Download, file: RemoteFile, folder: Path, unpacked: bool) -> PlannedFile:
    path = folder / file.name
    whole = _verified(path, file)
    target, done = path, whole
    if _unpacks(file, unpacked):
        target = folder / (archive_stem(file.name) or file.name)
        done = _holds(target / _MARKER, _folder_marker(download, file))
        if target.exists() and not done:
            raise InputError(
                target,
                f"expected nothing or {file.name} of doi:{download.doi} unpacked, found something else",
                "move it away or choose another --to",
            )
    part = ResumingDownloader(final=path).part
    there = next((each.stat().st_size for each in (path, part) if each.is_file()), 0)
    return PlannedFile(file=file, target=target, there_bytes=there, done=done)


def _resolved(download: Download, files: list[PlannedFile]) -> list[PlannedFile]:
    """The same with every size and checksum that work is left for."""
    lacking = [each for each in files if not each.done and None in (each.file.bytes, each.file.checksum)]
    if not lacking:
        return files
    with _asking(download):
        source = _pooch(download, Path("."), lacking)
        if any(each.file.checksum is None for each in lacking):
            source.load_registry_from_doi()
        resolved = []
        for each in files:
            if each in lacking:
                name = each.file.name
                known: dict[str, Any] = {
                    "name": name,
                    "bytes": each.file.bytes or size_on_server(source.get_url(name)),
                    "checksum": each.file.checksum or source.registry[name],
                }
                each = replace(each, file=RemoteFile.model_validate(known))
            resolved.append(each)
    return resolved


def _pooch(download: Download, folder: Path, files: Sequence[PlannedFile]) -> Pooch:
    """pooch's account of ``files``: where each lies, and its checksum."""
    import pooch
    from pooch.downloaders import doi_to_repository

    # Its log repeats what progress and errors say here.
    pooch.get_logger().setLevel("WARNING")
    names = [each.file.name for each in files]
    if download.base_url:
        urls = {name: download.base_url + name.replace(" ", "%20") for name in names}
    else:
        with _asking(download):
            record = doi_to_repository(download.doi, timeout=_DOI_TIMEOUT_S)
            urls = {name: record.download_url(name) for name in names}
    return pooch.create(
        path=folder,
        base_url=download.base_url or f"doi:{download.doi}/",
        registry={each.file.name: each.file.checksum for each in files},
        urls=urls,
        allow_updates=False,
    )


@contextmanager
def _asking(download: Download) -> Iterator[None]:
    """What can go wrong with a DOI and its record, as one line."""
    import requests

    subject = f"doi:{download.doi}"
    try:
        yield
    except (requests.ConnectionError, requests.Timeout):
        raise JobError(
            subject,
            "expected an answer from its record, found no network",
            "connect and run the same command again",
        ) from None
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise JobError(
            subject, f"expected its record to list the files, found: {reason}", f"look at {download.homepage}"
        ) from None


def _fetch(source: Pooch, path: Path, file: RemoteFile, pauses_s: Sequence[float]) -> None:
    in_the_way = path.exists()
    downloader = ResumingDownloader(final=path, expected_bytes=file.bytes, pauses_s=pauses_s)
    try:
        source.fetch(file.name, downloader=downloader)
    except ValueError as error:
        if in_the_way:
            raise InputError(
                path,
                f"expected {file.checksum}, found a file with another checksum",
                "move it away and run this again",
            ) from None
        # pooch has removed it; its message ends with what it found.
        found = str(error).partition("but got ")[2].partition(".")[0] or "another"
        raise JobError(
            file.name,
            f"expected {file.checksum}, found {found} (damaged on the way, or published anew)",
            "what came was removed; the same command starts it over",
        ) from None


def _verified(path: Path, file: RemoteFile) -> bool:
    """Whether ``path`` is as it was when its checksum held; hashing tens of gigabytes again takes minutes."""
    return path.is_file() and _holds(_sidecar(path), _file_marker(path, file))


def _holds(marker: Path, expected: dict[str, Any]) -> bool:
    """Whether a marker says what is expected, as far as that is known."""
    found = read_json(marker) or {}
    return all(key in found and value in (None, found[key]) for key, value in expected.items())


def _sidecar(path: Path) -> Path:
    return path.with_name(f".{path.name}{_MARKER}")


def _file_marker(path: Path, file: RemoteFile) -> dict[str, Any]:
    stat = path.stat()
    return {"checksum": file.checksum, "bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}


def _folder_marker(download: Download, file: RemoteFile) -> dict[str, Any]:
    return {"doi": download.doi, "file": file.name, "checksum": file.checksum}


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--to {folder}",
            f"expected a folder that can be made, found that it cannot ({error.strerror})",
            "choose another",
        ) from None


def _existing(folder: Path) -> Path:
    """The nearest folder above that exists, which is on the same disk."""
    return next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
