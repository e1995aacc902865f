"""A medium and its lights as a Mitsuba scene, for the variant that is active.

The scene lies in a frame of its own: the volume's axes, millimetres, the origin in the middle of the grid.
Mitsuba bounds a medium by a box along its axes, and float32 is finest near the origin.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from renderbench.config import KeyLight, RendererSettings
from renderbench.groundtruth.lights import environment_map, map_directions, pixel_solid_angles
from renderbench.groundtruth.medium import Medium
from renderbench.groundtruth.mitsuba.plugins import premultiplied_medium
from renderbench.groundtruth.mitsuba.variants import SCALAR

_DISC_DISTANCE = 1e4
"""Of the disc that stands for a soft key light, in radii of the medium: parallax stays below 1e-4."""


def scene_from_world(medium: Medium) -> NDArray[np.float64]:
    """(4, 4) rigid, or a mirror image where the volume's axes are left-handed."""
    axes = medium.world_from_voxel[:3, :3] / _spacing_mm(medium)
    middle = (np.array(medium.density.shape[2::-1]) - 1.0) / 2.0
    placed = np.eye(4)
    placed[:3, :3] = axes.T
    placed[:3, 3] = -axes.T @ (medium.world_from_voxel[:3, :3] @ middle + medium.world_from_voxel[:3, 3])
    return placed


def load_scene(medium: Medium, settings: RendererSettings) -> Any:
    """The Mitsuba scene of a medium under the lights of ``settings``, and its integrator.

    Raises:
        InputError: the environment map cannot be read.
    """
    import mitsuba as mi

    half_mm = np.array(medium.density.shape[2::-1]) * _spacing_mm(medium) / 2.0
    # A constant environment is met often enough by leaving; shadow rays would cost more than they save.
    sample_emitters = settings.key_light is not None or settings.environment_map is not None
    description: dict[str, Any] = {
        "type": "scene",
        "integrator": {
            "type": "volpathmis",
            # Mitsuba counts the segments of a path, the settings its scatterings.
            "max_depth": settings.max_depth + 1,
            # No roulette: it would cost dark paths more noise than it saves time.
            "rr_depth": settings.max_depth + 1,
            "hide_emitters": True,
            # A block's random numbers must not depend on the number of threads.
            "block_size": 16,
        },
        "box": {
            "type": "cube",
            "to_world": mi.ScalarTransform4f().scale(half_mm.tolist()),
            "bsdf": {"type": "null"},
            "interior": _medium(medium, half_mm, settings.anisotropy, sample_emitters),
        },
    }
    return mi.load_dict(description | _lights(medium, settings))


def separate_albedo(density: NDArray[np.float32]) -> NDArray[np.float32]:
    """The albedo (D, H, W, 3) at voxels, for interpolation apart from the extinction.

    Empty voxels take the mean albedo of their neighbours, weighted by extinction, so that the edge of
    a body against air is as if sigma_s were interpolated; where two materials meet, it is not.
    """
    sigma_t = density[..., :1]
    around = uniform_filter(density, size=(3, 3, 3, 1), mode="constant")
    scattering, total = (
        np.where(sigma_t > 0, own, near)
        for own, near in zip((density[..., 1:], sigma_t), (around[..., 1:], around[..., :1]), strict=True)
    )
    return np.divide(scattering, total, out=np.zeros_like(scattering), where=total > 0)


def _medium(medium: Medium, half_mm: NDArray[np.float64], anisotropy: float, sample_emitters: bool) -> Any:
    import mitsuba as mi

    phase = {"type": "hg", "g": anisotropy} if anisotropy else {"type": "isotropic"}
    sigma_t = _volume(medium.density[..., :1], half_mm)
    if mi.variant() == SCALAR:
        # A medium in Python would be asked at every null collision, at ten times the cost.
        return {
            "type": "heterogeneous",
            "has_spectral_extinction": False,
            "sample_emitters": sample_emitters,
            "sigma_t": sigma_t,
            "albedo": _volume(separate_albedo(medium.density), half_mm),
            "phase": phase,
        }
    sigma_s = _volume(medium.density[..., 1:], half_mm)
    return premultiplied_medium(sigma_t, sigma_s, mi.load_dict(phase), sample_emitters=sample_emitters)


def _volume(values: NDArray[np.float32], half_mm: NDArray[np.float64]) -> Any:
    """A Mitsuba volume of (D, H, W, channels) values at voxel centres, in the box of voxels."""
    import mitsuba as mi

    box = mi.ScalarTransform4f().translate((-half_mm).tolist()).scale((2.0 * half_mm).tolist())
    return mi.load_dict(
        {
            "type": "gridvolume",
            "grid": mi.VolumeGrid(np.ascontiguousarray(values)),
            "to_world": box,
            # Values, not colours to be turned into spectra; and a GPU's own interpolation has 8 bits.
            "raw": True,
            "accel": False,
        }
    )


def _lights(medium: Medium, settings: RendererSettings) -> dict[str, Any]:
    axes_from_world = scene_from_world(medium)[:3, :3]
    lights: dict[str, Any] = {}
    behind = np.full(3, settings.environment_radiance)
    image = environment_map(settings)
    if image is not None:
        lights["environment"] = _environment_map(image, axes_from_world)
        if settings.key_light is not None:
            behind = _mean_radiance(image, settings.key_light)
    elif settings.environment_radiance > 0:
        lights["environment"] = {"type": "constant", "radiance": settings.environment_radiance}
    if settings.key_light is not None:
        towards = axes_from_world @ _unit(settings.key_light)
        lights["key"] = _key_light(settings.key_light, towards, medium.radius_mm, behind)
    return lights


def _key_light(
    light: KeyLight, towards: NDArray[np.float64], radius_mm: float, behind: NDArray[np.float64]
) -> dict[str, Any]:
    """A directional light, or a disc far away.

    The disc hides the environment behind it, and so carries its mean radiance as well: exact where that
    is constant.
    """
    import mitsuba as mi

    if light.angular_radius_deg == 0:
        return {"type": "directional", "direction": (-towards).tolist(), "irradiance": light.irradiance}
    angle = math.radians(light.angular_radius_deg)
    distance_mm = _DISC_DISTANCE * radius_mm
    radiance = light.irradiance / (math.pi * math.sin(angle) ** 2) + behind
    up = np.eye(3)[np.argmin(np.abs(towards))]
    place = mi.ScalarTransform4f().look_at(
        origin=(distance_mm * towards).tolist(), target=[0.0, 0.0, 0.0], up=up.tolist()
    )
    return {
        "type": "disk",
        "to_world": place.scale(distance_mm * math.tan(angle)),
        "bsdf": {"type": "diffuse", "reflectance": 0.0},
        "emitter": {"type": "area", "radiance": {"type": "rgb", "value": radiance.tolist()}},
    }


def _environment_map(image: NDArray[np.float32], axes_from_world: NDArray[np.float64]) -> dict[str, Any]:
    """Mitsuba's own map has its middle column along z and its top along y."""
    import mitsuba as mi

    world_from_map = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    placed = np.eye(4)
    placed[:3, :3] = axes_from_world @ world_from_map
    return {
        "type": "envmap",
        "bitmap": mi.Bitmap(_rows_to_the_poles(image)),
        "to_world": mi.ScalarTransform4f(placed.tolist()),
    }


def _rows_to_the_poles(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same map in 2 H + 1 rows: Mitsuba stretches the outermost rows' centres onto the poles."""
    rows = np.empty((2 * len(image) + 1, *image.shape[1:]), dtype=np.float32)
    rows[1::2] = image
    rows[0], rows[-1] = image[0], image[-1]
    rows[2:-1:2] = (image[1:] + image[:-1]) / 2.0
    return rows


def _mean_radiance(image: NDArray[np.float32], light: KeyLight) -> NDArray[np.float64]:
    """The mean radiance (rgb) of a map over the disc of a light."""
    cosines = map_directions(*image.shape[:2]) @ _unit(light)
    # At least the nearest pixel, however small the light.
    inside = cosines >= min(math.cos(math.radians(light.angular_radius_deg)), cosines.max())
    weights = inside * pixel_solid_angles(*image.shape[:2])[:, None]
    return np.einsum("hw,hwc->c", weights, image.astype(np.float64)) / weights.sum()


def _unit(light: KeyLight) -> NDArray[np.float64]:
    towards = np.array(light.towards)
    return towards / np.linalg.norm(towards)


def _spacing_mm(medium: Medium) -> NDArray[np.float64]:
    return np.linalg.norm(medium.world_from_voxel[:3, :3], axis=0)
