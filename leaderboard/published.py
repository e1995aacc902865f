"""What the paper published, Tables 1 and 2: data under ``datasets/published/``, never measured by us."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from renderbench.config import Strict, parse_model, read_toml
from renderbench.resources import resource

MEASURES = {
    "ssim": "ssim",
    "psnr": "psnr_db",
    "lpips": "lpips_vgg",
    "seconds": "seconds_without_views",
    "points": "points",
    "fps": "fps",
}
"""Which of our measures stands beside which published figure.

The paper's preparation is "from raw CT input to 6DGS interactive rendering readiness" (section 4.1): its 6DGS
takes as long as its optimisation, so the ground-truth views are not counted. Its LPIPS is of an unnamed
network; beside it stands the one that the scripts of 6DGS compute.
"""


class Figures(Strict):
    """One published row: means over the block's scans."""

    title: str
    ssim: float
    psnr: float
    lpips: float
    seconds: Annotated[float, Field(ge=0)]
    points: Annotated[int, Field(gt=0)]
    fps: Annotated[float, Field(gt=0)]


class PublishedBlock(Strict):
    """One published block: a dataset under one condition, and its rows by method id.

    ``fit_views`` where it is not that of all blocks.
    """

    table: int
    id: str
    title: str
    dataset: str
    transfer_function: str
    groups: str
    scans: Annotated[int, Field(gt=0)]
    fit_views: int | None = None
    methods: dict[str, Figures]


class Conditions(Strict):
    """What the published figures were measured under; where the paper is silent, it says so.

    ``iterations`` are the steps of optimisation, by method.
    """

    resolution: int
    fit_views: int
    test_views: int
    renderer: str
    protocol: str
    hardware: str
    lpips: str
    statistics: str
    iterations: dict[str, int]


class Published(Strict):
    """The published tables of one paper."""

    title: str
    reference: str
    conditions: Conditions
    captions: dict[int, str]
    blocks: list[PublishedBlock]

    def table(self, number: int) -> list[PublishedBlock]:
        """The blocks of one of its tables, in print order."""
        return [block for block in self.blocks if block.table == number]

    def stands_in(self, datasets: Iterable[str]) -> bool:
        """Whether a suite of these datasets has none of the paper's: it then stands in for all of them."""
        return not {block.dataset for block in self.blocks} & set(datasets)

    def fit_views(self, block: PublishedBlock) -> int:
        """How many views a block's methods were fitted to."""
        return block.fit_views or self.conditions.fit_views


def load_published(name: str = "render-fm") -> Published:
    """The published tables that come with renderbench under ``datasets/published/<name>.toml``.

    Raises:
        InputError: the file is absent or faulty.
    """
    path = resource("datasets", "published", f"{name}.toml")
    return parse_model(Published, read_toml(path), path.name)
