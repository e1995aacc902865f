import numpy as np
import pytest
from numba import njit

from renderbench.groundtruth.native.interpolation import interpolated
from renderbench.groundtruth.native.majorants import CELL, majorant_cells


@njit
def sigma_at(positions: np.ndarray, density: np.ndarray) -> np.ndarray:
    out = np.empty(len(positions), dtype=np.float32)
    for index in range(len(positions)):
        x, y, z = positions[index]
        out[index] = interpolated(x, y, z, density)[0]
    return out


def random_density(shape: tuple[int, int, int]) -> np.ndarray:
    rng = np.random.default_rng(0)
    density = rng.exponential(1.0, (*shape, 4)) ** 3 * (rng.random((*shape, 1)) < 0.3)
    return density.astype(np.float32)


@pytest.mark.parametrize("shape", [(13, 17, 21), (14, 16, 19), (3, 4, 5), (2, 2, 2)])
def test_no_interpolated_extinction_exceeds_its_majorant(shape: tuple[int, int, int]) -> None:
    density = random_density(shape)
    majorants = majorant_cells(density[..., 0])
    assert majorants.shape == tuple(-(-(size - 1) // CELL) for size in shape)
    top = np.array(shape[::-1]) - 1
    positions = (np.random.default_rng(1).random((200_000, 3)) * top).astype(np.float32)
    cells = (positions / np.float32(CELL)).astype(int)
    bound = majorants[cells[:, 2], cells[:, 1], cells[:, 0]]
    assert (sigma_at(positions, density) <= bound * np.float32(1 + 1e-6)).all()


def test_majorants_are_the_largest_voxel_of_the_cell_and_its_far_planes() -> None:
    sigma_t = np.zeros((9, 9, 9), dtype=np.float32)
    sigma_t[4, 3, 5] = 2.0
    majorants = majorant_cells(sigma_t)
    assert majorants.shape == (2, 2, 2)
    assert majorants[:, 0, 1].tolist() == [2.0, 2.0], "a voxel on a boundary plane counts on both sides"
    assert majorants[:, 1, :].max() == 0.0
    assert majorants[:, :, 0].max() == 0.0
