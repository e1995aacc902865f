"""Augmentation of the CT channel: what another scanner would have made of the same body.

Section 4.1 of the Render-FM paper: "random intensity shifts, Gaussian noise, and simulated acquisition
artefacts". Colour and opacity stay those that the ground truth was rendered with.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from renderfm.training.settings import AugmentationSettings


def augmented_ct(
    ct: Tensor, settings: AugmentationSettings, *, hu_per_unit: float, generator: Generator
) -> Tensor:
    """A CT channel as another scanner might have given it.

    Args:
        ct: (D, H, W) normalised intensities.
        settings: how much of what.
        hu_per_unit: the fingerprint's standard deviation: one unit of ``ct`` in HU.
        generator: of every random number, on the CPU; its state alone decides the result.

    Returns:
        (D, H, W), clipped to the range of ``ct``, as normalised intensities are.
    """

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def occurs() -> bool:
        return float(torch.rand((), generator=generator)) < settings.share

    low, high = float(ct.min()), float(ct.max())
    out = ct
    if occurs() and settings.blur_voxels > 0:
        out = _blurred_along_z(out, uniform(0.3, 1.0) * settings.blur_voxels)
    if occurs():
        out = out * (1.0 + uniform(-1.0, 1.0) * settings.scale)
        out = out + uniform(-1.0, 1.0) * settings.shift_hu / hu_per_unit
    if occurs():
        out = out - uniform(0.2, 1.0) * settings.cupping_hu / hu_per_unit * _cup(ct)
    if occurs():
        out = out + uniform(0.2, 1.0) * settings.streak_hu / hu_per_unit * _streaks(ct, generator)
    if occurs():
        out = out + uniform(0.1, 1.0) * settings.noise_hu / hu_per_unit * _grain(ct, generator)
    return out.clamp(low, high)


def _blurred_along_z(ct: Tensor, sd: float) -> Tensor:
    radius = max(1, round(3 * sd))
    offsets = torch.arange(-radius, radius + 1, dtype=ct.dtype, device=ct.device)
    weights = torch.exp(-0.5 * (offsets / sd).square())
    weights = weights / weights.sum()
    padded = torch.cat([ct[:1].expand(radius, -1, -1), ct, ct[-1:].expand(radius, -1, -1)])
    # One slice after another: an unfolded copy would be as many times the scan.
    return sum((w * padded[k : k + len(ct)] for k, w in enumerate(weights)), start=torch.zeros_like(ct))


def _cup(ct: Tensor) -> Tensor:
    """1 in the middle of every slice, 0 at its inscribed ellipse and beyond."""
    y, x = (torch.linspace(-1.0, 1.0, size, dtype=ct.dtype, device=ct.device) for size in ct.shape[1:])
    return (1.0 - y[:, None].square() - x[None, :].square()).clamp_min(0.0).expand_as(ct)


def _streaks(ct: Tensor, generator: Generator) -> Tensor:
    """Light and dark rays from a random point, fading with the distance from it and along the axis."""
    depth, height, width = ct.shape
    centre = torch.rand(3, generator=generator)
    phases = torch.rand(4, generator=generator) * 2 * torch.pi
    counts = torch.randint(3, 24, (4,), generator=generator)
    z, y, x = (
        torch.arange(size, dtype=ct.dtype, device=ct.device) - float(part) * size
        for size, part in zip(ct.shape, centre, strict=True)
    )
    angle = torch.atan2(y[:, None], x[None, :])
    rays = sum(
        (torch.cos(int(n) * angle + float(p)) for n, p in zip(counts, phases, strict=True)),
        start=torch.zeros_like(angle),
    )
    reach = 0.35 * max(height, width)
    fade = torch.exp(-torch.hypot(y[:, None], x[None, :]) / reach)
    along = torch.exp(-0.5 * (z / (0.08 * depth + 2.0)).square())
    return 0.5 * along[:, None, None] * (rays * fade)[None]


def _grain(ct: Tensor, generator: Generator) -> Tensor:
    """Gaussian noise of unit deviation whose grains are one to three voxels wide."""
    size = int(torch.randint(1, 4, (), generator=generator))
    shape = [-(-length // size) + 1 for length in ct.shape]
    noise = torch.randn(shape, generator=generator, dtype=torch.float32)
    if size > 1:
        noise = torch.nn.functional.interpolate(
            noise[None, None], scale_factor=size, mode="trilinear", align_corners=False
        )[0, 0]
        noise = noise / noise.std()
    return noise[tuple(slice(length) for length in ct.shape)].to(ct)
