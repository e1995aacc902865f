"""6D Gaussians: a spatial and a directional mean with one joint covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch

_SHAPES: dict[str, tuple[int, ...]] = {
    "means_mm": (3,),
    "directions": (3,),
    "log_diagonal": (6,),
    "off_diagonal": (15,),
    "opacity_logit": (),
    "sh": (4, 3),
    "labels": (),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Gaussians6D:
    """N Gaussians over position and direction (section 3.2 of the Render-FM paper).

    The 6 x 6 covariance, in the order [position; direction], is Sigma = L L^T. L is lower triangular:
    its diagonal is exp(``log_diagonal``), and an entry below the diagonal is (2 sigmoid(x) - 1) times the
    diagonal of its row, so that it is bounded. ``off_diagonal`` holds x in row-major order of the strict
    lower triangle: (1,0), (2,0), (2,1), (3,0), (3,1), (3,2), (4,0), ... (5,4).

    Args:
        means_mm: (N, 3) positions, world frame (patient LPS), millimetres.
        directions: (N, 3) mean view directions mu_d; compared with unit vectors from the camera.
        log_diagonal: (N, 6); 0 to 2 in ln mm (position), 3 to 5 in ln 1 (direction).
        off_diagonal: (N, 15), before the sigmoid.
        opacity_logit: (N,); opacity = sigmoid(opacity_logit).
        sh: (N, 4, 3) spherical harmonics of degree 1; see :func:`renderbench.splats.sh.evaluate_sh`.
        labels: (N,) uint8 group index; not trained.

    Raises:
        ValueError: a shape does not fit.
    """

    means_mm: torch.Tensor
    directions: torch.Tensor
    log_diagonal: torch.Tensor
    off_diagonal: torch.Tensor
    opacity_logit: torch.Tensor
    sh: torch.Tensor
    labels: torch.Tensor

    def __post_init__(self) -> None:
        count = len(self.means_mm)
        for name, tail in _SHAPES.items():
            found = tuple(getattr(self, name).shape)
            if found != (count, *tail):
                raise ValueError(f"{name}: expected shape {(count, *tail)}, found {found}")

    def __len__(self) -> int:
        return len(self.means_mm)

    def parameters(self) -> dict[str, torch.Tensor]:
        """The trainable tensors by name: all fields but ``labels``."""
        return {name: getattr(self, name) for name in _SHAPES if name != "labels"}

    def select(self, index: torch.Tensor) -> Gaussians6D:
        """The Gaussians at a boolean mask (N,) or an integer index (M,); differentiable."""
        return Gaussians6D(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def detach(self) -> Gaussians6D:
        """The same storage, outside the autograd graph."""
        return Gaussians6D(**{field.name: getattr(self, field.name).detach() for field in fields(self)})

    def clone(self) -> Gaussians6D:
        """A copy of every tensor; differentiable."""
        return Gaussians6D(**{field.name: getattr(self, field.name).clone() for field in fields(self)})

    def to(self, target: torch.dtype | torch.device | str) -> Gaussians6D:
        """The same Gaussians with parameters of a dtype, or with all tensors on a device; differentiable."""
        moved = self.parameters()
        if not isinstance(target, torch.dtype):
            moved = moved | {"labels": self.labels}
        return replace(self, **{name: value.to(target) for name, value in moved.items()})

    def cholesky(self) -> torch.Tensor:
        """L, (N, 6, 6) lower triangular; mm in rows 0 to 2."""
        diagonal = self.log_diagonal.exp()
        row, column = torch.tril_indices(6, 6, offset=-1)
        factor = torch.diag_embed(diagonal)
        # 2 sigmoid(x) - 1 = tanh(x / 2), without its cancellation near 0.
        factor[:, row, column] = torch.tanh(0.5 * self.off_diagonal) * diagonal[:, row]
        return factor

    def covariance(self) -> torch.Tensor:
        """Sigma = L L^T, (N, 6, 6): mm² (position), mm (cross) and 1 (direction)."""
        factor = self.cholesky()
        return factor @ factor.mT


def concatenate(parts: Sequence[Gaussians6D]) -> Gaussians6D:
    """All Gaussians of ``parts`` (at least one), in order; differentiable."""
    return Gaussians6D(**{name: torch.cat([getattr(part, name) for part in parts]) for name in _SHAPES})
