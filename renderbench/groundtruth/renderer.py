"""What a ground-truth renderer is, and what it renders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from renderbench.cameras import Camera


@dataclass(frozen=True, kw_only=True, eq=False)
class RenderPass:
    """Some of a view's samples: two independent halves of them, over black.

    Args:
        halves: (2, H, W, 3) float32, linear radiance, premultiplied by alpha: the mean over the samples
            of each half. The environment lights the medium and is itself hidden.
        alpha: (H, W) float32, the fraction of samples that meet the medium, over both halves.
        depth_mm: (H, W) float32, the mean distance from the camera to the first scattering, over the
            samples that scatter; NaN where none does. None from a renderer that cannot tell.
        samples: per pixel, of both halves together.
        seconds: wall time.
        device: what computed it: ``cpu`` or ``cuda``, where known with the name of the GPU.
    """

    halves: NDArray[np.float32]
    alpha: NDArray[np.float32]
    depth_mm: NDArray[np.float32] | None
    samples: int
    seconds: float
    device: str = "cpu"

    @property
    def rgb(self) -> NDArray[np.float32]:
        """(H, W, 3) float32, the mean of the halves."""
        return self.halves.mean(axis=0)


class Renderer(Protocol):
    """A renderer that has a medium and its lights loaded; views share them."""

    @property
    def name(self) -> str:
        """What the suite calls it."""

    @property
    def version(self) -> str:
        """Changes whenever its images do; part of every digest."""

    def render_pass(self, camera: Camera, *, seed: int, first: int, count: int) -> RenderPass:
        """Samples ``first`` to ``first + count - 1`` of each half of a view.

        The same arguments give the same image, whatever the number of threads. Passes of one seed that do
        not overlap are independent, or better than that: points of one low-discrepancy sequence.

        Args:
            camera: where from.
            seed: of every random number; any integer.
            first: the first sample of each half.
            count: how many samples of each half, at least 1.
        """


def combined(passes: Sequence[RenderPass]) -> RenderPass:
    """All the samples of several passes of one view."""
    if len(passes) == 1:
        return passes[0]
    samples = sum(each.samples for each in passes)
    share = np.array([each.samples / samples for each in passes])
    alphas = np.stack([each.alpha for each in passes]).astype(np.float64)
    return RenderPass(
        halves=_mean(np.stack([each.halves for each in passes]), share),
        alpha=_mean(alphas, share),
        depth_mm=_mean_depth([each.depth_mm for each in passes], alphas, share),
        samples=samples,
        seconds=sum(each.seconds for each in passes),
        device=passes[0].device,
    )


def _mean(values: NDArray, share: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.tensordot(share, values.astype(np.float64), 1).astype(np.float32)


def _mean_depth(
    depths: Sequence[NDArray[np.float32] | None], alphas: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """A pass's depth is a mean over its samples that scatter, of which there are alpha times all."""
    known = [depth for depth in depths if depth is not None]
    if len(known) < len(depths):
        return None
    met = np.einsum("p,phw->phw", share, alphas)
    with np.errstate(invalid="ignore"):
        total = np.where(met > 0, met * np.stack(known), 0.0).sum(axis=0) / met.sum(axis=0)
    return total.astype(np.float32)
