"""One process or several: each takes its share of a step's scans, and their gradients are averaged.

Started by ``torchrun``, which says in the environment who is who. Every process takes the same steps with
the same gradients, so their weights stay the same; the first alone writes and validates.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn

from renderbench.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Processes:
    """Which process this is.

    Args:
        rank: from 0; the first writes.
        count: how many there are.
        device: that this process computes on.
    """

    rank: int
    count: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this one validates and writes."""
        return self.rank == 0

    def numbers(self, iteration: int, scans_per_step: int) -> list[int]:
        """Which scans, counted over the whole training, this process takes in a step.

        Raises:
            InputError: the step's scans cannot be shared out evenly.
        """
        if scans_per_step % self.count:
            raise InputError(
                "scans_per_step",
                f"expected a multiple of the {self.count} processes, found {scans_per_step}",
                "change one of them",
            )
        return [iteration * scans_per_step + place for place in range(self.rank, scans_per_step, self.count)]

    def sum_gradients(self, model: nn.Module) -> None:
        """Give every process the sum of all processes' gradients."""
        if self.count == 1:
            return
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        distributed.all_reduce(flat)
        parts = flat.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


@contextmanager
def processes(device: str | None = None) -> Iterator[Processes]:
    """This process among those that torchrun started; the only one where it started none.

    Args:
        device: ``cpu`` or ``cuda``; CUDA where there is one unless given.

    Raises:
        InputError: CUDA is asked for and there is none.
    """
    kind = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if kind == "cuda" and not torch.cuda.is_available():
        raise InputError("--device cuda", "expected a CUDA device, found none", "use --device cpu")
    count = int(os.environ.get("WORLD_SIZE", "1"))
    rank = int(os.environ.get("RANK", "0"))
    own = torch.device(kind, int(os.environ.get("LOCAL_RANK", "0"))) if kind == "cuda" else torch.device(kind)
    if count == 1:
        yield Processes(rank=0, count=1, device=own)
        return
    if kind == "cuda":
        torch.cuda.set_device(own)
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield Processes(rank=rank, count=count, device=own)
    finally:
        distributed.destroy_process_group()
