"""The verb ``train``. Cheap to import: torch loads when it runs."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer

from renderbench.cli.options import JsonOption, RootOption, SuiteOption, say

train = typer.Typer(no_args_is_help=True, help="Train a feed-forward model on a suite's training views.")


class _Size(StrEnum):
    mini = "mini"
    small = "small"
    paper = "paper"


class _Device(StrEnum):
    cpu = "cpu"
    cuda = "cuda"


@train.callback()
def _group() -> None:
    """Keep ``renderfm`` a sub-command."""


@train.command()
def renderfm(
    root: RootOption,
    suite: SuiteOption,
    out: Annotated[
        str | None,
        typer.Option(
            help="The checkpoint's name under ROOT/checkpoints; renderfm-SIZE by default.", show_default=False
        ),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="Settings: a shipped file's name, or a path to a .toml; see docs/renderfm.md.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        _Size | None, typer.Option(help="Of the network; mini by default.", show_default=False)
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Steps of Adam.", show_default=False)] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="At the first step; 1e-3 by default.", show_default=False)
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Of everything random.", show_default=False)] = None,
    device: Annotated[
        _Device | None, typer.Option(help="CUDA where there is one, by default.", show_default=False)
    ] = None,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write the curve for TensorBoard, as it grows.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Stage 3: train Render-FM; killed, the same command goes on. Several GPUs: through torchrun."""
    from renderbench.config import load_suite, parse_model, read_toml
    from renderbench.layout import Root
    from renderfm.training.loop import train as run
    from renderfm.training.processes import processes
    from renderfm.training.settings import TrainSettings, settings_file

    path = settings_file(config) if config else None
    given: dict[str, Any] = read_toml(path) if path else {}
    for key, value in (("iterations", iterations), ("learning_rate", learning_rate), ("seed", seed)):
        if value is not None:
            given[key] = value
    if size is not None:
        model = given.get("model", {})
        given["model"] = {**model, "size": size.value} if isinstance(model, dict) else model
    settings = parse_model(TrainSettings, given, path.name if path else "settings")
    with processes(device.value if device else None) as group:
        trained = run(
            Root(root).require(),
            load_suite(suite),
            out or f"renderfm-{settings.model.size}",
            settings,
            group,
            announce=lambda line: say(f"renderbench: {line}") if group.is_first else None,
            tensorboard=tensorboard,
        )
    if not group.is_first:
        return
    if as_json:
        print(
            json.dumps(
                {
                    "checkpoint": str(trained.checkpoint),
                    "validation_psnr_db": trained.validation_db,
                    "iteration": trained.iteration,
                    "was_there": trained.was_there,
                }
            )
        )
        return
    score = "" if trained.validation_db is None else f", {trained.validation_db:.2f} dB on held-out scans"
    state = "already there" if trained.was_there else "trained"
    print(f"{trained.checkpoint}: {state}, weights of iteration {trained.iteration}{score}")
