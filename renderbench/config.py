"""Suites: what a study renders, runs and tabulates, as data. Unknown keys are errors.

A suite is a TOML file: shipped ones under ``datasets/suites/`` are called by name, anyone's own by path.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, cast, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from renderbench.errors import InputError
from renderbench.layout import checked_name
from renderbench.resources import resource

_Model = TypeVar("_Model", bound=BaseModel)

Groups = str | list[str]
"""A group selection: ``all``, ``skeleton``, ``organs``, or a list of group names."""

Scans = Literal["all", "train", "val", "test", "unused"] | list[str]
"""Scans of a dataset: a split, all, or a list of names."""

RendererName = Literal["native", "pbrt", "mitsuba"]

Split = Literal["train", "val", "test", "unused"]
"""What a scan is for. ``unused``: neither the dataset nor the paper assigns it."""


class Strict(BaseModel):
    """A model of a file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MediumSettings(Strict):
    """How a transfer function's opacity becomes extinction (docs/architecture.md, "Transfer function").

    ``sigma_t = -ln(1 - min(alpha, alpha_max)) / reference_mm``. The default reference length, a
    quarter of a 1.5 mm voxel, keeps bone white and cartilage solid.
    """

    reference_mm: Annotated[float, Field(gt=0)] = 0.375
    alpha_max: Annotated[float, Field(gt=0, lt=1)] = 0.99


NOISE_FLOORS_DB = {"draft": 35.0, "standard": 42.0, "reference": 50.0}
"""The presets of ground truth: PSNR in dB that a perfect method would score against it."""


NoiseFloor = Literal["draft", "standard", "reference"] | Annotated[float, Field(ge=10, le=80)]


class KeyLight(Strict):
    """A distant light: a disc of the sky about ``towards``, seen under an angular radius.

    ``towards`` points from the body to the light in patient LPS: (0, -1, 0) lights the front, (0, 0, 1)
    the head. ``irradiance`` is what a surface facing the light receives; with an angular radius of 0 the
    rays are parallel, with more the light is soft, its radiance irradiance / (pi sin^2 radius).
    """

    towards: tuple[float, float, float]
    irradiance: Annotated[float, Field(gt=0)]
    angular_radius_deg: Annotated[float, Field(ge=0, lt=90)] = 0.0

    @field_validator("towards")
    @classmethod
    def _points_somewhere(cls, towards: tuple[float, float, float]) -> tuple[float, float, float]:
        if not 1e-6 < sum(component * component for component in towards) < 1e12:
            raise ValueError("expected a direction of some length")
        return towards


class RendererSettings(Strict):
    """The ground-truth renderer and its settings.

    A view is sampled until its own estimate of its noise floor reaches ``noise_floor``: a preset
    (``draft`` 35 dB, ``standard`` 42 dB, ``reference`` 50 dB) or a number of dB. ``samples_per_pixel``,
    where given, is a fixed number instead, and ``max_samples_per_pixel`` ends the sampling of a view that
    does not get there.

    Light comes from all sides: of constant ``environment_radiance``, or by ``environment_map`` (the path of
    an equirectangular OpenEXR image, linear, relative to the suite's file; its radiance is multiplied by
    ``environment_radiance``; its middle column faces the patient's front, its top row the head). It is
    itself hidden (black background). ``key_light`` is a distant light in addition. ``max_depth`` counts
    scatterings; ``anisotropy`` is the Henyey-Greenstein g.
    """

    name: RendererName = "native"
    noise_floor: NoiseFloor = "standard"
    samples_per_pixel: Annotated[int, Field(ge=2, multiple_of=2)] | None = None
    max_samples_per_pixel: Annotated[int, Field(ge=2, multiple_of=2)] = 65536
    max_depth: Annotated[int, Field(ge=1)] = 6
    environment_radiance: Annotated[float, Field(ge=0)] = 1.5
    environment_map: str | None = None
    key_light: KeyLight | None = None
    anisotropy: Annotated[float, Field(gt=-1, lt=1)] = 0.0
    seed: int = 0

    @property
    def noise_floor_db(self) -> float:
        """The noise floor to reach, in dB."""
        floor = self.noise_floor
        return NOISE_FLOORS_DB[floor] if isinstance(floor, str) else floor

    @model_validator(mode="after")
    def _there_is_light(self) -> RendererSettings:
        if self.environment_radiance == 0 and self.key_light is None:
            raise ValueError("expected some light: an environment_radiance above 0 or a key_light")
        return self


class ViewSettings(Strict):
    """The cameras of a block's two view sets, spread over a sphere around the body.

    ``fibonacci`` is a rotated Fibonacci lattice, ``random`` is uniform; test views are never fitting
    views. The camera's distance is such that the body's bounding sphere just fits the frame.
    """

    fit: Annotated[int, Field(ge=1)] = 20
    test: Annotated[int, Field(ge=1)] = 40
    resolution: Annotated[int, Field(ge=16)] = 1600
    fov_deg: Annotated[float, Field(gt=1, lt=120)] = 40.0
    layout: Literal["fibonacci", "random"] = "fibonacci"
    exr: bool = False
    seed: int = 0


class GroupViews(Strict):
    """So many views of a group selection: ``all``, ``skeleton``, ``organs``, or a list of group names."""

    groups: Groups
    views: Annotated[int, Field(ge=1)]


class Block(Strict):
    """One block of a table: a dataset under one condition, and the methods compared there.

    ``scans`` is a split of the dataset (``train``, ``val``, ``test``), ``all``, or a list of names.
    ``groups`` is what its test views show. Fitting views show the same, as many as the suite says, unless
    ``fit`` lists others: the paper's compositional block fits to all classes and to the skeleton, and is
    tested on the skeleton. ``protocol`` says how a fitted scene is chosen among its evaluations:
    ``heldout`` on fitting views kept apart, ``paper`` on the test views themselves, as published.
    """

    id: str
    title: str
    dataset: str
    scans: Scans = "all"
    transfer_function: str = "seen"
    groups: Groups = "all"
    fit: Annotated[list[GroupViews], Field(min_length=1)] | None = None
    protocol: Literal["heldout", "paper"] = "heldout"
    methods: list[str]

    @field_validator("id")
    @classmethod
    def _path_component(cls, value: str) -> str:
        return checked_name(value, "block")


class Training(Strict):
    """Views to train a feed-forward model on: of every scan of a split, some of each group selection."""

    dataset: str
    scans: Scans = "train"
    transfer_function: str = "seen"
    views: Annotated[list[GroupViews], Field(min_length=1)]


class MethodEntry(Strict):
    """A row of the suite: a registered method under another name or with other settings.

    ``[methods.agp-gain]`` with ``base = "agp"`` makes a second row of the same method.
    """

    base: str | None = None
    title: str | None = None
    settings: dict[str, Any] = Field(default_factory=dict)


class Suite(Strict):
    """A study: see ``datasets/suites/`` for examples."""

    name: str
    description: str = ""
    seed: int = 0
    medium: MediumSettings = MediumSettings()
    renderer: RendererSettings = RendererSettings()
    views: ViewSettings = ViewSettings()
    methods: dict[str, MethodEntry] = Field(default_factory=dict)
    training: list[Training] = Field(default_factory=list)
    blocks: Annotated[list[Block], Field(min_length=1)]
    _argument: str | None = PrivateAttr(default=None)

    @property
    def argument(self) -> str:
        """What follows ``--suite`` to ask for it again: its name, or the path that it was loaded from."""
        return self._argument or self.name

    @field_validator("name")
    @classmethod
    def _path_component(cls, value: str) -> str:
        return checked_name(value, "suite")

    @model_validator(mode="after")
    def _blocks_are_distinct(self) -> Suite:
        ids = [block.id for block in self.blocks]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"block ids must differ, found {', '.join(twice)} more than once")
        return self

    def rendered_by(self, renderer: RendererName) -> Suite:
        """The same study under another renderer: a suite of its own, called ``<name>+<renderer>``.

        So views, runs and tables of the two never mix. The suite itself where it names that renderer.
        """
        if renderer == self.renderer.name:
            return self
        settings = self.renderer.model_copy(update={"name": renderer})
        copy = self.model_copy(update={"name": f"{self.name}+{renderer}", "renderer": settings})
        copy._argument = f"{self.argument}+{renderer}"
        return copy

    def entry(self, method: str) -> MethodEntry:
        """What the suite says of ``method``; a plain entry when it says nothing."""
        return self.methods.get(method, MethodEntry())

    def fitting(self, block: Block) -> list[GroupViews]:
        """What a block's methods fit to."""
        return block.fit or [GroupViews(groups=block.groups, views=self.views.fit)]

    def method_ids(self) -> list[str]:
        """Every method that a block names, in order of first appearance."""
        return list(dict.fromkeys(method for block in self.blocks for method in block.methods))


def shipped_suites() -> list[str]:
    """The names of the suites that come with renderbench."""
    return sorted(path.stem for path in resource("datasets", "suites").glob("*.toml"))


def load_suite(name_or_path: str) -> Suite:
    """Load a suite by its shipped name or from a TOML file.

    Args:
        name_or_path: ``paper``, ``mine.toml``; with ``+native``, ``+pbrt`` or ``+mitsuba`` behind it, the
            suite under that renderer, see :meth:`Suite.rendered_by`.

    Raises:
        InputError: no such suite, not TOML, or a key or value that a suite cannot have.
    """
    stem, _, renderer = name_or_path.rpartition("+")
    if stem and renderer in get_args(RendererName):
        return load_suite(stem).rendered_by(cast(RendererName, renderer))
    path = Path(name_or_path)
    if path.suffix != ".toml":
        path = resource("datasets", "suites", f"{name_or_path}.toml")
        if name_or_path not in shipped_suites():
            close = difflib.get_close_matches(name_or_path, shipped_suites(), n=1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise InputError(
                f"suite {name_or_path!r}",
                f"expected one of {', '.join(shipped_suites())}, or a path ending in .toml; found neither",
                f"{hint}correct --suite".strip(),
            )
    loaded = parse_model(Suite, read_toml(path), path.name)
    loaded._argument = name_or_path
    if loaded.renderer.environment_map is None:
        return loaded
    # Workers run in other folders; what a suite names lies beside it.
    lit_by = str((path.parent / loaded.renderer.environment_map).absolute())
    lit = loaded.renderer.model_copy(update={"environment_map": lit_by})
    return loaded.model_copy(update={"renderer": lit})


def read_toml(path: Path) -> dict[str, Any]:
    """Read a TOML file.

    Raises:
        InputError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"expected a TOML file, found none ({error.strerror})"
        raise InputError(path, problem, "correct the path") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(path, f"expected TOML, found a syntax error: {error}", "correct that line") from None


def parse_model(model: type[_Model], payload: Any, source: str) -> _Model:
    """Validate ``payload`` as ``model``; the first fault becomes one clear line.

    Args:
        model: the pydantic model.
        payload: what was read.
        source: where it was read from, for the error.

    Raises:
        InputError: names the key, what was expected and found, and the nearest known key.
    """
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        # A misspelt key is also a missing one: name the spelling first.
        faults = sorted(error.errors(include_url=False), key=lambda fault: fault["type"] != "extra_forbidden")
        fault = faults[0]
        keys = [key for key in fault["loc"] if not _is_union_tag(key)]
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
        subject = f"{source}: {where}" if where else source
        if fault["type"] == "extra_forbidden":
            known = _known_keys(model, keys[:-1])
            close = difflib.get_close_matches(str(keys[-1]), known, n=1)
            remedy = f"did you mean {close[0]!r}?" if close else "remove it"
            raise InputError(subject, f"unknown key; expected one of {', '.join(known)}", remedy) from None
        if fault["type"] == "missing":
            raise InputError(subject, "expected a value, found none", "add this key") from None
        found = "" if isinstance(fault["input"], dict | list) else f", found {fault['input']!r}"
        message = fault["msg"].removeprefix("Value error, ")
        raise InputError(subject, f"{message[0].lower()}{message[1:]}{found}", "correct this value") from None


def _is_union_tag(key: str | int) -> bool:
    # pydantic names the branch of a union in the location: "list[str]", "literal['all',...]", "str".
    return isinstance(key, str) and ("[" in key or key == "str")


def _known_keys(model: type[BaseModel], path: list[str | int]) -> list[str]:
    """The keys that ``model`` knows at ``path``."""
    current: Any = model
    for key in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            if isinstance(key, int) or key not in current.model_fields:
                return []
            current = current.model_fields[key].annotation
        else:
            models = [part for part in get_args(current) if isinstance(part, type)]
            current = next((part for part in models if issubclass(part, BaseModel)), None)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []
