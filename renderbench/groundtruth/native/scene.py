"""What a tracer is given, whatever it runs on: the medium, its majorants and the lights, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from renderbench.config import RendererSettings
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.native.illumination import Illumination, illumination
from renderbench.groundtruth.native.majorants import majorant_cells
from renderbench.groundtruth.native.rays import Rays


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """A medium and its lights, ready for the kernels.

    Args:
        density: (D, H, W, 4) float32, see :class:`~renderbench.groundtruth.medium.Medium`.
        majorants: (cells z, y, x) float32, see :func:`.majorants.majorant_cells`.
        voxels_per_mm: (3,) float32 along x, y, z.
        lights: see :class:`.illumination.Illumination`.
        max_depth: the most scatterings of a path that contributes.
        anisotropy: the Henyey-Greenstein g.
    """

    density: NDArray[np.float32]
    majorants: NDArray[np.float32]
    voxels_per_mm: NDArray[np.float32]
    lights: Illumination
    max_depth: int
    anisotropy: np.float32

    @property
    def nbytes(self) -> int:
        """Of all arrays."""
        arrays = (self.density, self.majorants, *self.lights)
        return sum(each.nbytes for each in arrays)


class Tracer(Protocol):
    """Traces the paths of a scene on one kind of device."""

    @property
    def device(self) -> str:
        """What it runs on, in words."""

    def trace(
        self, rays: Rays, *, height: int, width: int, seed: int, first: int, count: int
    ) -> NDArray[np.float32]:
        """Path-trace a view.

        Args:
            rays: of the camera.
            height: of the image in pixels.
            width: of the image in pixels.
            seed: of every random number, in [0, 2^64).
            first: the first sample of each half.
            count: how many samples of each half.

        Returns:
            (2, H, W, 5): rgb, alpha and the sum of the distances to the first scattering (mm) of two
            independent halves, each the mean over its samples.
        """


def scene_of(medium: Medium, settings: RendererSettings) -> Scene:
    """The scene that the settings' lights make of a medium.

    Raises:
        InputError: the environment map is not one.
    """
    spacing_mm = np.linalg.norm(medium.world_from_voxel[:3, :3], axis=0)
    return Scene(
        density=medium.density,
        majorants=majorant_cells(medium.density[..., 0]),
        voxels_per_mm=(1.0 / spacing_mm).astype(np.float32),
        # Scattering is the same in any frame, so rays and lights are turned into the volume's own axes.
        lights=illumination(settings, (medium.world_from_voxel[:3, :3] / spacing_mm).T),
        max_depth=settings.max_depth,
        anisotropy=np.float32(settings.anisotropy),
    )
