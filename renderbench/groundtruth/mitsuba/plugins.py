"""What Mitsuba lacks, written against its Python interface for the variant that is active."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def premultiplied_medium(sigma_t: Any, sigma_s: Any, phase: Any, *, sample_emitters: bool) -> Any:
    """A medium that interpolates sigma_s itself.

    Mitsuba's own ``heterogeneous`` interpolates albedo and extinction apart and multiplies, which is
    another medium wherever both change between two voxels.

    Args:
        sigma_t: a Mitsuba volume of one channel, 1/mm, in world units of millimetres.
        sigma_s: one of three channels on the same box.
        phase: a Mitsuba phase function.
        sample_emitters: whether every scattering looks at the lights.
    """
    import drjit as dr
    import mitsuba as mi

    class Premultiplied(mi.Medium):
        def __init__(self, properties: mi.Properties) -> None:
            super().__init__(properties)
            self.m_is_homogeneous = False
            self.m_has_spectral_extinction = False
            self._majorant = dr.opaque(mi.Float, sigma_t.max())
            box = sigma_t.bbox()
            # That box is a scalar one, which knows no rays of this variant.
            self._box = mi.BoundingBox3f(mi.Point3f(*box.min), mi.Point3f(*box.max))

        def intersect_aabb(self, ray: mi.Ray3f) -> tuple[Any, Any, Any]:
            return self._box.ray_intersect(ray)

        def get_majorant(self, interaction: mi.MediumInteraction3f, active: Any = True) -> Any:
            return mi.UnpolarizedSpectrum(self._majorant)

        def get_scattering_coefficients(
            self, interaction: mi.MediumInteraction3f, active: Any = True
        ) -> tuple[Any, Any, Any]:
            extinction = sigma_t.eval(interaction, active)
            return sigma_s.eval(interaction, active), self._majorant - extinction, extinction

        def to_string(self) -> str:
            return "Premultiplied"

    properties = mi.Properties()
    properties["phase"] = phase
    properties["sample_emitters"] = sample_emitters
    return Premultiplied(properties)


def pinhole(
    direction_from_pixel: NDArray[np.float64], position: NDArray[np.float64], *, film: Any, sampler: Any
) -> Any:
    """A pinhole sensor of any focal lengths; Mitsuba's own has square pixels.

    Args:
        direction_from_pixel: (3, 3); maps (column, row, 1), as fractions of the film, to a direction.
        position: (3,) of the pinhole.
        film: a Mitsuba film.
        sampler: a Mitsuba sampler.
    """
    import drjit as dr
    import mitsuba as mi

    # Opaque, that is no constants of the kernel, which would be compiled anew for every camera.
    rows = [[dr.opaque(mi.Float, entry) for entry in row] for row in direction_from_pixel.tolist()]
    origin = mi.Point3f(*(dr.opaque(mi.Float, entry) for entry in position.tolist()))

    class Pinhole(mi.Sensor):
        def sample_ray(
            self, time: Any, wavelength: Any, at: Any, aperture: Any, active: Any = True
        ) -> tuple[Any, Any]:
            direction = mi.Vector3f(*(row[0] * at.x + row[1] * at.y + row[2] for row in rows))
            return mi.Ray3f(origin, dr.normalize(direction)), mi.Spectrum(1.0)

        def sample_ray_differential(
            self, time: Any, wavelength: Any, at: Any, aperture: Any, active: Any = True
        ) -> tuple[Any, Any]:
            ray, weight = self.sample_ray(time, wavelength, at, aperture, active)
            return mi.RayDifferential3f(ray), weight

        def bbox(self) -> Any:
            return mi.ScalarBoundingBox3f(mi.ScalarPoint3f(position.tolist()))

        def to_string(self) -> str:
            return "Pinhole"

    properties = mi.Properties()
    properties["film"] = film
    properties["sampler"] = sampler
    return Pinhole(properties)
