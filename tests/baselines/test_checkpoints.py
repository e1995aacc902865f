"""A fit that is killed goes on from its checkpoint and ends with the same bits as one that is not."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import baselines.checkpoint
import baselines.fitting
from baselines.checkpoint import Checkpoints, Snapshot
from baselines.fitting import fit_gaussians
from baselines.losses import photometric_loss
from baselines.settings import FitSettings, SixDgsSettings
from renderbench.methods import CheckpointPlace
from tests.baselines.scenes import ball, task

SETTINGS = FitSettings(
    iterations=150,
    evaluate_every=25,
    sh_degree_from=30,
    densify_from=20,
    densify_every=10,
    densify_until=120,
    densify_gradient=8e-3,
    opacity_reset_every=50,
    max_points=None,
    checkpoint_every=7,
    checkpoint_share=1.0,
)


class Killed(BaseException):
    """What stands for a kill inside the process: nothing catches it."""


def place(folder: Path, digest: str = "of this fit") -> CheckpointPlace:
    return CheckpointPlace(path=folder / "fit.checkpoint", digest=digest)


def fit(folder: Path, said: list[str] | None = None, settings: FitSettings = SETTINGS, digest="of this fit"):
    work = task(
        ball(),
        fitted=("all", "skeleton"),
        checkpoint=place(folder, digest),
        announce=(said if said is not None else []).append,
    )
    return fit_gaussians(ball(seed=1), work, settings)


def kill_after(monkeypatch, iterations: int) -> None:
    """The fits to come end abruptly in their iteration after so many."""
    left = iter(range(iterations))

    def loss(*arguments):
        if next(left, None) is None:
            raise Killed
        return photometric_loss(*arguments)

    monkeypatch.setattr(baselines.fitting, "photometric_loss", loss)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An uninterrupted fit."""
    return fit(tmp_path_factory.mktemp("whole"))


def assert_same(found, expected) -> None:
    assert torch.equal(found.gaussians.labels, expected.gaussians.labels)
    for name, tensor in expected.gaussians.parameters().items():
        assert torch.equal(found.gaussians.parameters()[name], tensor), name

    def curve(each):
        return [{**point, "seconds": 0} for point in each.notes["curve"]]

    assert curve(found) == curve(expected)
    for key in ("selected_iteration", "selection_views", "extent_mm", "iterations_done"):
        assert found.notes[key] == expected.notes[key]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_killed_at_random_iterations_it_ends_with_the_same_bits(tmp_path, monkeypatch, whole, threads):
    monkeypatch.setenv("RENDERBENCH_THREADS", threads)
    dice = random.Random(int(threads))
    said: list[str] = []
    for _ in range(5):
        with monkeypatch.context() as patched:
            kill_after(patched, dice.randrange(1, 50))
            with pytest.raises(Killed):
                fit(tmp_path, said)
    done = fit(tmp_path, said)
    assert_same(done, whole)
    assert done.notes["resumed_at"]
    assert all(iteration % 7 == 0 for iteration in done.notes["resumed_at"])
    assert done.seconds_before > 0
    assert said[-1] == f"resuming at iteration {done.notes['resumed_at'][-1]} of 150"


def test_two_fits_of_one_seed_are_the_same_for_one_thread_and_two(tmp_path, monkeypatch, whole):
    monkeypatch.setenv("RENDERBENCH_THREADS", "2")
    assert_same(fit(tmp_path), whole)
    assert whole.notes["resumed_at"] == []
    assert whole.seconds_before == 0


CHILD = """
import sys
from pathlib import Path
from tests.baselines.test_checkpoints import fit
fit(Path(sys.argv[1]))
"""


def test_after_a_real_kill(tmp_path, whole):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path)], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    path = place(tmp_path).path
    while not path.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(random.Random(0).uniform(0.0, 0.3))
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert path.exists()
    done = fit(tmp_path)
    assert_same(done, whole)
    assert len(done.notes["resumed_at"]) == 1


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    path.write_text("not a checkpoint")


def one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-4000] ^= 1
    path.write_bytes(content)


def one_bit_of_the_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(b"iteration")] ^= 1
    path.write_bytes(content)


def another_kind(path: Path) -> None:
    save_file({"weights": torch.zeros(3)}, path, metadata={"format": "pt"})


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    "damage", [truncated, emptied, text, one_bit, one_bit_of_the_header, another_kind, a_folder]
)
def test_a_damaged_checkpoint_is_one_line_and_a_fit_that_starts_anew(tmp_path, monkeypatch, damage):
    settings = SETTINGS.model_copy(update={"iterations": 20})
    with monkeypatch.context() as patched:
        kill_after(patched, 16)
        with pytest.raises(Killed):
            fit(tmp_path, settings=settings)
    damage(place(tmp_path).path)
    said: list[str] = []
    done = fit(tmp_path, said, settings)
    assert done.notes["resumed_at"] == []
    line = said[0]
    assert "fit.checkpoint: expected a checkpoint of this fit, found" in line
    assert line.endswith("; starting anew")
    assert "\n" not in line


def test_a_checkpoint_of_another_method_or_settings_is_never_gone_on_from(tmp_path):
    settings = SETTINGS.model_copy(update={"iterations": 20})
    fit(tmp_path, settings=settings, digest="of another")
    said: list[str] = []
    done = fit(tmp_path, said, settings)
    assert done.notes["resumed_at"] == []
    assert "found one of another method, settings or inputs; starting anew" in said[0]


def test_a_checkpoint_whose_parts_do_not_fit_is_never_gone_on_from(tmp_path, monkeypatch):
    settings = SETTINGS.model_copy(update={"iterations": 20})
    taken = baselines.fitting._State.snapshot

    def other_state(self) -> Snapshot:
        snapshot = taken(self)
        tensors = {key: each for key, each in snapshot.tensors.items() if key != "optimiser/sh_0"}
        return Snapshot(tensors=tensors, values=snapshot.values)

    with monkeypatch.context() as patched:
        patched.setattr(baselines.fitting._State, "snapshot", other_state)
        fit(tmp_path, settings=settings)
    said: list[str] = []
    assert_same(fit(tmp_path, said, settings), fit(tmp_path / "other", settings=settings))
    assert "whose parts do not fit together; starting anew" in said[0]


def test_a_full_disk_costs_the_checkpoint_and_one_line_but_not_the_fit(tmp_path, monkeypatch, whole):
    def full(*_arguments, **_more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(baselines.checkpoint, "save_file", full)
    said: list[str] = []
    assert_same(fit(tmp_path, said), whole)
    assert len(said) == 1
    assert "No space left on device" in said[0]
    assert not list(tmp_path.iterdir())


def test_writing_takes_no_more_than_its_share_of_the_time(tmp_path, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr(baselines.checkpoint.time, "perf_counter", lambda: next(clock))
    written = []
    monkeypatch.setattr(baselines.checkpoint, "_write", lambda *_: written.append(iteration))
    keeper = Checkpoints(place(tmp_path), every=1, share=0.1, announce=lambda line: None)
    for iteration in range(1, 41):
        keeper.keep(iteration, lambda: Snapshot(tensors={}))
    # Each costs 1 by this clock; the first is free, and the others follow 10 later.
    assert written == [1, 11, 21, 31]


def test_none_is_written_where_none_is_wanted(tmp_path):
    fit(tmp_path, settings=SETTINGS.model_copy(update={"iterations": 10, "checkpoint_every": 0}))
    assert not list(tmp_path.iterdir())


def test_how_checkpoints_are_kept_is_no_part_of_what_a_run_is():
    assert "checkpoint" not in " ".join(SixDgsSettings(checkpoint_every=3).model_dump(mode="json"))
