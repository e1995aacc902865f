"""6D Gaussians as the ``.ply`` that viewers of 3D Gaussian splatting open.

Its properties, in the order of the 3DGS authors: ``x y z``, ``nx ny nz`` (0), ``f_dc_*``, ``f_rest_*``
(degree 3, channel by channel; what is above degree 1 is 0, since some readers take no other degree),
``opacity`` (before the sigmoid), ``scale_*`` (ln mm) and ``rot_*`` (a unit quaternion, w x y z).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from renderbench.errors import InputError
from renderbench.splats.gaussians import Gaussians6D
from renderbench.splats.ply_file import write_vertices
from renderbench.splats.slicing import LAMBDA_OPACITY, slice_along

_REST = 45
_NAMES = (
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2"),
    *(f"f_rest_{k}" for k in range(_REST)),
    *("opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
)
_VERTEX = np.dtype([(name, "<f4") for name in _NAMES])
# A flat Gaussian is this thick, mm², and a logit no further from 0 than this.
_THINNEST_MM2 = 1e-12
_LOGIT_MAX = 30.0


def write_3dgs_ply(
    path: Path,
    gaussians: Gaussians6D,
    *,
    direction: tuple[float, float, float] | None = None,
    lambda_opacity: float = LAMBDA_OPACITY,
) -> None:
    """Write 3D Gaussians that no longer know the direction they are seen from, but for their colour.

    Args:
        path: the file, written atomically.
        gaussians: N Gaussians.
        direction: from the eye to the scene, world frame, any length: every Gaussian is sliced along it, as
            a camera far away sees it. None marginalises: position, Sigma_pp and opacity as they stand.
        lambda_opacity: lambda of the slicing; see :func:`renderbench.splats.slicing.slice_along`.

    Raises:
        InputError: a parameter is not finite, or the direction is none.
    """
    for name, value in gaussians.parameters().items():
        if not bool(torch.isfinite(value).all()):
            problem = f"expected finite parameters, found others in {name}"
            raise InputError(path, problem, "export Gaussians whose fit did not diverge")
    precise = gaussians.detach().to("cpu").to(torch.float64)
    if direction is None:
        means, covariances = precise.means_mm, precise.covariance()[:, :3, :3]
        logits = precise.opacity_logit
        comment = "marginalised over the view direction"
    else:
        sight = _unit(path, direction)
        sliced = slice_along(precise, sight.expand(len(gaussians), 3), lambda_opacity)
        means, covariances = sliced.means_mm, sliced.covariances_mm2
        logits = torch.logit(sliced.opacities)
        comment = "sliced along the view direction " + " ".join(f"{x:.6f}" for x in sight.tolist())
    scales, quaternions = _axes(covariances.numpy())
    sh = precise.sh.numpy()
    rest = np.zeros((len(gaussians), 3, _REST // 3))
    rest[:, :, :3] = sh[:, 1:].transpose(0, 2, 1)
    table = np.concatenate(
        [
            means.numpy(),
            np.zeros((len(gaussians), 3)),
            sh[:, 0],
            rest.reshape(-1, _REST),
            logits.clamp(-_LOGIT_MAX, _LOGIT_MAX).numpy()[:, None],
            np.log(scales),
            quaternions,
        ],
        axis=1,
    )
    vertices = np.empty(len(gaussians), _VERTEX)
    for k, name in enumerate(_NAMES):
        vertices[name] = table[:, k]
    comments = ("renderbench 3D Gaussians, version 1", comment, "x y z in millimetres, patient LPS")
    write_vertices(path, comments, vertices)


def _unit(path: Path, direction: tuple[float, float, float]) -> torch.Tensor:
    vector = torch.tensor(direction, dtype=torch.float64)
    length = float(vector.norm())
    if not 0 < length < float("inf"):
        problem = f"expected a direction to slice along, found {direction}"
        raise InputError(path, problem, "give three finite numbers, not all 0")
    return vector / length


def _axes(covariances: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Standard deviations along the principal axes, (N, 3) mm, and their rotation, (N, 4) w x y z, w >= 0."""
    variances, axes = np.linalg.eigh(covariances)
    # Eigenvectors come with any sign, and a quaternion cannot mirror.
    axes[:, :, 0] *= np.sign(np.linalg.det(axes))[:, None]
    quaternions = np.empty((len(axes), 4))
    if len(axes):
        quaternions = Rotation.from_matrix(axes).as_quat(canonical=True, scalar_first=True)
    return np.sqrt(np.maximum(variances, _THINNEST_MM2)), quaternions
