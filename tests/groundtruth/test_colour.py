import numpy as np
import pytest

from renderbench.groundtruth.colour import eight_bit_srgb, linear_from_srgb, srgb_from_linear


def test_known_values() -> None:
    assert linear_from_srgb([0.0, 0.04045, 0.5, 1.0]) == pytest.approx(
        [0.0, 0.0031308, 0.2140411, 1.0], abs=1e-7
    )
    assert srgb_from_linear(0.18) == pytest.approx(0.4613561, abs=1e-6)


def test_every_8_bit_value_survives_the_round_trip() -> None:
    values = np.arange(256)
    assert (eight_bit_srgb(linear_from_srgb(values / 255.0)) == values).all()
    assert (eight_bit_srgb(linear_from_srgb((values / 255.0).astype(np.float32))) == values).all()


def test_light_beyond_the_display_is_clipped_and_types_stay() -> None:
    light = np.array([-0.5, 2.0], dtype=np.float32)
    assert srgb_from_linear(light) == pytest.approx([0.0, 1.0])
    assert eight_bit_srgb(light).tolist() == [0, 255]
    assert srgb_from_linear(light).dtype == linear_from_srgb(light).dtype == np.float32
