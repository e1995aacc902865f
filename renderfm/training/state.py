"""All that changes while a model trains; kept and taken up again to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from baselines.checkpoint import Snapshot
from renderfm.model import RenderFM
from renderfm.training.settings import TrainSettings

_ADAM = ("step", "exp_avg", "exp_avg_sq")


class State:
    """A model, its weights averaged over the last steps, Adam, how far they are, and the curve so far.

    There is no random state: what is random in a step follows from the seed and the step's number.

    Args:
        model: on its device.
        settings: of the training.
    """

    def __init__(self, model: RenderFM, settings: TrainSettings) -> None:
        self.model = model
        self.averaged = deepcopy(model).requires_grad_(False)
        self._settings = settings
        outer = list(model.head.linear.parameters())
        inner = [each for each in model.parameters() if all(each is not other for other in outer)]
        self.optimiser = torch.optim.Adam(
            [{"params": inner}, {"params": outer}],
            lr=settings.learning_rate,
            betas=settings.betas,
            eps=settings.epsilon,
        )
        self.iteration = 0
        self.seconds = 0.0
        self.resumed_at: list[int] = []
        self.curve: list[dict[str, Any]] = []
        self.since_row: list[list[float]] = []
        self.best: dict[str, Tensor] = {}
        self.best_db: float | None = None
        self.best_blocks_db: dict[str, float] = {}
        self.best_iteration = 0

    @property
    def learning_rate(self) -> float:
        """Of the network in the step that comes next."""
        share = 1.0 - self.iteration / self._settings.iterations
        return float(self._settings.learning_rate * share**self._settings.decay_power)

    def step(self) -> None:
        """One step of Adam with the gradients that have gathered."""
        factors = (1.0, self._settings.head_factor)
        for group, factor in zip(self.optimiser.param_groups, factors, strict=True):
            group["lr"] = factor * self.learning_rate
        self.optimiser.step()
        self.optimiser.zero_grad()
        # The first steps count less than they would: a model that has learnt nothing is soon forgotten.
        share = min(self._settings.average, (1.0 + self.iteration) / (10.0 + self.iteration))
        with torch.no_grad():
            for mean, now in zip(self.averaged.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(now, 1.0 - share)
        self.iteration += 1

    def begin(self) -> None:
        """Average from here on: what came before is no part of it."""
        self.averaged.load_state_dict(self.model.state_dict())

    def consider(self, score_db: float, blocks_db: Mapping[str, float]) -> bool:
        """Keep the averaged weights, if none scored better before; whether they are kept.

        Args:
            score_db: what decides.
            blocks_db: the score of each block.
        """
        if self.best_db is not None and score_db <= self.best_db:
            return False
        self.best_db, self.best_iteration = score_db, self.iteration
        self.best_blocks_db = dict(blocks_db)
        self.best = {name: each.detach().clone() for name, each in self.averaged.state_dict().items()}
        return True

    def snapshot(self) -> Snapshot:
        """The state as data."""
        moments = self.optimiser.state_dict()["state"]
        adam = {f"{index}.{name}": each[name] for index, each in moments.items() for name in _ADAM}
        values = {
            "iteration": self.iteration,
            "seconds": self.seconds,
            "resumed_at": self.resumed_at,
            "curve": self.curve,
            "since_row": self.since_row,
            "best_db": self.best_db,
            "best_blocks_db": self.best_blocks_db,
            "best_iteration": self.best_iteration,
        }
        return Snapshot.nested(
            {
                "model": Snapshot(tensors=self.model.state_dict()),
                "averaged": Snapshot(tensors=self.averaged.state_dict()),
                "adam": Snapshot(tensors=adam),
                "best": Snapshot(tensors=self.best),
                "loop": Snapshot(tensors={}, values=values),
            }
        )

    def restore(self, snapshot: Snapshot) -> None:
        """Go on from ``snapshot``.

        Raises:
            KeyError, RuntimeError: it is of another model.
        """
        self.model.load_state_dict(snapshot.part("model").tensors)
        self.averaged.load_state_dict(snapshot.part("averaged").tensors)
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in snapshot.part("adam").tensors.items():
            index, _, name = key.partition(".")
            state.setdefault(int(index), {})[name] = tensor
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict({"state": state, "param_groups": groups})
        values = snapshot.part("loop").values
        self.iteration = int(values["iteration"])
        self.seconds = float(values["seconds"])
        self.resumed_at = [int(each) for each in values["resumed_at"]]
        self.curve = list(values["curve"])
        self.since_row = [[float(each) for each in row] for row in values["since_row"]]
        self.best = dict(snapshot.part("best").tensors)
        self.best_db = values["best_db"]
        self.best_blocks_db = dict(values["best_blocks_db"])
        self.best_iteration = int(values["best_iteration"])
