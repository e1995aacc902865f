"""Finds the pbrt-v4 binary and makes sure that it is one."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from renderbench.errors import InputError
from renderbench.groundtruth.pbrt.process import Ended, finish

VARIABLE = "RENDERBENCH_PBRT"
SOURCE = "https://github.com/mmp/pbrt-v4"

_PROBE_SECONDS = 60.0
_BANNER = re.compile(r"pbrt version (\d+)[^\n]*")
_REMEDY = f"give --pbrt or {VARIABLE} the path of a pbrt-v4 binary"


@dataclass(frozen=True, kw_only=True)
class Pbrt:
    """A pbrt-v4 binary that runs here.

    Args:
        path: absolute.
        version: its banner, with the date of its build; pbrt-v4 has no finer version.
    """

    path: Path
    version: str


def find_pbrt(explicit: Path | None = None) -> Pbrt:
    """The pbrt-v4 binary: ``explicit``, else RENDERBENCH_PBRT, else ``pbrt`` on PATH.

    It is asked to render a scene that does not exist, which makes it print its banner and end.

    Raises:
        InputError: there is none, or what was named is not a pbrt-v4 that runs here.
    """
    named = os.environ.get(VARIABLE, "")
    if explicit is not None:
        return _probed(explicit, f"--pbrt {explicit}")
    if named:
        return _probed(Path(named), f"{VARIABLE}={named}")
    found = shutil.which("pbrt")
    if found is None:
        raise InputError(
            "pbrt-v4",
            "expected its binary on PATH, found none",
            f"build it from {SOURCE} (cmake, target pbrt_exe) and put it on PATH, or {_REMEDY}",
        )
    return _probed(Path(found), found)


def _probed(path: Path, subject: str) -> Pbrt:
    if path.is_dir():
        raise InputError(subject, "expected a pbrt-v4 binary, found a folder", f"{_REMEDY}, not its folder")
    if not path.exists():
        raise InputError(subject, "expected a pbrt-v4 binary, found nothing there", _REMEDY)
    path = path.resolve()
    ended = _probe(path, subject)
    banner = _BANNER.search(ended.output)
    if banner is None:
        raise InputError(subject, "expected pbrt-v4, found another program (it prints no banner)", _REMEDY)
    if banner[1] != "4":
        raise InputError(
            subject,
            f"expected pbrt-v4, found pbrt-v{banner[1]}, which reads other scenes",
            f"build pbrt-v4 from {SOURCE} and {_REMEDY}",
        )
    return Pbrt(path=path, version=banner[0])


def _probe(path: Path, subject: str) -> Ended:
    with tempfile.TemporaryDirectory(prefix="renderbench-pbrt-") as folder:
        try:
            return finish([str(path), "no-such-scene.pbrt"], folder=Path(folder), timeout_s=_PROBE_SECONDS)
        except subprocess.TimeoutExpired:
            raise InputError(
                subject,
                f"expected pbrt-v4, found a program that did not end in {_PROBE_SECONDS:.0f} s",
                _REMEDY,
            ) from None
        except OSError as error:
            raise InputError(
                subject, f"expected a pbrt-v4 binary, found {_unusable(error)}", _REMEDY
            ) from None


def _unusable(error: OSError) -> str:
    if error.errno == errno.EACCES:
        return "a file that is not executable"
    if error.errno == errno.ENOEXEC:
        return "a file that this machine cannot execute (another architecture, or no program)"
    return f"a file that cannot be started ({error.strerror})"
