import shutil

import numpy as np
import pytest

from renderbench.errors import InputError
from renderbench.layout import Root
from renderbench.scans.dataset import load_dataset
from renderfm.settings import ModelSettings
from renderfm.training.data import Preparation, TrainingData, load_training_data, stride_for
from tests.renderfm.training.studies import prepare_training, training_suite


def preparation(data: TrainingData, **changes: float) -> Preparation:
    return Preparation(
        **{
            "model": ModelSettings(),
            "medium": data.medium,
            "normalisation": data.normalisation,
            "max_voxels": 10**6,
            "cache_gib": 1.0,
        }
        | changes
    )


def test_a_body_has_the_views_of_all_its_groups_and_validation_those_of_its_block(trainable):
    data = load_training_data(trainable, training_suite())
    assert data.uniform_light
    (body,) = data.training
    assert [view.groups.name for view in body.views] == ["all"] * 4 + ["liver"] * 2
    assert body.views[0].image.shape == (32, 32, 3)
    assert [(each.block, each.transfer_function) for each in data.validation] == [
        ("all", "seen"),
        ("unseen", "unseen"),
    ]
    assert all(len(each.views) == 2 for each in data.validation)
    assert data.normalisation.scans == 1
    assert data.normalisation == load_dataset(trainable, "to-learn").fingerprint


def test_a_scan_of_another_split_does_not_validate(trainable):
    suite = training_suite()
    test_only = suite.blocks[0].model_copy(update={"id": "of-training", "dataset": "to-learn"})
    more = suite.model_copy(update={"blocks": [*suite.blocks, test_only]})
    # Its views are not even there, and nobody asks for them.
    assert len(load_training_data(trainable, more).validation) == 2


def test_views_that_are_missing_or_outdated_are_one_line_with_the_command(trainable, tmp_path):
    root = Root(tmp_path / "root")
    shutil.copytree(trainable.path / "scans", root.path / "scans")
    with pytest.raises(InputError, match=r"expected a complete view set.*renderbench groundtruth --root"):
        load_training_data(root, training_suite())
    shutil.copytree(trainable.path / "views", root.path / "views")
    assert load_training_data(root, training_suite()).training
    with pytest.raises(InputError, match=r"found views made from others"):
        load_training_data(root, training_suite(renderer={"max_depth": 3}))


def test_a_suite_that_trains_on_nothing_is_one_line(trainable):
    with pytest.raises(InputError, match=r"suite tiny: expected \[\[training\]\] entries"):
        load_training_data(trainable, training_suite(training=[]))


def test_light_from_one_side_is_noticed(tmp_path):
    key = {"towards": (0, -1, 0), "irradiance": 1.0}
    lit = training_suite(renderer={"key_light": key})
    assert not load_training_data(prepare_training(tmp_path, suite=lit), lit).uniform_light


@pytest.mark.parametrize(
    ("shape", "most", "stride"),
    [((10, 10, 10), 1000, 1), ((10, 10, 10), 999, 2), ((11, 10, 10), 150, 2), ((100, 100, 100), 40_000, 3)],
)
def test_the_stride_is_the_smallest_that_fits(shape, most, stride):
    assert stride_for(shape, most) == stride


def test_a_strided_body_lies_where_the_body_lies(tmp_path):
    root = prepare_training(tmp_path, scale=2)
    data = load_training_data(root, training_suite())
    body = data.training[0]
    whole, strided = (preparation(data, max_voxels=most).prepared(body) for most in (10**6, 14_000))
    assert whole.grid.shape == (48, 40, 56)
    assert strided.grid.shape == (24, 20, 28)
    for each, block_mm in ((whole, 3.0), (strided, 6.0)):
        blocks = each.inputs.blocks.numpy()[:, ::-1]
        np.testing.assert_allclose(
            each.inputs.prior.means_mm, each.grid.world(blocks * 2 + 0.5), atol=1e-3, rtol=0
        )
        np.testing.assert_allclose(each.inputs.prior.log_diagonal[:, :3].exp(), block_mm / 2, rtol=1e-5)
    middles = [each.inputs.prior.means_mm.mean(dim=0).numpy() for each in (whole, strided)]
    np.testing.assert_allclose(*middles, atol=1.5)


def test_what_fits_is_kept_and_what_does_not_is_made_again(trainable):
    data = load_training_data(trainable, training_suite())
    body = data.training[0]
    keeping, forgetting = preparation(data), preparation(data, cache_gib=0.0)
    assert keeping.prepared(body) is keeping.prepared(body)
    first, second = forgetting.prepared(body), forgetting.prepared(body)
    assert first is not second
    np.testing.assert_array_equal(first.inputs.channels, second.inputs.channels)
