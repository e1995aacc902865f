import csv
import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import renderfm.training.loop as loop
from renderbench.errors import JobError
from renderbench.layout import Root
from renderfm.checkpoint import load_checkpoint
from renderfm.training.loop import Trained, train
from renderfm.training.processes import Processes
from renderfm.training.settings import TrainSettings
from renderfm.training.state import State
from renderfm.training.step import Pass, Trainer
from tests.renderfm.training.studies import settings, training_suite

ALONE = Processes(rank=0, count=1, device=torch.device("cpu"))


class Killed(BaseException):
    """What a kill does to the loop: nothing below it is run."""


def trained(root: Root, name: str, chosen: TrainSettings, lines: list[str] | None = None) -> Trained:
    announce = (lambda line: None) if lines is None else lines.append
    return train(root, training_suite(), name, chosen, ALONE, announce=announce)


def killed_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    step = State.step

    def dies(self: State) -> None:
        if self.iteration == steps:
            raise Killed
        step(self)

    monkeypatch.setattr(State, "step", dies)


def record(root: Root, name: str) -> dict:
    return json.loads((root.path / "checkpoints" / f"{name}.json").read_text())


def curve(root: Root, name: str) -> list[dict[str, str]]:
    with (root.path / "checkpoints" / f"{name}.csv").open() as stream:
        return [
            {key: each for key, each in row.items() if key != "seconds"} for row in csv.DictReader(stream)
        ]


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def test_a_resumed_training_is_an_uninterrupted_one_to_the_last_bit(trainable, monkeypatch):
    chosen = settings(iterations=5, log_every=2)
    whole = trained(trainable, "whole", chosen)
    with monkeypatch.context() as patched:
        killed_after(patched, 3)
        with pytest.raises(Killed):
            trained(trainable, "killed", chosen)
    assert (trainable.path / "checkpoints" / "killed.training").exists()
    lines: list[str] = []
    resumed = trained(trainable, "killed", chosen, lines)
    assert lines == ["resuming at iteration 3 of 5"]
    assert resumed.iteration == whole.iteration
    assert resumed.validation_db == whole.validation_db
    for name, tensor in weights(whole.checkpoint).items():
        assert torch.equal(tensor, weights(resumed.checkpoint)[name]), name
    assert curve(trainable, "killed") == curve(trainable, "whole")
    assert record(trainable, "killed")["resumed_at"] == [3]
    assert not (trainable.path / "checkpoints" / "killed.training").exists()


def test_a_training_of_other_settings_does_not_go_on_from_this_one(trainable, monkeypatch):
    with monkeypatch.context() as patched:
        killed_after(patched, 2)
        with pytest.raises(Killed):
            trained(trainable, "changed", settings(seed=4))
    lines: list[str] = []
    trained(trainable, "changed", settings(seed=5, iterations=2), lines)
    (line,) = lines
    assert "found one of another method, settings or inputs; starting anew" in line


def test_a_finished_training_is_there_and_how_often_it_is_kept_is_no_part_of_it(trainable):
    first = trained(trainable, "done", settings())
    bytes_before = first.checkpoint.read_bytes()
    again = trained(trainable, "done", settings(state_every=3, cache_gib=0.5))
    assert not first.was_there
    assert again.was_there
    assert again.validation_db == first.validation_db
    assert first.checkpoint.read_bytes() == bytes_before


def test_it_learns_to_shade(trainable):
    done = trained(trainable, "learns", settings(iterations=24, validate_every=24, learning_rate=3e-3))
    rows = curve(trainable, "learns")
    untrained = float(rows[0]["validation_psnr_db"])
    # A transfer function's colour is an albedo: what the light makes of it is the first that is learnt, and
    # it holds under the unseen transfer function, too.
    assert done.validation_db is not None
    assert done.validation_db > untrained + 3.0
    last = rows[-1]
    assert float(last["unseen_psnr_db"]) > float(rows[0]["unseen_psnr_db"]) + 1.0
    found = record(trainable, "learns")
    assert found["finished"]
    assert found["iteration"] == done.iteration
    assert found["dataset"]["training_views"] == 6
    loaded = load_checkpoint("learns", trainable)
    assert loaded.provenance["settings"]["iterations"] == 24
    assert (trainable.path / "checkpoints" / "learns.svg").read_text().startswith("<svg")


def test_constants_come_before_the_network(trainable):
    trained(trainable, "none", settings(iterations=1))
    trained(trainable, "constants", settings(iterations=1, constant_steps=15))
    before, after = (float(curve(trainable, name)[0]["validation_psnr_db"]) for name in ("none", "constants"))
    assert after > before + 1.0


def test_the_learning_rate_falls_polynomially(trainable):
    trained(trainable, "rate", settings(iterations=4, decay_power=0.9))
    rates = [float(row["learning_rate"]) for row in curve(trainable, "rate") if row["learning_rate"]]
    assert rates == pytest.approx([1e-3 * (1 - done / 4) ** 0.9 for done in range(4)])


def test_a_loss_that_is_not_finite_is_one_line(trainable, monkeypatch):
    monkeypatch.setattr(Trainer, "accumulate", lambda self, number: Pass(loss=math.nan, psnr_db=1.0))
    with pytest.raises(JobError, match=r"training at iteration 1: expected a finite loss, found nan; lower"):
        trained(trainable, "nan", settings())


def test_without_validation_the_last_weights_are_written(trainable):
    suite = training_suite(blocks=[{"id": "all", "dataset": "to-learn"}])
    done = train(trainable, suite, "last", settings(iterations=2), ALONE, announce=lambda line: None)
    assert done.validation_db is None
    assert record(trainable, "last")["iterations_done"] == 2
    moved = weights(done.checkpoint)["head.linear.bias"]
    assert bool(moved.any())


def test_the_step_counts_what_several_scans_gave(trainable):
    trained(trainable, "several", settings(scans_per_step=3, iterations=1))
    numbers = [row for row in curve(trainable, "several") if row["loss"]]
    assert len(numbers) == 1
    assert record(trainable, "several")["version"] == loop.VERSION
