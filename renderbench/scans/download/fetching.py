"""One file over HTTP that goes on where it was cut off.

pooch knows where files lie and what their checksums are, but its own downloader begins anew after every
cut, which never ends for tens of gigabytes. :class:`ResumingDownloader` takes its place.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from renderbench import __version__
from renderbench.errors import InputError, JobError
from renderbench.progress import Progress, progress

if TYPE_CHECKING:
    from requests import Response

PAUSES_S = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds to wait before each new attempt; one that brought bytes begins the row again."""

_TIMEOUT_S = (10.0, 30.0)  # to connect, and between two bytes
_CHUNK = 1 << 16  # what a cut can lose of what had come
_MEGABYTE = 10**6
_LONGEST_PAUSE_S = 120.0
# Statuses that another attempt can mend.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class ResumingDownloader:
    """Downloads one file, with Range requests where the server takes them (pooch's ``downloader`` protocol).

    What has come is kept beside the file as ``NAME.part``, with the server's ETag or date in
    ``NAME.part.json``, so that a process killed at any moment loses nothing. A server that ignores Range
    starts over; so does one whose file has changed since (If-Range). Whether the whole is right is for the
    checksum to say.

    Args:
        final: where the file will lie; ``.part`` lies beside it.
        expected_bytes: its size, where known; a server that offers another size is refused at once.
        pauses_s: see :data:`PAUSES_S`.
    """

    final: Path
    expected_bytes: int | None = None
    pauses_s: Sequence[float] = PAUSES_S

    @property
    def part(self) -> Path:
        """What has come so far."""
        return self.final.with_name(f"{self.final.name}.part")

    def __call__(self, url: str, output_file: str, pooch: object, check_only: bool = False) -> None:
        """Download ``url`` to ``output_file``.

        Raises:
            InputError: another process downloads the same file, or ``url`` is no address.
            JobError: the server does not have it, or the connection keeps breaking; what came stays.
        """
        with self._alone(), ExitStack() as stack:
            meter = _Meter(self.final.name, stack)
            failures, furthest = 0, self._size()
            while True:
                try:
                    self._attempt(url, meter)
                    break
                except _Cut as cut:
                    # Further than ever: a server that starts over would otherwise be asked for ever.
                    failures = 1 if self._size() > furthest else failures + 1
                    furthest = max(furthest, self._size())
                    if failures > len(self.pauses_s):
                        raise self._gave_up(url, cut) from None
                    time.sleep(min(max(self.pauses_s[failures - 1], cut.wait_s), _LONGEST_PAUSE_S))
        os.replace(self.part, output_file)
        self._state.unlink(missing_ok=True)

    def _attempt(self, url: str, meter: _Meter) -> None:
        """Bring the part to its full size; :class:`_Cut` when another attempt may."""
        import requests

        there = self._size()
        if there and there == self.expected_bytes:
            return
        try:
            with requests.get(url, headers=self._headers(there), stream=True, timeout=_TIMEOUT_S) as response:
                total = self._check(response, there)
                if total is not None and total == there and response.status_code == 416:
                    return
                there = there if response.status_code == 206 else 0
                meter.begin(total, there)
                self._receive(response, there, meter)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            raise _Cut(_reason(error)) from None
        except requests.RequestException as error:
            # Malformed addresses and endless redirects: another attempt ends the same way.
            raise InputError(
                url, f"expected an address to download from, found: {error}", "correct it"
            ) from None
        except OSError as error:
            raise _disk_error(self.part, error) from None
        if total is not None and self._size() != total:
            raise _Cut(f"{self._size()} of {total} bytes came")

    def _headers(self, there: int) -> dict[str, str]:
        headers = {"Accept-Encoding": "identity", "User-Agent": f"renderbench/{__version__}"}
        if there:
            headers["Range"] = f"bytes={there}-"
            if validator := self._validator():
                headers["If-Range"] = validator
        return headers

    def _check(self, response: Response, there: int) -> int | None:
        """The file's full size as the server tells it, None where it does not.

        Raises:
            _Cut: another attempt may succeed.
            JobError: none will.
        """
        status = response.status_code
        if status in _PASSING:
            raise _Cut(f"status {status}", wait_s=_seconds(response.headers.get("Retry-After", "")))
        span = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", response.headers.get("Content-Range", ""))
        total: int | None = None
        if status in (206, 416):
            total = int(span[2]) if span and span[2] != "*" else None
            wrong_start = status == 206 and (span is None or span[1] != str(there))
            if wrong_start or (status == 416 and total != there):
                self.part.unlink(missing_ok=True)
                raise _Cut(f"status {status} for another range than the one asked for")
        elif status == 200:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
        else:
            raise JobError(
                self.final.name,
                f"expected the file at {response.url}, found status {status} ({response.reason})",
                "look at the dataset's page for where it went",
            )
        if total is not None and self.expected_bytes not in (None, total):
            raise JobError(
                self.final.name,
                f"expected {self.expected_bytes} bytes, found {total} at {response.url}",
                "the published file has changed: look at the dataset's page",
            )
        return total

    def _receive(self, response: Response, there: int, meter: _Meter) -> None:
        if not there:
            self._state.write_text(json.dumps({"validator": _validator_of(response)}))
        with self.part.open("ab" if there else "wb") as stream:
            for chunk in response.iter_content(_CHUNK):
                stream.write(chunk)
                meter.add(len(chunk))

    @property
    def _state(self) -> Path:
        return self.final.with_name(f"{self.final.name}.part.json")

    def _size(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _validator(self) -> str | None:
        try:
            found = json.loads(self._state.read_text())["validator"]
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if isinstance(found, str) else None

    def _gave_up(self, url: str, cut: _Cut) -> JobError:
        came = f"after {self._size() / _MEGABYTE:.1f} MB" if self._size() else "before anything came"
        return JobError(
            self.final.name,
            f"expected the file from {urlsplit(url).netloc}, found the connection broken {came} ({cut})",
            "check the network; the same command goes on from here",
        )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Two processes that append to one part would ruin it."""
        lock = self.final.with_name(f".{self.final.name}.lock")
        with lock.open("w") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                problem = "expected to be alone, found another process that downloads it"
                raise InputError(self.final, problem, "wait for it") from None
            try:
                yield
            finally:
                lock.unlink(missing_ok=True)


def size_on_server(url: str) -> int | None:
    """The size in bytes of the file at ``url``, from the headers alone; None when the server does not tell.

    Raises:
        requests.RequestException: no answer, or a status of 400 and above.
    """
    import requests

    headers = {"Accept-Encoding": "identity", "User-Agent": f"renderbench/{__version__}"}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as response:
        response.raise_for_status()
        length = response.headers.get("Content-Length", "")
        return int(length) if length.isdigit() else None


class _Cut(Exception):
    """An attempt ended early; another may go on."""

    def __init__(self, reason: str, wait_s: float = 0.0) -> None:
        super().__init__(reason)
        self.wait_s = wait_s


class _Meter:
    """Counts bytes on a bar of megabytes, which opens when the size is known."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self._name, self._stack = name, stack
        self._bar: Progress | None = None
        self._bytes = self._shown = 0

    def begin(self, total: int | None, there: int) -> None:
        if self._bar is None:
            label = f"downloading {self._name}"
            self._bar = self._stack.enter_context(progress(label, -(-(total or 0) // _MEGABYTE), "MB"))
        self._bytes = there
        self._show()

    def add(self, count: int) -> None:
        self._bytes += count
        self._show()

    def _show(self) -> None:
        # A server that starts over takes the bar back with it.
        megabytes = -(-self._bytes // _MEGABYTE)
        if self._bar is not None and megabytes != self._shown:
            self._bar.advance(megabytes - self._shown)
            self._shown = megabytes


def _validator_of(response: Response) -> str | None:
    # A weak ETag promises the same meaning, not the same bytes: If-Range must not carry it (RFC 9110).
    etag = response.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else response.headers.get("Last-Modified")


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isdigit() else 0.0


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout):
        return "no answer in time"
    text = str(error)
    for sign, reason in (("NameResolutionError", "no such host, or no network"), ("refused", "refused")):
        if sign in text:
            return reason
    return type(error).__name__


def _disk_error(path: Path, error: OSError) -> JobError:
    if error.errno == errno.ENOSPC:
        return JobError(path, "expected room on the disk, found it full", "free some; what came is kept")
    return JobError(
        path, f"expected to write here, found that it cannot ({error.strerror})", "look at the disk"
    )
