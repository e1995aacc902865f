import plyfile
import pytest
import torch
from splat_scenes import random_gaussians

from renderbench.errors import InputError
from renderbench.splats.ply_3dgs import write_3dgs_ply

_PROPERTIES = (
    "x y z nx ny nz f_dc_0 f_dc_1 f_dc_2 "
    + " ".join(f"f_rest_{k}" for k in range(45))
    + " opacity scale_0 scale_1 scale_2 rot_0 rot_1 rot_2 rot_3"
).split()


def _read(path):
    """(means, covariances, opacities, SH (N, 16, 3)) by the formulas of 3DGS, in float64."""
    vertex = plyfile.PlyData.read(path)["vertex"]
    assert [each.name for each in vertex.properties] == _PROPERTIES
    assert {each.val_dtype for each in vertex.properties} == {"f4"}

    def columns(*names):
        return torch.stack([torch.tensor(vertex[name].astype("f8")) for name in names], dim=1)

    w, x, y, z = columns("rot_0", "rot_1", "rot_2", "rot_3").unbind(1)
    torch.testing.assert_close(w**2 + x**2 + y**2 + z**2, torch.ones_like(w), rtol=0, atol=1e-6)
    rotation = torch.stack(
        [
            torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=1),
            torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=1),
            torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=1),
        ],
        dim=1,
    )
    spread = rotation * columns("scale_0", "scale_1", "scale_2").exp()[:, None]
    dc = columns("f_dc_0", "f_dc_1", "f_dc_2")[:, None]
    rest = columns(*(f"f_rest_{k}" for k in range(45))).reshape(-1, 3, 15).transpose(1, 2)
    assert not columns("nx", "ny", "nz").any()
    opacities = torch.sigmoid(columns("opacity"))[:, 0]
    return columns("x", "y", "z"), spread @ spread.mT, opacities, torch.cat([dc, rest], dim=1)


@pytest.mark.parametrize("direction", [None, (0.0, 0.0, 1.0), (3.0, -4.0, 12.0)])
def test_viewers_of_3dgs_find_the_sliced_or_marginal_gaussians(tmp_path, direction):
    gaussians = random_gaussians(60, 3)
    write_3dgs_ply(tmp_path / "scene.ply", gaussians, direction=direction)
    means, covariances, opacities, sh = _read(tmp_path / "scene.ply")
    precise = gaussians.to(torch.float64)
    joint = precise.covariance()
    spatial, cross, angular = joint[:, :3, :3], joint[:, :3, 3:], joint[:, 3:, 3:]
    if direction is None:
        expected = precise.means_mm, spatial, torch.sigmoid(precise.opacity_logit)
    else:
        sight = torch.tensor(direction, dtype=torch.float64)
        deviation = (sight / sight.norm() - precise.directions)[:, :, None]
        gain = cross @ torch.linalg.inv(angular)
        distance = (deviation.mT @ torch.linalg.inv(angular) @ deviation)[:, 0, 0]
        expected = (
            precise.means_mm + (gain @ deviation)[:, :, 0],
            spatial - gain @ cross.mT,
            torch.exp(-0.35 * distance) * torch.sigmoid(precise.opacity_logit),
        )
    torch.testing.assert_close(means, expected[0], rtol=1e-6, atol=1e-5)
    error = torch.linalg.matrix_norm(covariances - expected[1]) / torch.linalg.matrix_norm(expected[1])
    assert float(error.max()) < 1e-5
    torch.testing.assert_close(opacities, expected[2], rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(sh[:, :4], precise.sh)
    assert not sh[:, 4:].any()


@pytest.mark.parametrize("count", [0, 1])
def test_hardly_any_gaussians(tmp_path, count):
    write_3dgs_ply(tmp_path / "scene.ply", random_gaussians(count))
    assert len(plyfile.PlyData.read(tmp_path / "scene.ply")["vertex"]) == count


def test_flat_needles_and_extreme_opacities_stay_finite(tmp_path):
    gaussians = random_gaussians(6, 4)
    gaussians.log_diagonal[:2, 0] = -60.0
    gaussians.opacity_logit[2:4] = torch.tensor([-200.0, 200.0])
    gaussians.log_diagonal[4, 3:] = -20.0
    for direction in (None, (1.0, 0.0, 0.0)):
        write_3dgs_ply(tmp_path / "scene.ply", gaussians, direction=direction)
        assert all(bool(torch.isfinite(each).all()) for each in _read(tmp_path / "scene.ply"))


@pytest.mark.parametrize("direction", [(0.0, 0.0, 0.0), (float("nan"), 0.0, 1.0), (float("inf"), 0.0, 0.0)])
def test_a_direction_that_is_none_is_one_line(tmp_path, direction):
    with pytest.raises(InputError, match="expected a direction to slice along") as caught:
        write_3dgs_ply(tmp_path / "scene.ply", random_gaussians(2), direction=direction)
    assert "\n" not in str(caught.value)


def test_a_diverged_fit_is_one_line_and_no_file(tmp_path):
    gaussians = random_gaussians(3)
    gaussians.sh[1, 2, 0] = float("nan")
    with pytest.raises(InputError, match="expected finite parameters, found others in sh"):
        write_3dgs_ply(tmp_path / "scene.ply", gaussians)
    assert not list(tmp_path.iterdir())
