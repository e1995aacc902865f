"""The U-Net against itself written out, and its shapes."""

import pytest
import torch
from torch.nn import functional

from renderfm.network import UNet, padded
from renderfm.settings import ModelSettings, Norm


def random_volume(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def network(channels: tuple[int, ...], channels_in: int = 6, norm: Norm = "instance") -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return UNet(channels_in, channels, norm).eval()


def test_it_is_a_u_net_without_its_last_stage():
    net = network((3, 4, 5))
    weights = dict(net.named_parameters())

    visible = (random_volume(1, 1, 8, 12, 16) > 0).float()

    def layer(volume: torch.Tensor, name: str, stride: int = 1) -> torch.Tensor:
        volume = functional.conv3d(volume, weights[f"{name}.convolution.weight"], stride=stride, padding=1)
        shown = functional.adaptive_max_pool3d(visible, volume.shape[2:])[0, 0] > 0
        mean, variance = (
            each[..., None, None, None]
            for each in (volume[:, :, shown].mean(2), volume[:, :, shown].var(2, False))
        )
        volume = (volume - mean) / torch.sqrt(variance + 1e-5)
        scale, shift = (weights[f"{name}.norm.{each}"][:, None, None, None] for each in ("weight", "bias"))
        volume = volume * scale + shift
        return torch.where(volume > 0, volume, 0.01 * volume)

    volume = random_volume(1, 6, 8, 12, 16)
    full = layer(layer(volume, "encoder.0.0"), "encoder.0.1")
    half = layer(layer(full, "encoder.1.0", stride=2), "encoder.1.1")
    quarter = layer(layer(half, "encoder.2.0", stride=2), "encoder.2.1")
    up = functional.conv_transpose3d(quarter, weights["ups.0.weight"], weights["ups.0.bias"], stride=2)
    joined = torch.cat([half, up], dim=1)
    expected = layer(layer(joined, "decoder.0.0"), "decoder.0.1")
    torch.testing.assert_close(net(volume, visible), expected, rtol=1e-4, atol=1e-4)
    assert len(weights) == 3 * 8 + 2  # eight layers, and one transposed convolution with its bias


@pytest.mark.parametrize("shape", [(16, 16, 16), (17, 20, 31), (33, 18, 16)])
def test_any_size_comes_out_halved_and_rounded_down(shape):
    net = network((2, 4, 4, 4))
    assert net.stride == 8
    assert net(random_volume(1, 6, *shape), torch.ones(1, 1, *shape)).shape == (
        1,
        4,
        *(size // 2 for size in shape),
    )


def test_what_is_missing_to_the_stride_is_continued_and_cut_off_again():
    net = network((2, 4, 4))
    volume = random_volume(1, 6, 10, 12, 15)
    continued = volume[:, :, [*range(10), 9, 9]][..., [*range(15), 14]]
    assert torch.equal(padded(volume, 4), continued)
    shown = torch.zeros(1, 1, *continued.shape[2:])
    shown[:, :, :10, :, :15] = 1.0
    found = net(volume, torch.ones(1, 1, 10, 12, 15))
    assert torch.equal(found, net(continued, shown)[:, :, :5, :6, :7])


@pytest.mark.parametrize(
    ("size", "millions", "stride"), [("mini", 1.4, 16), ("small", 5.6, 16), ("paper", 31.1, 32)]
)
def test_sizes(size, millions, stride):
    settings = ModelSettings(size=size)
    net = UNet(len(settings.input_channels), settings.channels)
    assert sum(each.numel() for each in net.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert net.stride == settings.stride == stride
