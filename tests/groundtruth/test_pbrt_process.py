"""Finding pbrt, and every way in which it can fail us, with a stand-in that fails as told."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from renderbench.errors import InputError, JobError, RenderbenchError
from renderbench.groundtruth.pbrt import PbrtRenderer, find_pbrt
from renderbench.groundtruth.pbrt.binary import VARIABLE
from renderbench.groundtruth.pbrt.pfm import read_pfm, write_pfm
from renderbench.groundtruth.pbrt.process import TIME_LIMIT, time_limit
from tests.groundtruth.media import medium, settings, telescope
from tests.groundtruth.pbrt_stand_in import stand_in


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No pbrt anywhere; returns an empty folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def one_line(error: RenderbenchError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "\x1b" not in text
    return text


def test_the_binary_is_the_named_one_then_the_variable_then_path(nowhere, tmp_path, monkeypatch) -> None:
    on_path = stand_in(nowhere)
    assert find_pbrt().path == on_path.resolve()
    assert find_pbrt().version == "pbrt version 4 (built Jun 14 2026 at 16:50:27)"
    by_variable = stand_in(tmp_path / "variable")
    monkeypatch.setenv(VARIABLE, str(by_variable))
    assert find_pbrt().path == by_variable.resolve()
    named = stand_in(tmp_path / "named")
    assert find_pbrt(named).path == named.resolve()


def test_no_binary_says_where_to_get_one(nowhere) -> None:
    with pytest.raises(
        InputError, match=r"found none; build it from https://.*pbrt-v4.*RENDERBENCH_PBRT"
    ) as found:
        find_pbrt()
    one_line(found.value)


def plain(folder: Path) -> Path:
    path = folder / "pbrt.txt"
    path.write_text("text")
    return path


def other_architecture(folder: Path) -> Path:
    path = folder / "arm"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 11 + b"\xf3\x00" + b"\0" * 44)
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (lambda folder: folder, "found a folder"),
        (lambda folder: folder / "no-such", "found nothing there"),
        (plain, "found a file that is not executable"),
        (other_architecture, "cannot execute (another architecture"),
        (lambda folder: stand_in(folder, "another program"), "found another program"),
        (lambda _: Path("/bin/true"), "found another program"),
        (lambda folder: stand_in(folder, version=3), "found pbrt-v3, which reads other scenes"),
    ],
    ids=["folder", "nothing", "not executable", "architecture", "another program", "true", "v3"],
)
@pytest.mark.parametrize("way", ["option", "variable"])
def test_what_is_not_pbrt_is_refused(nowhere, tmp_path, monkeypatch, make, found, way) -> None:
    path = make(tmp_path)
    if way == "variable":
        monkeypatch.setenv(VARIABLE, str(path))
    with pytest.raises(InputError, match=re.escape(found)) as error:
        find_pbrt(path if way == "option" else None)
    assert one_line(error.value).startswith(f"--pbrt {path}" if way == "option" else f"{VARIABLE}={path}")


def test_a_program_that_never_ends_is_no_pbrt(nowhere, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("renderbench.groundtruth.pbrt.binary._PROBE_SECONDS", 0.5)
    with pytest.raises(InputError, match="did not end"):
        find_pbrt(stand_in(tmp_path, "never ends"))


def renderer(path: Path, **options) -> PbrtRenderer:
    return PbrtRenderer(medium(np.ones((3, 3, 3))), settings(), binary=find_pbrt(path), threads=1, **options)


def render(path: Path, **options) -> None:
    target = medium(np.ones((3, 3, 3)))
    camera = telescope(target, (0, -1, 0), resolution=8, width_mm=8.0)
    renderer(path, **options).render_pass(camera, seed=1, first=0, count=2)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (
            "error",
            'found that it ended with status 1: Error: lit.pbrt:3:8: "volpth": integrator type unknown.',
        ),
        ("crash", "found that it was ended by SIGABRT: [ FATAL cpu/integrators.cpp:1008 ] Check failed"),
        ("silent", "found no file though it ended with status 0"),
        ("half size", "expected 8 × 8 pixels, found 4 × 4"),
        ("not a number", "expected finite pixels, found 1 that are not"),
        ("full disk", "expected 768 bytes of pixels, found"),
    ],
)
def test_a_failure_is_one_clear_line(tmp_path, behaviour, says) -> None:
    with pytest.raises(JobError, match=re.escape(says)) as error:
        render(stand_in(tmp_path, behaviour))
    one_line(error.value)


def test_the_time_limit_comes_from_the_environment(monkeypatch) -> None:
    monkeypatch.delenv(TIME_LIMIT, raising=False)
    assert time_limit() == 24 * 3600
    monkeypatch.setenv(TIME_LIMIT, "0")
    assert time_limit() is None
    monkeypatch.setenv(TIME_LIMIT, "90")
    assert time_limit() == 90
    monkeypatch.setenv(TIME_LIMIT, "soon")
    with pytest.raises(InputError, match="expected a whole number of seconds, found 'soon'"):
        time_limit()


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_a_binary_that_hangs_is_killed_when_the_time_is_up(tmp_path) -> None:
    with pytest.raises(
        JobError, match="expected an image within 1 s, found none when the time was up"
    ) as error:
        render(stand_in(tmp_path, "hangs"), timeout_s=1.0)
    one_line(error.value)
    assert gone(int((tmp_path / "pid").read_text()))


def test_ctrl_c_kills_the_binary_at_once(tmp_path) -> None:
    path = stand_in(tmp_path, "hangs")
    code = (
        "from pathlib import Path; from tests.groundtruth.test_pbrt_process import render; "
        f"render(Path({str(path)!r}))"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, start_new_session=True)
    for _ in range(600):
        if (tmp_path / "pid").is_file() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.05)
    ours.send_signal(signal.SIGINT)
    _, errors = ours.communicate(timeout=60)
    assert b"KeyboardInterrupt" in errors
    assert gone(int((tmp_path / "pid").read_text()))


def test_an_old_image_is_never_taken_for_a_new_one(tmp_path) -> None:
    """The binary that wrote images falls silent: what it wrote before must not count."""
    made = renderer(stand_in(tmp_path))
    target = medium(np.ones((3, 3, 3)))
    camera = telescope(target, (0, -1, 0), resolution=8, width_mm=8.0)
    made.render_pass(camera, seed=1, first=0, count=2)
    stand_in(tmp_path, "silent")
    with pytest.raises(JobError, match="found no file"):
        made.render_pass(camera, seed=1, first=0, count=2)


def test_a_full_disk_is_one_clear_line(tmp_path, monkeypatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("renderbench.groundtruth.pbrt.renderer.write_medium", full)
    with pytest.raises(JobError, match=r"No space left on device.*TMPDIR") as error:
        render(stand_in(tmp_path))
    one_line(error.value)


@pytest.mark.parametrize("order", ["<", ">"])
def test_float_maps_are_read_in_either_byte_order(tmp_path, order) -> None:
    image = np.random.default_rng(0).normal(size=(3, 5, 3)).astype(np.float32)
    path = tmp_path / "image.pfm"
    write_pfm(path, image)
    if order == ">":
        path.write_bytes(b"PF\n5 3\n1.0\n" + image[::-1].astype(">f4").tobytes())
    np.testing.assert_array_equal(read_pfm(path, width=5, height=3), image)


@pytest.mark.parametrize(
    "content", [b"", b"PF\n", b"Pf\n2 2\n-1\n" + b"\0" * 16, b"PF\n2 x\n-1\n", b"\x89PNG\r\n"]
)
def test_what_is_no_float_map_is_refused(tmp_path, content) -> None:
    path = tmp_path / "image.pfm"
    path.write_bytes(content)
    with pytest.raises(JobError, match="expected a colour PFM"):
        read_pfm(path, width=2, height=2)
