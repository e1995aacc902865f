"""What the model sees, and one line for what it cannot see."""

import numpy as np
import pytest
import torch

from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.scans.groups import select_groups
from renderbench.scans.store import ScanStore
from renderbench.scans.volume import Grid
from renderbench.splats.prior import PriorSettings, anatomy_guided_prior
from renderfm.inputs import CHANNELS, scan_inputs
from renderfm.settings import ModelSettings
from tests.groundtruth.studies import prepare_study
from tests.renderfm.scans import NORMALISATION, SHAPE, arrays, inputs


def test_the_six_channels():
    given, made = arrays(), inputs()
    assert made.channels.shape == (1, 6, *SHAPE)
    assert made.channels.dtype == torch.float32
    ct, segmentation, *rgba = made.channels[0].numpy()
    hu = np.clip(given["ct"].astype(float), NORMALISATION.percentile_00_5, NORMALISATION.percentile_99_5)
    np.testing.assert_allclose(ct, (hu - NORMALISATION.mean) / NORMALISATION.sd, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(segmentation * 11, given["groups"], atol=1e-5)
    np.testing.assert_array_equal(np.stack(rgba), given["rgba"])


@pytest.mark.parametrize(("opacity", "of_prior"), [("logit", "physical"), ("paper", "paper")])
def test_its_gaussians_are_the_priors_and_lie_in_their_blocks(opacity, of_prior):
    given, made = arrays(), inputs(ModelSettings(opacity=opacity))
    prior = anatomy_guided_prior(
        given["rgba"],
        given["groups"],
        given["grid"],
        select_groups("all"),
        MediumSettings(),
        PriorSettings(opacity=of_prior),
    )
    for name, expected in prior.parameters().items():
        assert torch.equal(getattr(made.prior, name), expected)
    # The middle of block (k, j, i), whose first voxel is (2k, 2j, 2i).
    middle_mm = (2 * made.blocks.flip(1) + 0.5) * 1.5
    torch.testing.assert_close(made.prior.means_mm, middle_mm.float())
    assert (made.blocks < torch.tensor(SHAPE) // 2).all()


def test_the_paper_opacity_is_the_sigmoid_of_alpha():
    given, made = arrays(), inputs(ModelSettings(opacity="paper"))
    k, j, i = (2 * made.blocks[0]).tolist()
    block = (slice(k, k + 2), slice(j, j + 2), slice(i, i + 2))
    alpha = np.where(given["groups"] > 0, given["rgba"][3], 0)[block].mean()
    assert float(made.prior.opacity_logit[0]) == pytest.approx(float(alpha), abs=1e-5)


def test_a_stored_scan(tmp_path):
    root = prepare_study(tmp_path)
    scan = ScanStore.open(root.scan("folder", "tiny"))
    made = scan_inputs(scan, "seen", MediumSettings(), ModelSettings(), NORMALISATION)
    assert made.channels.shape == (1, len(CHANNELS), *scan.grid.shape)
    assert set(made.prior.labels.tolist()) == {1, 2}
    with pytest.raises(InputError, match=r"transfer function 'sene'.*did you mean 'seen'"):
        scan_inputs(scan, "sene", MediumSettings(), ModelSettings(), NORMALISATION)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_ct_that_is_not_finite(value):
    ct = arrays()["ct"].astype(np.float32)
    ct[3, 4, 5] = value
    # An infinite HU is clipped as any other that is too large.
    if np.isinf(value):
        inputs(ct=ct)
        return
    with pytest.raises(InputError) as error:
        inputs(ct=ct)
    assert str(error.value) == (
        "scan-1: expected finite values in channel 'ct', found nan in 1 voxels, the first at "
        "(z, y, x) = (3, 4, 5); repair the scan or leave it out"
    )


def test_rgba_that_is_not_finite():
    rgba = arrays()["rgba"]
    rgba[2, 0, 1, 2] = np.inf
    with pytest.raises(InputError, match=r"scan-1: .* channel 'blue', found inf in 1 voxels.*\(0, 1, 2\)"):
        inputs(rgba=rgba)


def test_an_empty_mask():
    with pytest.raises(InputError) as error:
        inputs(groups=np.zeros(SHAPE, dtype=np.uint8))
    assert str(error.value).startswith("scan-1: groups 'all': expected visible voxels")
    assert "\n" not in str(error.value)


def test_a_volume_smaller_than_the_stride():
    with pytest.raises(InputError) as error:
        inputs(shape=(16, 40, 40))
    assert str(error.value) == (
        "scan-1: expected more than 16 voxels along every axis, which the stride of the mini model asks for, "
        "found 16 × 40 × 40; take a scan that shows more, or a model of fewer stages"
    )
    assert inputs(shape=(17, 17, 17)).channels.shape[2:] == (17, 17, 17)
    with pytest.raises(InputError, match="more than 32 voxels"):
        inputs(ModelSettings(size="paper"), shape=(17, 17, 17))


def test_an_oblique_grid_turns_the_gaussians_with_it():
    turned = np.array(
        [[0.0, -1.5, 0.0, 7.0], [1.5, 0.0, 0.0, -3.0], [0.0, 0.0, 1.5, 2.0], [0.0, 0.0, 0.0, 1.0]]
    )
    straight, made = inputs(), inputs(grid=Grid(shape=SHAPE, world_from_voxel=turned))
    x, y, z = straight.prior.means_mm.unbind(1)
    expected = torch.stack([7.0 - y, x - 3.0, z + 2.0], dim=1)
    torch.testing.assert_close(made.prior.means_mm, expected, rtol=0, atol=1e-4)
