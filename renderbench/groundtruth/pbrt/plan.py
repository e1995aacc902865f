"""What an export of a suite consists of: view sets, views, and the runs of pbrt that make a view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from renderbench.artefacts import digest_of
from renderbench.cameras import Camera
from renderbench.config import Suite
from renderbench.errors import InputError
from renderbench.groundtruth.conditions import Condition, Role, conditions
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.pbrt.exposures import Name, exposures, seed_of_half
from renderbench.groundtruth.pbrt.lights import Lights, lights_of
from renderbench.groundtruth.pbrt.media import write_medium
from renderbench.groundtruth.pbrt.pfm import write_pfm
from renderbench.groundtruth.pbrt.scene import is_inside
from renderbench.layout import Root

RECORD = "export.json"
SCHEMA = 1

# From the folder of a view set, three levels down, to what its scenes share.
_UP = "../../../"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One image of a view: a run of pbrt in the folder of the view's set.

    Args:
        name: which exposure.
        half: 0 or 1.
        scene: the scene's file name.
        text: of the scene.
        image: the image's file name; a digest in it stands for all that makes the image.
        seed: for pbrt.
    """

    name: Name
    half: int
    scene: str
    text: str
    image: str
    seed: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedView:
    """One view: its camera, the seed that the view set records, and its runs."""

    camera: Camera
    seed: int
    runs: list[Run]


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedSet:
    """One view set and the folder of its scenes."""

    condition: Condition
    role: Role
    folder: Path
    lights: Lights
    views: list[PlannedView]


def planned_sets(root: Root, suite: Suite, folder: Path, *, samples: int) -> Iterator[PlannedSet]:
    """Every view set of a suite; writes media and light maps to ``folder`` unless they are there.

    Raises:
        InputError: the suite is for another renderer, or lacks what stage 1 makes.
        OSError: something cannot be written.
    """
    if suite.renderer.name != "pbrt":
        raise InputError(
            f"suite {suite.name}: renderer {suite.renderer.name!r}",
            "expected pbrt, found another renderer, to which pbrt's images cannot be ascribed",
            'add --renderer pbrt, or set name = "pbrt" under [renderer]',
        )
    lights = lights_of(suite.renderer, folder=f"{_UP}lights/")
    for condition in conditions(root, suite):
        medium = condition.medium()
        medium_path = write_medium(folder / "media", medium, anisotropy=suite.renderer.anisotropy)
        for name, image in lights.maps.items():
            if not (folder / "lights" / name).is_file():
                write_pfm(folder / "lights" / name, image)
        for role, cameras in condition.cameras(medium).items():
            place = condition.folder(role)
            yield PlannedSet(
                condition=condition,
                role=role,
                folder=folder / place.parent.parent.name / place.parent.name / place.name,
                lights=lights,
                views=[
                    _planned_view(condition, role, index, camera, lights, medium, medium_path.name, samples)
                    for index, camera in enumerate(cameras)
                ],
            )


def _planned_view(
    condition: Condition,
    role: Role,
    index: int,
    camera: Camera,
    lights: Lights,
    medium: Medium,
    medium_name: str,
    samples: int,
) -> PlannedView:
    seed = condition.noise_seed(role, index)
    runs = []
    for exposure in exposures(
        camera,
        lights,
        medium=f"{_UP}media/{medium_name}",
        inside=is_inside(camera, medium),
        max_depth=condition.suite.renderer.max_depth,
        samples=samples // 2,
    ):
        for half in range(2):
            own = seed_of_half(seed, 0, half)
            # The names of medium and maps in the scene are digests of what they hold.
            digest = digest_of([exposure.scene, own])[:12]
            runs.append(
                Run(
                    name=exposure.name,
                    half=half,
                    scene=f"{index:03d}.{exposure.name}.pbrt",
                    text=exposure.scene,
                    image=f"{index:03d}.{exposure.name}-{'ab'[half]}.{digest}.pfm",
                    seed=own,
                )
            )
    return PlannedView(camera=camera, seed=seed, runs=runs)
