"""Where fits begin: radiodensity with labels by nearest neighbour, and the prior's most seen."""

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from baselines.radiodensity import radiodensity_gaussians
from baselines.scenes import most_seen
from baselines.settings import SixDgsAgpSettings, SixDgsSettings
from baselines.shading import fit_shading_gain, shaded
from baselines.views import fitting_views
from renderbench.errors import InputError
from renderbench.scans.groups import GROUP_INDEX, select_groups
from renderbench.scans.volume import Grid
from renderbench.splats.raster import RasterSettings
from tests.baselines.scenes import ball, task

LIVER, SPLEEN = GROUP_INDEX["liver"], GROUP_INDEX["spleen"]
SETTINGS = SixDgsSettings(surface_points=300, density_points=200)
ALL = select_groups("all")


def body() -> tuple[np.ndarray, np.ndarray, Grid]:
    """A body of soft tissue in air, in which two organs are labelled and the rest is not."""
    groups = np.zeros((24, 20, 28), dtype=np.uint8)
    groups[6:18, 5:15, 4:12] = LIVER
    groups[8:16, 6:14, 16:24] = SPLEEN
    ct = np.full(groups.shape, -1000, dtype=np.int16)
    ct[3:21, 3:17, 2:26] = 40
    world = np.diag([1.5, 1.5, 1.5, 1.0])
    world[:3, 3] = (-10.0, 5.0, 30.0)
    return ct, groups, Grid(shape=groups.shape, world_from_voxel=world)


def begun(selection=ALL, settings=SETTINGS, seed=0):
    return radiodensity_gaussians(*body(), selection, settings, seed)


def test_labels_are_those_of_the_nearest_labelled_voxels():
    _, groups, grid = body()
    gaussians = begun()
    k, j, i = np.nonzero(groups)
    tree = cKDTree(np.stack([i, j, k], axis=-1))
    voxels = (
        np.linalg.inv(grid.world_from_voxel) @ np.c_[gaussians.means_mm.numpy(), np.ones(len(gaussians))].T
    )
    rounded = np.clip(np.rint(voxels[:3].T), 0, np.array(groups.shape[::-1]) - 1)
    distance, nearest = tree.query(rounded, k=2)
    clear = distance[:, 1] - distance[:, 0] > 1e-6  # of two at one distance, either will do
    expected = groups[k, j, i][nearest[:, 0]]
    assert clear.sum() > 50
    np.testing.assert_array_equal(gaussians.labels.numpy()[clear], expected[clear])


def test_points_lie_on_the_surface_and_in_the_dense():
    _, _, grid = body()
    means = begun().means_mm.numpy()
    voxels = (np.linalg.inv(grid.world_from_voxel) @ np.c_[means, np.ones(len(means))].T)[:3].T
    assert len(means) <= 500
    assert (voxels > [0.5, 0.5, 0.5]).all()
    assert (voxels < [27.5, 18.5, 22.5]).all()


def test_only_what_a_view_shows_begins():
    gaussians = begun(select_groups("liver"))
    assert set(gaussians.labels.tolist()) == {LIVER}
    # As many as asked for: no point is spent on what nobody sees.
    assert len(gaussians) > 300


def test_initial_values_are_those_of_the_settings():
    gaussians = begun(
        settings=SETTINGS.model_copy(update={"initial_opacity": 0.2, "initial_direction_sd": 0.1})
    )
    torch.testing.assert_close(torch.sigmoid(gaussians.opacity_logit), torch.full((len(gaussians),), 0.2))
    torch.testing.assert_close(gaussians.log_diagonal[:, 3:].exp(), torch.full((len(gaussians), 3), 0.1))
    torch.testing.assert_close(gaussians.directions.norm(dim=1), torch.ones(len(gaussians)))
    assert float(gaussians.off_diagonal.abs().max()) == 0.0
    assert torch.isfinite(gaussians.log_diagonal).all()


def test_a_seed_decides_where_points_lie():
    assert torch.equal(begun().means_mm, begun().means_mm)
    assert begun(seed=1).means_mm.shape != begun().means_mm.shape or not torch.equal(
        begun(seed=1).means_mm, begun().means_mm
    )


def test_one_point_alone_is_enough():
    alone = begun(settings=SETTINGS.model_copy(update={"surface_points": 1, "density_points": 0}))
    assert len(alone) == 1
    torch.testing.assert_close(alone.log_diagonal[0, :3].exp(), torch.full((3,), 1.5))


def test_a_scan_with_nothing_to_begin_at_is_one_clear_line():
    ct, groups, grid = body()
    with pytest.raises(InputError, match=r"groups 'all': expected voxels .* to begin a fit at, found none"):
        radiodensity_gaussians(np.zeros_like(ct), groups, grid, ALL, SETTINGS, 0)
    with pytest.raises(InputError, match=r"groups 'skeleton': expected voxels"):
        begun(select_groups("skeleton"))
    with pytest.raises(InputError, match="expected voxels"):
        radiodensity_gaussians(ct, np.zeros_like(groups), grid, ALL, SETTINGS, 0)


def test_the_most_seen_are_chosen_by_the_views_that_show_them():
    gaussians = ball()
    settings = SixDgsAgpSettings(initial_points=5)
    bones = fitting_views(task(gaussians, fitted=("skeleton",)))
    chosen = most_seen(gaussians, bones, settings)
    assert len(chosen) == 5
    assert set(chosen.labels.tolist()) == {GROUP_INDEX["skeleton"]}
    both = fitting_views(task(gaussians, fitted=("all", "skeleton")))
    assert len(set(most_seen(gaussians, both, settings).labels.tolist())) > 1
    every = SixDgsAgpSettings(initial_points=None)
    assert most_seen(gaussians, bones, every) is gaussians


def test_a_gain_is_found_from_views_of_any_groups():
    truth = shaded(ball(), 0.4)
    for fitted in (("all",), ("skeleton",), ("all", "skeleton")):
        views = fitting_views(task(truth, fitted=fitted))
        assert fit_shading_gain(ball(), views, RasterSettings()) == pytest.approx(0.4, rel=0.03)
