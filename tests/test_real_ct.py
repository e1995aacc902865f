"""A real patient, through stages 1 and 2: nobody is mirrored, turned or mis-coloured."""

import numpy as np
import pytest

from renderbench.cameras import Camera, look_at
from renderbench.config import MediumSettings, RendererSettings
from renderbench.groundtruth.colour import srgb_from_linear
from renderbench.groundtruth.medium import medium_from_rgba
from renderbench.groundtruth.native import NativeRenderer
from renderbench.layout import Root
from renderbench.scans.groups import select_groups
from renderbench.scans.stage import prepare_dataset
from renderbench.scans.store import ScanStore

SIZE = 72
DISTANCE_MM = 900.0


@pytest.fixture(scope="module")
def scan(real_ct, tmp_path_factory) -> ScanStore:
    root = Root(tmp_path_factory.mktemp("real"))
    report = prepare_dataset("folder", raw=real_ct, root=root)
    assert "ct-abdomen" in report.written
    return ScanStore.open(root.scan("folder", "ct-abdomen"))


def front_view(scan: ScanStore, groups: str) -> np.ndarray:
    """(SIZE, SIZE, 4) sRGB and alpha of some groups, seen from the patient's front, upright."""
    middle = scan.grid.world((np.array(scan.grid.shape[::-1], dtype=float)[None] - 1) / 2)[0]
    camera = Camera(
        width=SIZE,
        height=SIZE,
        fx_px=1.9 * SIZE,
        fy_px=1.9 * SIZE,
        cx_px=SIZE / 2,
        cy_px=SIZE / 2,
        camera_from_world=look_at(middle + np.array([0.0, -DISTANCE_MM, 0.0]), middle),
    )
    medium = medium_from_rgba(
        scan.rgba("seen"), scan.groups(), select_groups(groups), scan.grid, MediumSettings()
    )
    view = NativeRenderer(medium, RendererSettings()).render_pass(camera, seed=0, first=0, count=32 // 2)
    return np.dstack([srgb_from_linear(view.rgb), view.alpha])


def centre(image: np.ndarray) -> tuple[float, float]:
    """(column, row) of the alpha's centroid, as fractions of the image."""
    rows, columns = np.nonzero(image[..., 3] > 0.5)
    return float(columns.mean() / SIZE), float(rows.mean() / SIZE)


def test_from_the_front_the_liver_is_on_the_left_of_the_image_and_the_spleen_on_the_right(scan):
    liver, spleen = centre(front_view(scan, "liver")), centre(front_view(scan, "spleen"))
    assert liver[0] < 0.5 < spleen[0]
    # Both lie in the upper half: the patient is not upside down.
    assert max(liver[1], spleen[1]) < 0.5


def test_sizes_are_the_patients(scan):
    """The picture's width of the skeleton is that of its labels, in millimetres over distance."""
    columns = np.nonzero((front_view(scan, "skeleton")[..., 3] > 0.5).any(axis=0))[0]
    k, j, i = np.nonzero(scan.groups() == 7)
    world = scan.grid.world(np.stack([i, j, k], axis=-1).astype(float))
    width_mm = np.ptp(world[:, 0])
    nearest, farthest = DISTANCE_MM - 150, DISTANCE_MM + 150
    found = (np.ptp(columns) + 1) / (1.9 * SIZE)
    assert width_mm / farthest < found < width_mm / nearest


def test_colours_are_the_transfer_functions(scan):
    def mean_colour(groups: str) -> np.ndarray:
        image = front_view(scan, groups)
        return image[image[..., 3] > 0.9][:, :3].mean(axis=0)

    red, green, blue = mean_colour("spleen")
    assert blue > red > green  # soft purple
    red, green, blue = mean_colour("liver")
    assert red > green > blue  # brown
    red, green, blue = mean_colour("muscle")
    assert red > 1.2 * green
    assert abs(green - blue) < 0.05  # muscle pink


def test_every_label_of_the_file_is_there(scan):
    assert len(np.unique(scan.labels())) == 62
