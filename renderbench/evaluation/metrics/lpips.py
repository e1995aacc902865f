"""Learned perceptual image patch similarity: the numbers of the ``lpips`` package, without importing it.

The package imports torchvision, whose wheel does not load beside a CPU build of torch, and a network that
torchvision would download. Neither is needed: both networks are plain convolutions. Their weights are
looked for where torch keeps them, the linear heads in the installed package. What is missing is said, and
nothing is downloaded while scoring.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from renderbench.artefacts import digest_of_file
from renderbench.evaluation.metrics.images import Image8, Mask, require_pair
from renderbench.threads import thread_count

if TYPE_CHECKING:
    import torch

# Of lpips.ScalingLayer: ImageNet's mean and standard deviation, for images in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
# Added to a feature's length outside the root, as the package does.
_EPSILON = 1e-10


class Unavailable(Exception):
    """Why a metric cannot be computed here, in one line that a record may keep."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """A feature network as LPIPS taps it.

    Args:
        layers: its layers up to the last tap; a layer's place is its index in torchvision's ``features``.
        taps: the indices after which features are compared.
        backbone: the file in torch's hub cache; the digits before its ending begin its SHA-256.
        heads: the file below the package's ``weights/v0.1``, and its SHA-256.
        smallest_px: the smallest image of which the last tap still has a pixel.
    """

    layers: Sequence[tuple[Any, ...]]
    taps: Sequence[int]
    backbone: str
    heads: tuple[str, str]
    smallest_px: int


def _alexnet() -> Iterator[tuple[Any, ...]]:
    yield "conv", 3, 64, 11, 4, 2
    yield ("relu",)
    yield "pool", 3, 2
    yield "conv", 64, 192, 5, 1, 2
    yield ("relu",)
    yield "pool", 3, 2
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        yield "conv", inputs, outputs, 3, 1, 1
        yield ("relu",)


def _vgg16() -> Iterator[tuple[Any, ...]]:
    inputs = 3
    for block, (outputs, count) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))):
        if block:
            yield "pool", 2, 2
        for _ in range(count):
            yield "conv", inputs, outputs, 3, 1, 1
            yield ("relu",)
            inputs = outputs


NETWORKS = {
    "alex": Network(
        layers=tuple(_alexnet()),
        taps=(1, 4, 7, 9, 11),
        backbone="alexnet-owt-7be5be79.pth",
        heads=("alex.pth", "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0"),
        smallest_px=31,
    ),
    "vgg": Network(
        layers=tuple(_vgg16()),
        taps=(3, 8, 15, 22, 29),
        backbone="vgg16-397923af.pth",
        heads=("vgg.pth", "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868"),
        smallest_px=16,
    ),
}

VARIANTS = {"lpips-alex": ("alex", True), "lpips-vgg": ("vgg", False)}
"""By metric id: the network, and whether images are fed in [-1, 1] (else in [0, 1])."""


class Lpips:
    """One variant, ready to score.

    Args:
        network: which features.
        signed: whether images are fed in [-1, 1], else in [0, 1].
        backbone: weights and biases by torchvision's names, ``features.<index>.weight`` and ``.bias``.
        heads: the package's, ``lin<tap>.model.1.weight``.
    """

    def __init__(
        self,
        network: Network,
        *,
        signed: bool,
        backbone: Mapping[str, torch.Tensor],
        heads: Mapping[str, torch.Tensor],
    ) -> None:
        import torch

        self._signed = signed
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._stages = _stages(network, backbone, self._device)
        self._heads = [
            heads[f"lin{tap}.model.1.weight"].to(self._device, torch.float32)
            for tap in range(len(network.taps))
        ]
        self._shift = torch.tensor(_SHIFT, device=self._device)[None, :, None, None]
        self._scale = torch.tensor(_SCALE, device=self._device)[None, :, None, None]

    def __call__(self, truth: Image8, image: Image8, *, where: Mask | None = None) -> float:
        """The distance of two images; 0 for equal ones.

        Args:
            truth: (H, W, 3) uint8.
            image: the same.
            where: (H, W), the pixels over which the maps are averaged once each is brought to full size
                (the package's ``spatial``), at least one; None for the sum of each map's own mean.

        Raises:
            ValueError: other shapes or types.
        """
        require_pair(truth, image)
        return over(self.maps(truth, image), where)

    def maps(self, truth: Image8, image: Image8) -> list[torch.Tensor]:
        """The distance map of each tap, (1, 1, h, w)."""
        import torch

        # TF32 would keep three digits of a convolution.
        exactly = torch.backends.cudnn.flags(enabled=True, allow_tf32=False)
        with torch.no_grad(), exactly, _own_share_of_threads():
            one, other = self._input(truth), self._input(image)
            maps = []
            for stage, head in zip(self._stages, self._heads, strict=True):
                one, other = stage(one), stage(other)
                maps.append(torch.nn.functional.conv2d((_unit(one) - _unit(other)).square_(), head))
            return maps

    def _input(self, image: Image8) -> torch.Tensor:
        import torch

        pixels = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None].to(self._device)
        fed = pixels / 255.0
        return ((fed * 2.0 - 1.0 if self._signed else fed) - self._shift) / self._scale


def over(maps: Sequence[torch.Tensor], where: Mask | None = None) -> float:
    """The distance from the maps of :meth:`Lpips.maps`."""
    import torch

    if where is None:
        return float(sum(float(each.mean()) for each in maps))
    counted = torch.from_numpy(where).to(maps[0].device)
    full = torch.zeros(where.shape, device=maps[0].device)
    for each in maps:
        full += torch.nn.functional.interpolate(each, size=where.shape, mode="bilinear")[0, 0]
    return float(full[counted].mean())


def load(metric_id: str) -> Lpips:
    """A variant with the published weights.

    Args:
        metric_id: one of :data:`VARIANTS`.

    Raises:
        Unavailable: the weights are not on this machine, or not those that were published.
    """
    import torch

    name, signed = VARIANTS[metric_id]
    network = NETWORKS[name]
    heads = heads_file(network)
    backbone = Path(torch.hub.get_dir()) / "checkpoints" / network.backbone
    if not backbone.is_file():
        raise Unavailable(f"{network.backbone} is not in torch's hub cache (docs/metrics.md)")
    expected = network.backbone.removesuffix(".pth").rpartition("-")[2]
    if not digest_of_file(backbone).startswith(expected):
        raise Unavailable(f"{network.backbone} in torch's hub cache is damaged: SHA-256 unlike its name")
    return Lpips(
        network,
        signed=signed,
        backbone=torch.load(backbone, map_location="cpu", weights_only=True),
        heads=torch.load(heads, map_location="cpu", weights_only=True),
    )


def heads_file(network: Network) -> Path:
    """The published linear heads of a network, in the installed package.

    Raises:
        Unavailable: the package is not there, or holds others.
    """
    spec = find_spec("lpips")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "the package lpips, whose linear heads it takes, is not there (pip install --no-deps lpips)"
        )
    file, sha256 = network.heads
    path = Path(spec.submodule_search_locations[0]) / "weights" / "v0.1" / file
    if not path.is_file() or digest_of_file(path) != sha256:
        raise Unavailable(f"the package lpips has not the linear heads of version 0.1 in {file}")
    return path


@contextmanager
def _own_share_of_threads() -> Iterator[None]:
    """Keep torch to as many threads as we may use: more would spin against one another."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(thread_count())
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _stages(
    network: Network, backbone: Mapping[str, torch.Tensor], device: torch.device
) -> list[torch.nn.Sequential]:
    """The network's layers from tap to tap."""
    import torch

    stages: list[torch.nn.Sequential] = []
    layers: list[torch.nn.Module] = []
    for index, (kind, *sizes) in enumerate(network.layers):
        if kind == "conv":
            inputs, outputs, size, stride, padding = sizes
            layer = torch.nn.Conv2d(inputs, outputs, size, stride=stride, padding=padding)
            layer.load_state_dict({part: backbone[f"features.{index}.{part}"] for part in ("weight", "bias")})
            layers.append(layer)
        elif kind == "pool":
            layers.append(torch.nn.MaxPool2d(*sizes))
        else:
            layers.append(torch.nn.ReLU(inplace=True))
        if index in network.taps:
            stages.append(torch.nn.Sequential(*layers).to(device).eval())
            layers = []
    return stages


def _unit(features: torch.Tensor) -> torch.Tensor:
    length = features.square().sum(dim=1, keepdim=True).sqrt_()
    return features / (length + _EPSILON)
