"""The training of Render-FM (section 3.3): from a suite's views to a checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from baselines.checkpoint import Checkpoints
from baselines.warmup import compile_kernels
from renderbench.artefacts import digest_of, read_json, remove, write_json
from renderbench.config import Suite
from renderbench.errors import JobError
from renderbench.evaluation.machine import hardware, versions
from renderbench.layout import Root
from renderbench.methods import CheckpointPlace
from renderbench.progress import Progress, progress
from renderbench.threads import thread_count
from renderfm.checkpoint import checkpoint_file, save_checkpoint
from renderfm.model import RenderFM
from renderfm.training.curves import write_curve, write_plot
from renderfm.training.data import Preparation, TrainingData, load_training_data
from renderfm.training.events import Events
from renderfm.training.processes import Processes
from renderfm.training.settings import TrainSettings
from renderfm.training.state import State
from renderfm.training.step import Pass, Trainer
from renderfm.training.validation import validate

# Raised when the same settings would give another model.
VERSION = 5


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What a training came to.

    Args:
        checkpoint: the file of the weights that scored best.
        validation_db: their mean PSNR over the validation blocks; None where nothing validates.
        iteration: after which they were.
        was_there: whether it was finished before.
    """

    checkpoint: Path
    validation_db: float | None
    iteration: int
    was_there: bool


def train(
    root: Root,
    suite: Suite,
    name: str,
    settings: TrainSettings,
    group: Processes,
    *,
    announce: Callable[[str], None],
    tensorboard: bool = False,
) -> Trained:
    """Train a model on a suite's views; a killed training goes on where its last state was kept.

    Beside ``ROOT/checkpoints/<name>.safetensors`` lie ``<name>.json`` (all that made it: settings, data,
    seconds, hardware, versions), ``<name>.csv`` and ``<name>.svg`` (the curve), ``<name>.tensorboard`` (where
    it is asked for) and, until it is finished, ``<name>.training`` (the state). On the CPU a resumed training
    gives the bits of an uninterrupted one.

    Args:
        root: of the study.
        suite: with ``training`` entries; its blocks' test views of scans in the split ``val`` validate.
        name: of the checkpoint.
        settings: see :class:`TrainSettings`.
        group: who else takes part.
        announce: shows the user one line.
        tensorboard: write its events, too.

    Raises:
        InputError: views or scans are missing or cannot be used, or there is no TensorBoard.
        JobError: the loss became infinite or NaN.
    """
    target = checkpoint_file(root, name)
    data = load_training_data(root, suite)
    made_from = {
        "version": VERSION,
        "settings": settings.model_dump(mode="json"),
        "views": list(data.digests),
    }
    digest = digest_of(made_from)
    known = read_json(target.with_suffix(".json")) or {}
    if known.get("digest") == digest and known.get("finished") and target.exists():
        best = known["validation_psnr_db"]
        return Trained(checkpoint=target, validation_db=best, iteration=known["iteration"], was_there=True)
    compile_kernels()
    torch.set_num_threads(thread_count())
    place = CheckpointPlace(path=target.with_suffix(".training"), digest=digest)
    checkpoints = Checkpoints(
        place if group.is_first or target.with_suffix(".training").exists() else None,
        every=settings.state_every,
        share=settings.state_share,
        announce=announce,
    )

    def begin() -> State:
        torch.manual_seed(settings.seed)
        return State(RenderFM(settings.model).to(group.device), settings)

    state = checkpoints.resumed(begin) or begin()
    if state.iteration:
        state.resumed_at.append(state.iteration)
        announce(f"resuming at iteration {state.iteration} of {settings.iterations}")
    events = None
    if tensorboard and group.is_first:
        events = Events(target.with_suffix(".tensorboard"), begin=state.iteration + 1)
    run = _Run(
        state=state, data=data, settings=settings, group=group, checkpoints=checkpoints, target=target,
        record={"name": name, "digest": digest, "suite": suite.name, "dataset": _about(data), **made_from},
        events=events,
    )  # fmt: skip
    with events or nullcontext(), progress(f"training {name}", settings.iterations, "it") as bar:
        run.to_the_end(bar)
    if group.is_first:
        run.write(finished=True)
        remove(place.path)
    return Trained(
        checkpoint=target, validation_db=state.best_db, iteration=state.best_iteration, was_there=False
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Run:
    state: State
    data: TrainingData
    settings: TrainSettings
    group: Processes
    checkpoints: Checkpoints
    target: Path
    record: dict[str, Any]
    events: Events | None

    def to_the_end(self, bar: Progress) -> None:
        state, settings = self.state, self.settings
        preparation = Preparation(
            model=settings.model,
            medium=self.data.medium,
            normalisation=self.data.normalisation,
            max_voxels=settings.max_voxels,
            cache_gib=settings.cache_gib,
        )
        trainer = Trainer(
            model=state.model,
            data=self.data,
            preparation=preparation,
            settings=settings,
            device=self.group.device,
        )
        first, before, start = state.iteration, state.seconds, time.perf_counter()
        bar.advance(first)
        if first == 0:
            # Every process does the same, which is as quick as sharing it out.
            fit_constants(trainer)
            state.begin()
            self._validate(preparation)
        while state.iteration < settings.iterations:
            passes = [
                trainer.accumulate(number)
                for number in self.group.numbers(state.iteration, settings.scans_per_step)
            ]
            self._require_finite(passes)
            self.group.sum_gradients(state.model)
            rate = state.learning_rate
            state.step()
            state.seconds = before + time.perf_counter() - start
            state.since_row += [[each.loss, each.psnr_db] for each in passes]
            at_end = state.iteration == settings.iterations
            if state.iteration % settings.log_every == 0 or at_end:
                self._row(rate)
            if state.iteration % settings.validate_every == 0 or at_end:
                self._validate(preparation)
                state.seconds = before + time.perf_counter() - start
            if self.group.is_first:
                self.checkpoints.keep(state.iteration, state.snapshot)
            bar.advance(1, self._detail(passes, (time.perf_counter() - start) / (state.iteration - first)))

    def write(self, *, finished: bool) -> None:
        """The best weights so far, and all that is known of them."""
        state = self.state
        facts = {
            **self.record,
            "finished": finished,
            "iteration": state.best_iteration,
            "validation_psnr_db": state.best_db,
            "validation_blocks_psnr_db": state.best_blocks_db,
            "iterations_done": state.iteration,
            "seconds": round(state.seconds, 1),
            "resumed_at": state.resumed_at,
            "hardware": hardware(),
            "threads": thread_count(),
            "device": str(self.group.device),
            "processes": self.group.count,
            "versions": versions(),
        }
        model = RenderFM(self.settings.model)
        model.load_state_dict(state.best or state.averaged.state_dict())
        provenance = {key: facts[key] for key in facts if key not in ("views", "hardware", "versions")}
        save_checkpoint(self.target, model, self.data.normalisation, provenance)
        write_json(self.target.with_suffix(".json"), facts)
        self._write_curve()

    def _write_curve(self) -> None:
        rows = self.state.curve
        write_curve(self.target.with_suffix(".csv"), rows)
        write_plot(self.target.with_suffix(".svg"), rows, title=f"{self.record['name']}: PSNR")

    def _validate(self, preparation: Preparation) -> None:
        state = self.state
        if not self.group.is_first:
            return
        if self.data.validation:
            scores = validate(
                state.averaged, self.data.validation, preparation, self.settings, self.group.device
            )
            self._draw(
                {
                    "iteration": state.iteration,
                    "seconds": round(state.seconds, 1),
                    "validation_psnr_db": round(scores.mean, 4),
                    **{f"{block}_psnr_db": round(each, 4) for block, each in scores.blocks.items()},
                }
            )
            if not state.consider(scores.mean, scores.blocks):
                self._write_curve()
                return
        self.write(finished=False)

    def _row(self, rate: float) -> None:
        """What the steps since the last row gave, in the mean."""
        state = self.state
        losses, psnrs = zip(*state.since_row, strict=True)
        self._draw(
            {
                "iteration": state.iteration,
                "seconds": round(state.seconds, 1),
                "learning_rate": rate,
                "loss": math.fsum(losses) / len(losses),
                "training_psnr_db": math.fsum(psnrs) / len(psnrs),
            }
        )
        state.since_row = []

    def _draw(self, row: dict[str, Any]) -> None:
        self.state.curve.append(row)
        if self.events:
            self.events.add(row)

    def _require_finite(self, passes: list[Pass]) -> None:
        if not all(math.isfinite(each.loss) for each in passes):
            raise JobError(
                f"training at iteration {self.state.iteration + 1}",
                f"expected a finite loss, found {passes[0].loss}",
                "lower --learning-rate; the checkpoint holds the best weights before",
            )

    def _detail(self, passes: list[Pass], seconds_each: float) -> str:
        state = self.state
        left = (self.settings.iterations - state.iteration) * seconds_each
        parts = [f"loss {passes[-1].loss:.4f}", f"{passes[-1].psnr_db:.2f} dB on its views"]
        if state.best_db is not None:
            parts.append(f"held out {state.best_db:.2f} dB at best ({state.best_iteration})")
        rate = f"{1 / seconds_each:.2f} it/s" if seconds_each < 1 else f"{seconds_each:.1f} s/it"
        return ", ".join([*parts, rate, f"{left / 3600:.1f} h left"])


def fit_constants(trainer: Trainer) -> None:
    """Fit the bias of the head alone: what suits the Gaussians of all scans in the mean.

    Adam's rate falls linearly to zero. The steps take one scan each.
    """
    settings, model = trainer.settings, trainer.model
    bias = model.head.linear.bias
    optimiser = torch.optim.Adam([bias], lr=settings.constant_rate)
    for step in range(settings.constant_steps):
        optimiser.param_groups[0]["lr"] = settings.constant_rate * (1.0 - step / settings.constant_steps)
        trainer.accumulate_constants(step)
        optimiser.step()
        model.zero_grad()


def _about(data: TrainingData) -> dict[str, int]:
    """How much there is to learn from."""
    return {
        "training_scans": len(data.training),
        "training_views": sum(len(body.views) for body in data.training),
        "validation_scans": len({body.scan.name for body in data.validation}),
        "validation_views": sum(len(body.views) for body in data.validation),
    }
