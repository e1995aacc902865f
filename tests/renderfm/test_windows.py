"""Windows: the same Gaussians as in one pass, and the largest that memory allows."""

import pytest
import torch

from renderbench.errors import InputError
from renderfm.network import UNet
from renderfm.settings import ModelSettings, PredictionSettings
from renderfm.slabs import in_slabs, slabs_of
from renderfm.windows import needed_bytes, planned_window, predict
from tests.renderfm.scans import inputs, model

CPU = torch.device("cpu")
GIB = 2**30
ABDOMEN = (320, 260, 260)


def spread_of_outputs(made, given) -> float:
    """Largest offset that the head gives any parameter."""
    base = given.prior.parameters()
    return max(float((each - base[name]).abs().max()) for name, each in made.parameters().items())


@pytest.mark.parametrize("norm", ["none", "instance"])
@pytest.mark.parametrize(("shape", "window"), [((32, 32, 32), 8), ((37, 21, 18), 5), ((17, 20, 35), 1)])
def test_windows_give_the_gaussians_of_one_pass(shape, window, norm):
    given, trained = inputs(shape=shape), model(ModelSettings(norm=norm), head=3.0 if norm == "none" else 0.3)
    whole, made = predict(trained, given), predict(trained, given, window)
    spread = spread_of_outputs(whole, given)
    assert spread > 1.0
    assert torch.equal(made.labels, whole.labels)
    for name, expected in whole.parameters().items():
        assert (getattr(made, name) - expected).abs().max() < 1e-4 * spread, name


@pytest.mark.parametrize("norm", ["none", "instance"])
def test_in_double_precision_windows_agree_to_its_rounding(norm):
    volume = torch.randn(1, 6, 23, 18, 21, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    network = UNet(6, (3, 4, 5), norm).double().eval()
    with torch.no_grad():
        # Some slabs show nothing.
        visible = (torch.arange(23) % 11 < 4).double()[None, None, :, None, None].expand(1, 1, 23, 18, 21)
        whole = network(volume, visible)
        for window in (3, 7):
            slabs = in_slabs(network, volume, visible, window)
            parts = [slabs.read(*each) for each in slabs_of(slabs.depth, window)]
            again = torch.cat(parts, dim=2)[:, :, :11, :9, :10]
            torch.testing.assert_close(again, whole, rtol=0, atol=1e-11)


def test_parts_by_themselves_would_not_agree():
    """Statistics are those of the volume: a part, however wide its margin, has others."""
    volume = torch.randn(1, 6, 48, 16, 16, generator=torch.Generator().manual_seed(0))
    volume[:, :, 32:] += 2.0
    network = UNet(6, (3, 4), "instance").eval()
    with torch.no_grad():
        visible = torch.ones(1, 1, 48, 16, 16)
        whole, part = network(volume, visible), network(volume[:, :, :32], visible[:, :, :32])
        slabs = in_slabs(network, volume, visible, 6)
        again = torch.cat([slabs.read(*each) for each in slabs_of(slabs.depth, 6)], dim=2)
    assert (again - whole).abs().max() < 1e-4
    # Four layers see no further than 12 slices.
    assert (part - whole[:, :, :16])[:, :, :8].abs().max() > 1e-2


def test_a_model_without_the_mask_channel_in_windows():
    settings = ModelSettings(mask_channel=False)
    given, trained = inputs(settings), model(settings, head=0.3)
    torch.testing.assert_close(predict(trained, given, 4).sh, predict(trained, given).sh, rtol=0, atol=1e-3)
    changed = inputs(settings)
    changed.channels[:, 1] = 0.5
    assert torch.equal(predict(trained, changed).sh, predict(trained, given).sh)


def plan(memory_gib, window="auto", size="mini", shape=ABDOMEN):
    settings = PredictionSettings(memory_gib=memory_gib, window=window)
    return planned_window(ModelSettings(size=size), shape, settings, CPU, subject="scan-1")


def test_the_largest_window_that_fits():
    model_settings = ModelSettings()
    assert plan(100) is None
    whole = needed_bytes(model_settings, ABDOMEN, None)
    window = plan(0.999 * whole / GIB)
    assert window is not None
    smaller = plan(0.999 * needed_bytes(model_settings, ABDOMEN, window) / GIB)
    assert smaller is not None
    assert smaller < window


def test_memory_falls_with_the_window_and_rises_with_volume_and_model():
    for settings in (ModelSettings(), ModelSettings(size="paper")):
        needs = [needed_bytes(settings, ABDOMEN, window) for window in (128, 64, 32, 16, 8)]
        assert needs == sorted(needs, reverse=True)
        assert needs[-1] < 0.6 * needed_bytes(settings, ABDOMEN, None)
    assert needed_bytes(ModelSettings(size="small"), ABDOMEN, None) > needed_bytes(
        ModelSettings(), ABDOMEN, None
    )
    assert needed_bytes(ModelSettings(), (640, 260, 260), 8) > needed_bytes(ModelSettings(), ABDOMEN, 8)


def test_too_little_memory_says_how_much_is_needed_and_what_fits():
    need = needed_bytes(ModelSettings(), ABDOMEN, None) / GIB
    with pytest.raises(InputError) as error:
        plan(0.6 * need, window="whole")
    line = str(error.value)
    assert line.startswith(
        f"scan-1: expected {need:.1f} GiB of memory for 320 × 260 × 260 voxels in one pass"
    )
    fits = plan(0.6 * need)
    assert f"set window to {fits}, which needs" in line
    with pytest.raises(InputError) as error:
        plan(0.01)
    assert "in windows of 8 slices, found 0.0 GiB; use a machine with more memory" in str(error.value)
    with pytest.raises(InputError, match=r"in windows of 500 slices.*set window to"):
        plan(0.6 * need, window=500)
