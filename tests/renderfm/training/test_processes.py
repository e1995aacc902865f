import os
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

from renderbench.errors import InputError
from renderfm.training.loop import train
from renderfm.training.processes import Processes
from tests.conftest import REPOSITORY
from tests.renderfm.training.studies import settings, training_suite

CPU = torch.device("cpu")
WORKER = """
from pathlib import Path
from renderbench.layout import Root
from renderfm.training.loop import train
from renderfm.training.processes import processes
from tests.renderfm.training.studies import settings, training_suite

with processes("cpu") as group:
    chosen = settings(iterations=2, scans_per_step=2)
    train(Root(Path({root!r})), training_suite(), "two", chosen, group, announce=print)
"""


def test_every_scan_of_a_step_is_taken_by_one_process():
    shares = [
        Processes(rank=rank, count=3, device=CPU).numbers(iteration=4, scans_per_step=6) for rank in range(3)
    ]
    assert sorted(number for share in shares for number in share) == list(range(24, 30))
    assert all(len(share) == 2 for share in shares)


def test_a_step_that_cannot_be_shared_out_is_one_line():
    with pytest.raises(InputError, match=r"scans_per_step: expected a multiple of the 2 processes, found 3"):
        Processes(rank=0, count=2, device=CPU).numbers(iteration=0, scans_per_step=3)


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(trainable):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = os.environ | {
        "PYTHONPATH": str(REPOSITORY),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RENDERBENCH_THREADS": "1",
    }
    script = WORKER.format(root=str(trainable.path))
    both = [
        subprocess.Popen([sys.executable, "-c", script], env=common | {"RANK": str(rank)}, cwd=REPOSITORY)
        for rank in range(2)
    ]
    assert [process.wait(timeout=900) for process in both] == [0, 0]
    alone = Processes(rank=0, count=1, device=CPU)
    chosen = settings(iterations=2, scans_per_step=2)
    one = train(trainable, training_suite(), "one", chosen, alone, announce=print)
    there = load_file(one.checkpoint)
    here = load_file(one.checkpoint.with_name("two.safetensors"))
    assert there.keys() == here.keys()
    for name, tensor in there.items():
        # The sum of two gradients has no order; Adam's first steps divide it by its own size.
        torch.testing.assert_close(here[name], tensor, atol=2e-4, rtol=1e-3)
