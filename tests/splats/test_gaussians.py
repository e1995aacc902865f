import pytest
import torch
from splat_scenes import random_gaussians

from renderbench.splats.gaussians import Gaussians6D, concatenate


def test_off_diagonals_fill_the_strict_lower_triangle_row_by_row():
    gaussians = random_gaussians(3, dtype=torch.float64)
    factor = gaussians.cholesky()
    expected = torch.zeros(3, 6, 6, dtype=torch.float64)
    k = 0
    for row in range(6):
        diagonal = gaussians.log_diagonal[:, row].exp()
        expected[:, row, row] = diagonal
        for column in range(row):
            expected[:, row, column] = (2 * torch.sigmoid(gaussians.off_diagonal[:, k]) - 1) * diagonal
            k += 1
    torch.testing.assert_close(factor, expected)


def test_the_covariance_is_symmetric_and_positive_definite():
    covariance = random_gaussians(20, dtype=torch.float64).covariance()
    assert torch.equal(covariance, covariance.mT)
    assert torch.linalg.eigvalsh(covariance).min() > 0


def test_selecting_and_concatenating_keep_every_field():
    gaussians = random_gaussians(10)
    mask = torch.arange(10) % 3 == 0
    joined = concatenate([gaussians.select(mask), gaussians.select(~mask)])
    order = torch.cat([torch.nonzero(mask)[:, 0], torch.nonzero(~mask)[:, 0]])
    assert len(joined) == 10
    assert torch.equal(joined.labels, gaussians.labels[order])
    for name, value in gaussians.parameters().items():
        assert torch.equal(joined.parameters()[name], value[order])


def test_parameters_are_the_six_trainable_tensors():
    assert list(random_gaussians(1).parameters()) == [
        "means_mm",
        "directions",
        "log_diagonal",
        "off_diagonal",
        "opacity_logit",
        "sh",
    ]


def test_a_clone_shares_nothing_and_a_detached_one_no_graph():
    gaussians = random_gaussians(2)
    gaussians.means_mm.requires_grad_()
    copy = gaussians.detach().clone()
    copy.means_mm.zero_()
    assert not copy.means_mm.requires_grad
    assert gaussians.means_mm.abs().sum() > 0


def test_a_wrong_shape_is_named():
    parameters = random_gaussians(4).parameters()
    with pytest.raises(ValueError, match=r"labels: expected shape \(4,\), found \(3,\)"):
        Gaussians6D(**parameters, labels=torch.zeros(3, dtype=torch.uint8))


def test_a_device_takes_all_tensors_and_a_dtype_the_parameters():
    gaussians = random_gaussians(3)
    moved = gaussians.to("meta")
    assert {value.device.type for value in (*moved.parameters().values(), moved.labels)} == {"meta"}
    precise = gaussians.to(torch.float64)
    assert {value.dtype for value in precise.parameters().values()} == {torch.float64}
    assert precise.labels.dtype == torch.uint8
