"""The curve of a training in TensorBoard's files."""

import sys

import pytest
import torch

from renderbench.errors import InputError
from renderfm.training.events import Events
from renderfm.training.loop import train
from tests.renderfm.training.studies import settings, training_suite
from tests.renderfm.training.test_loop import ALONE, Killed, curve, killed_after


def test_a_killed_and_resumed_training_shows_each_iteration_once(trainable, monkeypatch):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    chosen = settings(iterations=5, log_every=1, state_every=2)

    def run() -> None:
        train(
            trainable, training_suite(), "shown", chosen, ALONE, announce=lambda line: None, tensorboard=True
        )

    with monkeypatch.context() as patched:
        # At 3 of which iteration 3 is in no state, and must not be shown twice.
        killed_after(patched, 3)
        with pytest.raises(Killed):
            run()
    run()
    shown = EventAccumulator(str(trainable.path / "checkpoints" / "shown.tensorboard"))
    shown.Reload()
    rows = curve(trainable, "shown")
    assert set(shown.Tags()["scalars"]) == set(rows[0]) - {"iteration"}
    for name in ("loss", "training_psnr_db", "validation_psnr_db"):
        expected = [(int(row["iteration"]), float(row[name])) for row in rows if row[name]]
        found = [(event.step, event.value) for event in shown.Scalars(name)]
        assert [step for step, _ in found] == [step for step, _ in expected]
        torch.testing.assert_close(
            torch.tensor([value for _, value in found]), torch.tensor([value for _, value in expected])
        )


def test_without_tensorboard_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"expected the package tensorboard.*renderbench\[tensorboard\]"):
        Events(tmp_path / "events", begin=1)
    assert not (tmp_path / "events").exists()
