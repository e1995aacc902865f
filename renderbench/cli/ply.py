"""The verb for looking at Gaussians elsewhere: ply."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def ply(
    scene: Annotated[
        Path, typer.Argument(help="A run's scene.ply: 6D Gaussians with labels.", show_default=False)
    ],
    to: Annotated[Path, typer.Option("--to", help="The .ply of 3D Gaussians to write.", show_default=False)],
    groups: Annotated[
        str, typer.Option("--groups", help="all, organs, a group such as skeleton, or several joined by +.")
    ] = "all",
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            help="Slice along this direction, from the eye to the scene in patient LPS, such as 0,1,0; "
            "without it, the direction is marginalised.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a scene as the .ply that viewers of 3D Gaussian splatting open."""
    import torch

    from renderbench.errors import InputError
    from renderbench.scans.groups import select_groups
    from renderbench.splats.ply import read_ply
    from renderbench.splats.ply_3dgs import write_3dgs_ply

    along = None if direction is None else _three_numbers(direction)
    selection = select_groups(groups)
    gaussians = read_ply(scene)
    if to.resolve() == scene.resolve():
        problem = "expected another file than the scene, whose 6D Gaussians would be lost, found the same"
        raise InputError(to, problem, "choose another --to")
    shown = gaussians.select(torch.from_numpy(selection.mask(gaussians.labels.numpy())))
    if not len(shown):
        found = f"expected Gaussians of {selection.name}, found none among {len(gaussians):,}"
        raise InputError(scene, found, "choose other --groups")
    try:
        write_3dgs_ply(to, shown, direction=along)
    except OSError as error:
        problem = f"expected a file that can be written, found that it cannot ({error.strerror})"
        raise InputError(to, problem, "choose another --to") from None
    print(f"{to}: {len(shown):,} of {len(gaussians):,} Gaussians")


def _three_numbers(text: str) -> tuple[float, float, float]:
    from renderbench.errors import InputError

    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            "--direction", f"expected three numbers such as 0,1,0, found {text!r}", "correct it"
        ) from None
    return x, y, z
