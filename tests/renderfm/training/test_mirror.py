from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch

from baselines.drawing import draw
from renderbench.splats.raster import RasterSettings
from renderfm.settings import ModelSettings
from renderfm.training.data import Body, Prepared, load_training_data
from renderfm.training.mirror import mirrored_camera, mirrored_inputs, reflection
from tests.renderfm.training.studies import training_suite
from tests.renderfm.training.test_data import preparation

AXES = [axes for count in (1, 2, 3) for axes in combinations(range(3), count)]


@pytest.fixture(scope="module")
def body(trainable) -> tuple[Body, Prepared]:
    data = load_training_data(trainable, training_suite())
    chosen = data.training[0]
    return chosen, preparation(data, model=ModelSettings()).prepared(chosen)


@pytest.mark.parametrize("axes", AXES)
def test_a_mirrored_scene_looks_through_mirrored_cameras_as_it_was(body, axes):
    chosen, prepared = body
    mirrored = mirrored_inputs(prepared.inputs, prepared.grid, axes)
    mirror = reflection(prepared.grid, axes)
    # Unequal deviations along the axes of the grid mirror onto themselves.
    uneven = torch.tensor([0.4, 0.0, -0.3, 0.0, 0.0, 0.0])
    for view in chosen.views[:2]:
        images = []
        for inputs, camera in (
            (prepared.inputs, view.camera),
            (mirrored, mirrored_camera(view.camera, mirror)),
        ):
            gaussians = replace(inputs.prior, log_diagonal=inputs.prior.log_diagonal + uneven)
            images.append(draw(gaussians, view.groups, camera, RasterSettings()).rgb)
        assert images[0].max() > 0.2
        torch.testing.assert_close(images[1], images[0], atol=2e-4, rtol=0)
    unmoved = draw(mirrored.prior, chosen.views[0].groups, chosen.views[0].camera, RasterSettings()).rgb
    plain = draw(prepared.inputs.prior, chosen.views[0].groups, chosen.views[0].camera, RasterSettings()).rgb
    assert (unmoved - plain).abs().max() > 0.1


@pytest.mark.parametrize("axes", AXES)
def test_blocks_go_with_the_voxels_that_they_stand_for(body, axes):
    _, prepared = body
    before, after = prepared.inputs, mirrored_inputs(prepared.inputs, prepared.grid, axes)
    assert not torch.equal(after.channels, before.channels)
    pooled = [torch.nn.functional.avg_pool3d(each.channels, 2)[0] for each in (before, after)]
    there, here = (
        features[(slice(None), *each.blocks.unbind(1))]
        for features, each in zip(pooled, (before, after), strict=True)
    )
    torch.testing.assert_close(here, there)
    lie = prepared.grid.world(after.blocks.numpy()[:, ::-1] * 2 + 0.5)
    np.testing.assert_allclose(after.prior.means_mm, lie, atol=1e-3)


def test_without_axes_nothing_changes(body):
    _, prepared = body
    assert mirrored_inputs(prepared.inputs, prepared.grid, []) is prepared.inputs
    np.testing.assert_array_equal(reflection(prepared.grid, []), np.eye(4))
