"""Which points are landmarks, where they are seen, and how their displacement in a picture is measured."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from renderbench.evaluation.anatomy.landmarks import landmarks_of, seen_landmarks
from renderbench.evaluation.anatomy.maps import seen_from, visible_of
from renderbench.evaluation.metrics import quantised
from renderbench.evaluation.metrics.landmarks import displacements
from renderbench.scans.groups import LABELS_BY_VALUE, UNNAMED
from tests.evaluation.anatomy.test_maps import OPAQUE, camera_at, grid_of
from tests.evaluation.metrics.pictures import PHOTO, on_black

SPLEEN_LABEL, LIVER_LABEL = 1, 5


def labelled_volume() -> np.ndarray:
    labels = np.zeros((30, 30, 30), dtype=np.uint8)
    labels[10:16, 12:20, 5:15] = LIVER_LABEL
    labels[20:26, 12:20, 18:26] = SPLEEN_LABEL
    return labels


def test_landmarks_are_the_outermost_voxels_of_each_structure():
    labels = labelled_volume()
    grid = grid_of(labels.shape)
    found = landmarks_of(labels, labels > 0, grid)
    assert len(found) == 12
    liver = {each.side: each.position_mm for each in found if each.label == LABELS_BY_VALUE[LIVER_LABEL].name}
    assert set(liver) == {"left", "right", "anterior", "posterior", "superior", "inferior"}
    # Voxel (x, y, z) lies at (10, -20, 30) + 1.5 (x, y, z); +x is left, +y posterior, +z superior.
    assert liver["right"][0] == 10 + 1.5 * 5
    assert liver["left"][0] == 10 + 1.5 * 14
    assert liver["anterior"][1] == -20 + 1.5 * 12
    assert liver["posterior"][1] == -20 + 1.5 * 19
    assert liver["inferior"][2] == 30 + 1.5 * 10
    assert liver["superior"][2] == 30 + 1.5 * 15
    # In the middle of the layer: rows 12 to 19, slices 10 to 15.
    assert abs(liver["left"][1] - (-20 + 1.5 * 15.5)) <= 0.75
    assert abs(liver["left"][2] - (30 + 1.5 * 12.5)) <= 0.75


def test_cuts_specks_hidden_and_unnamed_structures_are_no_landmarks():
    labels = labelled_volume()
    grid = grid_of(labels.shape)
    cut = labels.copy()
    cut[:16, 12:20, 5:15] = LIVER_LABEL
    sides = {each.side for each in landmarks_of(cut, cut > 0, grid) if each.label.lower().startswith("liver")}
    assert sides == {"left", "right", "anterior", "posterior", "superior"}
    speck = np.zeros_like(labels)
    speck[10:14, 10:14, 10:14] = LIVER_LABEL
    assert landmarks_of(speck, speck > 0, grid) == []
    assert len(landmarks_of(labels, labels == LIVER_LABEL, grid)) == 6
    unnamed = np.where(labels > 0, UNNAMED + 2, 0).astype(np.uint8)
    assert landmarks_of(unnamed, unnamed > 0, grid) == []


def test_a_landmark_is_seen_from_its_own_side_only():
    labels = labelled_volume()
    grid = grid_of(labels.shape)
    extinction = np.where(labels > 0, OPAQUE, 0.0).astype(np.float32)
    visible = visible_of(extinction, labels, grid)
    points = landmarks_of(labels, labels > 0, grid)
    positions = np.array([each.position_mm for each in points])
    middle = grid.world(np.array([[15, 15, 15]]))[0]
    for side, offset in (("anterior", (0, -200, 0)), ("left", (200, 0, 0)), ("superior", (1, 0, 200))):
        camera = camera_at(middle + np.array(offset), middle)
        _, depth_mm = seen_from(camera, visible)
        seen = seen_landmarks(camera, positions, depth_mm, 1.5)
        opposite = {"anterior": "posterior", "left": "right", "superior": "inferior"}[side]
        sides = [points[index].side for index, *_ in seen]
        assert sides.count(side) == 2
        assert opposite not in sides
        for index, column, row, depth in seen:
            (pixel,), (expected,) = camera.project(positions[index][None])
            assert (column, row, depth) == pytest.approx((*pixel, expected))


POINTS = [(column + 0.5, row + 0.5) for row in range(60, 200, 20) for column in range(60, 200, 20)]


@pytest.mark.parametrize("moved", [(0.0, 0.0), (2.0, 0.0), (1.0, -2.0), (0.5, 0.25), (-1.75, 1.5)])
def test_a_displacement_is_found_to_a_fraction_of_a_pixel(moved):
    truth = quantised(gaussian_filter(PHOTO / 255.0, (1, 1, 0)))
    image = quantised(shift(gaussian_filter(PHOTO / 255.0, (1, 1, 0)), (*moved, 0), order=3))
    found = displacements(truth, image, POINTS)
    located = np.isfinite(found)
    assert located.mean() > 0.3
    assert np.median(found[located]) == pytest.approx(np.hypot(*moved), abs=0.15)


def test_brightness_and_contrast_move_nothing():
    found = displacements(PHOTO, quantised(PHOTO / 255.0 * 0.6 + 0.1), POINTS)
    assert np.nanmedian(found) < 0.01
    assert np.nanmax(found) < 0.1


def test_large_images_are_measured_in_their_own_pixels():
    large = np.kron(PHOTO, np.ones((4, 4, 1), np.uint8))
    moved = np.roll(large, 8, axis=1)
    found = displacements(large, moved, [(4 * column, 4 * row) for column, row in POINTS])
    assert np.nanmedian(found) == pytest.approx(8, abs=0.5)


def test_points_that_the_truth_does_not_locate_are_left_out():
    truth = np.zeros((128, 128, 3), np.uint8)
    truth[:, 64:] = 200
    flat, edge, border = (30.5, 30.5), (64.5, 64.5), (3.5, 64.5)
    assert np.isnan(displacements(truth, truth, [flat, edge, border])).all()
    truth[64:] = 255 - truth[64:]
    assert displacements(truth, truth, [edge]).tolist() == [0.0]


def test_the_noise_of_the_truth_locates_nothing():
    noise = np.random.default_rng(0).normal(0, 255 * 10 ** (-35 / 20), PHOTO.shape)
    flat = quantised((120 + noise) / 255.0)
    assert np.isnan(displacements(flat, flat, POINTS)).all()


def test_a_landmark_that_the_render_does_not_show_scores_the_radius_of_the_search():
    black = np.zeros_like(PHOTO)
    found = displacements(PHOTO, black, POINTS)
    assert set(found[np.isfinite(found)]) == {5.0}


def test_displacement_is_zero_on_itself_and_grows_with_shift_blur_and_noise():
    truth = on_black(PHOTO)
    own = displacements(truth, truth, POINTS)
    assert set(own[np.isfinite(own)]) == {0.0}

    def mean(image):
        return float(np.nanmean(displacements(truth, image, POINTS)))

    rng = np.random.default_rng(0)
    worse = {
        "shift": [np.roll(truth, k, axis=1) for k in (1, 2, 3)],
        "blur": [quantised(gaussian_filter(truth / 255.0, (k, k, 0))) for k in (2, 4, 8)],
        "noise": [quantised(truth / 255.0 + rng.normal(0, k, truth.shape)) for k in (0.1, 0.4, 1.2)],
    }
    for images in worse.values():
        scores = [mean(image) for image in images]
        assert 0 < scores[0] < scores[1] < scores[2]
