import numpy as np
import pytest

from renderbench.cameras import Camera, look_at, smallest_angle_deg, sphere_cameras, view_directions
from renderbench.errors import InputError

CENTER = (10.0, -20.0, 30.0)
# Fitting and test views, and training views of all classes and of one selection.
PAPER_COUNTS = [20, 40, 60, 30]
ANYWHERE = np.random.default_rng(0).normal(size=(4000, 3))
ANYWHERE /= np.linalg.norm(ANYWHERE, axis=1, keepdims=True)


def cameras(count: int = 20, layout: str = "fibonacci", seed: int = 1, **keywords: object) -> list[Camera]:
    return sphere_cameras(
        count,
        center_mm=CENTER,
        radius_mm=100.0,
        resolution=64,
        fov_deg=40.0,
        layout=layout,
        seed=seed,
        **keywords,
    )


def at(position: tuple[float, float, float]) -> Camera:
    return Camera(
        width=64,
        height=64,
        fx_px=80.0,
        fy_px=80.0,
        cx_px=32.0,
        cy_px=32.0,
        camera_from_world=look_at(position, (0.0, 0.0, 0.0)),
    )


def test_front_view_is_not_mirrored() -> None:
    front = at((0.0, -500.0, 0.0))
    (left, head), depth = front.project([[50.0, 0.0, 0.0], [0.0, 0.0, 50.0]])
    assert left[0] > 32, "the patient's left (+x) is on the image's right"
    assert head[1] < 32, "superior (+z) is up"
    assert (left[1], head[0]) == pytest.approx((32, 32))
    assert depth == pytest.approx([500.0, 500.0])


def test_side_view_from_the_patients_left() -> None:
    (nose,), _ = at((500.0, 0.0, 0.0)).project([[0.0, -50.0, 0.0]])
    assert nose[0] < 32, "seen from the patient's left, anterior is on the image's left"


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_poles_have_anterior_up(sign: float) -> None:
    camera = at((0.0, 0.0, sign * 500.0))
    (front, left), _ = camera.project([[0.0, -50.0, 0.0], [50.0, 0.0, 0.0]])
    assert front[1] < 32
    assert front[0] == pytest.approx(32)
    assert (left[0] - 32) * sign < 0, "from below as radiologists see it, from above the other way round"


def test_rotations_are_proper_and_the_centre_is_at_the_image_centre() -> None:
    for camera in cameras():
        rotation = camera.camera_from_world[:3, :3]
        assert rotation @ rotation.T == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(rotation) == pytest.approx(1.0)
        (pixel,), _ = camera.project([CENTER])
        assert pixel == pytest.approx([32.0, 32.0])
        assert camera.camera_from_world @ camera.world_from_camera == pytest.approx(np.eye(4), abs=1e-9)


def test_sphere_just_fits_the_frame() -> None:
    camera = cameras(1)[0]
    distance = np.linalg.norm(camera.position_mm - CENTER)
    silhouette_px = camera.fx_px * np.tan(np.arcsin(100.0 / distance))
    assert silhouette_px == pytest.approx(32.0)


@pytest.mark.parametrize("layout", ["fibonacci", "random"])
@pytest.mark.parametrize("count", PAPER_COUNTS)
def test_the_sphere_is_inside_the_frame_of_every_camera(count: int, layout: str) -> None:
    surface = CENTER + 100.0 * ANYWHERE
    for camera in cameras(count, layout):
        pixels, depths = camera.project(surface)
        assert depths.min() > 0
        assert pixels.min() >= -1e-9
        assert pixels.max() <= 64 + 1e-9
        # And it fills the frame: no row or column of the border is wasted.
        assert (pixels.min(axis=0) < 0.5).all()
        assert (pixels.max(axis=0) > 63.5).all()


def test_opengl_round_trip_looks_along_minus_z() -> None:
    camera = cameras()[3]
    matrix = camera.opengl_camera_to_world()
    toward_center = np.asarray(CENTER) - camera.position_mm
    assert -matrix[:3, 2] == pytest.approx(toward_center / np.linalg.norm(toward_center))
    assert matrix[2, 1] > 0, "+y is up"
    again = Camera.from_opengl(matrix, width=64, height=64, fx_px=80, fy_px=80, cx_px=32, cy_px=32)
    assert again.camera_from_world == pytest.approx(camera.camera_from_world)


@pytest.mark.parametrize("count", PAPER_COUNTS)
@pytest.mark.parametrize("seed", range(3))
def test_fibonacci_views_are_evenly_spread(count: int, seed: int) -> None:
    """No two near each other, no gap: N even caps have a radius of about 115° / sqrt(N)."""
    directions = view_directions(cameras(count, seed=seed), CENTER)
    nearest = np.sort(directions @ directions.T, axis=1)[:, -2]
    assert np.degrees(np.arccos(nearest)).min() > 175 / np.sqrt(count)
    gap_deg = np.degrees(np.arccos((ANYWHERE @ directions.T).max(axis=1).min()))
    assert gap_deg < 160 / np.sqrt(count)
    assert np.linalg.norm(directions.mean(axis=0)) < 0.03


def test_fibonacci_views_are_rotated_by_their_seed() -> None:
    one, same, other = (view_directions(cameras(40, seed=seed), CENTER) for seed in (1, 1, 2))
    assert (one == same).all()
    # Another rotation, and not of the order of the views: every angle between two views stays.
    assert one @ one.T == pytest.approx(other @ other.T, abs=1e-9)
    assert smallest_angle_deg(one[:1], other[:1]) > 1


def test_random_views_are_an_option_and_are_not_a_lattice() -> None:
    directions = view_directions(cameras(40, "random"), CENTER)
    nearest = np.sort(directions @ directions.T, axis=1)[:, -2]
    assert np.degrees(np.arccos(nearest)).min() < 15


@pytest.mark.parametrize(("layout", "share"), [("fibonacci", 0.9), ("random", 1.0)])
@pytest.mark.parametrize("fitted", [20, 40, 60])
@pytest.mark.parametrize("seed", range(4))
def test_test_views_keep_their_distance_from_fitting_views(
    layout: str, share: float, fitted: int, seed: int
) -> None:
    """The 40 test views of the paper, outside caps that cover a tenth of the sphere, or nearly."""
    fit = cameras(fitted, layout, seed=2 * seed)
    test = cameras(40, layout, seed=2 * seed + 1, apart_from=fit)
    least_deg = share * np.degrees(np.arccos(1 - 0.2 / fitted))
    angle = smallest_angle_deg(view_directions(test, CENTER), view_directions(fit, CENTER))
    assert angle > least_deg
    again = cameras(40, layout, seed=2 * seed + 1, apart_from=fit)
    assert all((a.camera_from_world == b.camera_from_world).all() for a, b in zip(test, again, strict=True))


def test_same_seed_and_count_still_give_other_test_views() -> None:
    fit = cameras(20)
    test = cameras(20, apart_from=fit)
    assert smallest_angle_deg(view_directions(test, CENTER), view_directions(fit, CENTER)) > 6


def test_random_directions_are_uniform() -> None:
    directions = view_directions(cameras(3000, "random"), CENTER)
    assert np.abs(directions.mean(axis=0)).max() < 4 / np.sqrt(3 * 3000)
    assert (directions**2).mean(axis=0) == pytest.approx([1 / 3] * 3, abs=0.03)


def test_camera_at_its_target_is_an_input_error() -> None:
    with pytest.raises(InputError, match="position and target"):
        look_at((1.0, 2.0, 3.0), (1.0, 2.0, 3.0))
