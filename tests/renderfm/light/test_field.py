"""The light in a grid: against an independent walk through it, closed forms, symmetries."""

import itertools
import math

import numpy as np
import pytest

from renderbench.config import MediumSettings
from renderbench.groundtruth.medium import extinction
from renderbench.scans.groups import select_groups
from renderfm.inputs import lit
from renderfm.light import VALUES, incident_radiance
from renderfm.light.sweeps import block_extinction
from tests.renderfm.scans import arrays, inputs

EDGE_MM = 3.0


def grid(shape=(5, 6, 7), seed=0):
    generator = np.random.default_rng(seed)
    sigma_t = (generator.random(shape) ** 4).astype(np.float32)
    return sigma_t, generator.random((3, *shape)).astype(np.float32)


def walked(sigma_t, source):
    """The mean radiance that arrives at each cell: every direction followed outwards, in float64."""
    shape = np.array(sigma_t.shape)
    weights = {1: 1 / 21, 2: 4 / 105, 3: 9 / 280}
    result = np.zeros(sigma_t.shape)
    for step in itertools.product((-1, 0, 1), repeat=3):
        axes = sum(map(abs, step))
        if axes == 0:
            continue
        for start in np.ndindex(sigma_t.shape):
            radiance, through = 0.0, 1.0
            cell = np.array(start) - step
            while (cell >= 0).all() and (cell < shape).all():
                passed = math.exp(-float(sigma_t[tuple(cell)]) * EDGE_MM * math.sqrt(axes))
                radiance += through * (1 - passed) * float(source[tuple(cell)])
                through *= passed
                cell -= step
            result[start] += weights[axes] * (radiance + through)
    return result


def test_it_is_what_a_walk_along_every_direction_finds():
    sigma_t, albedo = grid()
    arriving, scattered = incident_radiance(sigma_t, albedo, EDGE_MM)
    depth = sigma_t.astype(float) * EDGE_MM
    kept = np.where(depth > 1e-4, -np.expm1(-depth) / np.maximum(depth, 1e-12), 1.0)
    direct = walked(sigma_t, np.zeros_like(sigma_t))
    for channel in range(3):
        first = albedo[channel] * direct * kept
        expected = walked(sigma_t, first)
        np.testing.assert_allclose(arriving[channel], expected, rtol=0, atol=2e-6)
        inside = albedo[channel] * (expected * kept + first * (1 - kept))
        np.testing.assert_allclose(scattered[channel], inside, rtol=0, atol=2e-6)


def test_where_nothing_is_all_light_arrives_and_none_is_scattered():
    sigma_t, _ = grid()
    arriving, scattered = incident_radiance(0 * sigma_t, np.zeros((3, *sigma_t.shape), np.float32), EDGE_MM)
    np.testing.assert_allclose(arriving, 1.0, atol=1e-6)
    assert not scattered.any()


def test_behind_a_black_wall_half_of_the_light_arrives():
    # The wall fills everything from slice 8 on; cell (7, middle) looks at it with half of its directions.
    sigma_t = np.zeros((9, 61, 61), np.float32)
    sigma_t[8] = 100.0
    arriving, _ = incident_radiance(sigma_t, np.zeros((3, *sigma_t.shape), np.float32), EDGE_MM)
    level = 4 / 21 + 4 * 4 / 105
    np.testing.assert_allclose(arriving[:, 7, 30, 30], level + (1 - level) / 2, atol=1e-6)


def test_mirrors_and_colours_change_places_with_the_light():
    sigma_t, albedo = grid()
    whole = incident_radiance(sigma_t, albedo, EDGE_MM)
    for axis in range(3):
        turned = incident_radiance(np.flip(sigma_t, axis).copy(), np.flip(albedo, axis + 1).copy(), EDGE_MM)
        for expected, found in zip(whole, turned, strict=True):
            np.testing.assert_allclose(found, np.flip(expected, axis + 1), atol=1e-6)
    other = incident_radiance(sigma_t, albedo[[2, 0, 1]].copy(), EDGE_MM)
    for expected, found in zip(whole, other, strict=True):
        np.testing.assert_array_equal(found, expected[[2, 0, 1]])


def test_light_is_the_same_bits_for_any_number_of_threads(monkeypatch):
    sigma_t, albedo = grid((20, 21, 22))
    found = []
    for threads in ("1", "3"):
        monkeypatch.setenv("RENDERBENCH_THREADS", threads)
        found.append(incident_radiance(sigma_t, albedo, EDGE_MM))
    for one, three in zip(*found, strict=True):
        np.testing.assert_array_equal(one, three)


def test_a_blocks_extinction_is_the_mean_of_its_shown_voxels():
    given, medium = arrays(), MediumSettings()
    selection = select_groups("organs")
    alpha, group = given["rgba"][3].copy(), given["groups"]
    shown = np.zeros(12, dtype=np.bool_)
    shown[list(selection.indices)] = True
    found = np.empty(tuple(size // 2 for size in alpha.shape), dtype=np.float32)
    channel = (group / np.float32(11)).astype(np.float32)
    block_extinction(alpha, channel, shown, medium.alpha_max, 1 / medium.reference_mm, found)
    each = extinction(np.where(selection.mask(group), alpha, 0).astype(np.float64), medium)
    depth, height, width = found.shape
    cut = each[: 2 * depth, : 2 * height, : 2 * width].reshape(depth, 2, height, 2, width, 2)
    np.testing.assert_allclose(found, cut.mean(axis=(1, 3, 5)), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("names", [("all",), ("all", "skeleton")])
def test_fewer_groups_leave_more_light(names):
    selections = [select_groups(name) for name in names]
    given = arrays()
    made = lit(inputs(light=()), selections, MediumSettings(), given["grid"])
    assert list(made.light) == list(names)
    for light in made.light.values():
        assert light.shape == (len(made.prior), VALUES)
        assert light.min() >= 0
        assert light.max() <= 1 + 1e-5
    if len(names) == 2:
        arriving, alone = (made.light[name][:, :3] for name in names)
        assert alone.mean() > arriving.mean() + 0.1
