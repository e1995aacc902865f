import json
import os
import socket
import subprocess
import sys

import pytest

from renderbench.artefacts import digest_of, is_staging, read_json, staged, sweep, write_json
from renderbench.errors import InputError


def test_digest_ignores_key_order_and_sees_every_value():
    assert digest_of({"a": 1, "b": [0.1, None]}) == digest_of({"b": [0.1, None], "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": 2})
    with pytest.raises(ValueError, match="Out of range"):
        digest_of(float("nan"))


def test_staged_file_appears_only_when_whole(tmp_path):
    final = tmp_path / "deep" / "a.txt"
    with staged(final) as staging:
        staging.write_text("new")
        assert not final.exists()
    assert final.read_text() == "new"
    assert [path.name for path in final.parent.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_failed_write_leaves_the_old_artefact(tmp_path, kind):
    final = tmp_path / "artefact"
    if kind == "file":
        final.write_text("old")
    else:
        final.mkdir()
        (final / "part").write_text("old")

    def write_half():
        with staged(final) as staging:
            if kind == "file":
                staging.write_text("half")
            else:
                staging.mkdir()
                (staging / "part").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert (final if kind == "file" else final / "part").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["artefact"]


def test_staged_folder_replaces_the_old_one_whole(tmp_path):
    final = tmp_path / "folder"
    for content in ("one", "two"):
        with staged(final) as staging:
            staging.mkdir()
            (staging / content).touch()
    assert [path.name for path in final.iterdir()] == ["two"]


def test_sweep_removes_what_the_dead_left_and_spares_the_living(tmp_path):
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    host = socket.gethostname()
    left = tmp_path / f".staging-{int(dead.stdout)}@{host}-x.zarr"
    living = tmp_path / f".staging-{os.getppid()}@{host}-y.zarr"
    elsewhere = tmp_path / f".staging-{int(dead.stdout)}@another-host-z.zarr"
    for path in (left, living, elsewhere):
        path.mkdir()
        assert is_staging(path)
    sweep(tmp_path)
    assert not left.exists()
    assert living.exists()
    assert elsewhere.exists()


def test_json_round_trip_and_damage(tmp_path):
    path = tmp_path / "a.json"
    assert read_json(path) is None
    write_json(path, {"Σ": 1.5})
    assert read_json(path) == {"Σ": 1.5}
    assert json.loads(path.read_text()) == {"Σ": 1.5}
    path.write_text("{")
    with pytest.raises(InputError, match=r"a\.json: expected JSON"):
        read_json(path)
