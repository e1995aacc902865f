"""Figure 3: a row a condition, ground truth and methods side by side, nothing that was not scored."""

import imageio.v3 as iio
import numpy as np
import pytest

from leaderboard.figure import write_figure
from renderbench.config import Suite
from renderbench.errors import InputError
from renderbench.evaluation.contact_sheet import representative_views
from renderbench.groundtruth.viewset import ViewSet
from tests.leaderboard.studies import write_study

SUITE = Suite.model_validate(
    {
        "name": "s",
        "blocks": [
            {"id": "b", "title": "Discs", "dataset": "folder", "methods": ["agp", "6dgs", "6dgs-agp"]},
            {"id": "none", "title": "Nothing", "dataset": "folder", "methods": ["agp"]},
        ],
    }
)
# Of the sheet: margin, cell, head.
GAP, CELL, HEAD = 6, 256, 46


def cell(sheet, column):
    left = GAP + column * (CELL + GAP)
    return sheet[HEAD : HEAD + CELL, left : left + CELL].astype(float)


def test_a_row_shows_the_scored_view_of_truth_and_methods(tmp_path):
    root = write_study(tmp_path, methods=("agp", "6dgs"))
    lines = []
    path = write_figure(root, SUITE, announce=lines.append)
    assert path == tmp_path / "leaderboard" / "figures" / "s.png"
    assert lines == ["left out: none: no run"]
    sheet = iio.imread(path)
    # Ground truth and the two methods that have a run somewhere.
    assert sheet.shape[1] == 3 * (CELL + GAP) + GAP
    truth = ViewSet.open(root.views("folder", "scan-1", "seen", "all", "s-test"))
    view = representative_views(truth.cameras, 1)[0]
    small = cell(sheet, 0)[3::6, 3::6]
    assert small.mean() == pytest.approx(truth.images()[view].mean(), rel=0.05)
    errors = [np.abs(cell(sheet, column) - cell(sheet, 0)).mean() for column in (1, 2)]
    assert 0 < errors[0] < errors[1]


def test_a_scan_by_name_and_one_that_is_not_there(tmp_path):
    root = write_study(tmp_path)
    assert write_figure(root, SUITE, "scan-1", announce=lambda line: None).is_file()
    lines = []
    with pytest.raises(InputError, match="renderbench run"):
        write_figure(root, SUITE, "scan-9", announce=lines.append)
    assert lines[0] == "left out: b: no run of scan scan-9"


def test_a_render_that_was_not_scored_is_refused(tmp_path):
    root = write_study(tmp_path)
    for path in (root.run("s", "b", "scan-1", "6dgs") / "renders").iterdir():
        iio.imwrite(path, np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"6dgs/renders/.*expected the image that was scored, found another"):
        write_figure(root, SUITE, announce=lambda line: None)
    assert not (tmp_path / "leaderboard").exists()


def test_other_ground_truth_is_refused(tmp_path):
    root = write_study(tmp_path)
    record = root.run("s", "b", "scan-1", "6dgs") / "record.json"
    truth = ViewSet.open(root.views("folder", "scan-1", "seen", "all", "s-test"))
    record.write_text(record.read_text().replace(truth.digest, "0" * 64))
    with pytest.raises(
        InputError, match="scored on the test views as they stand, found one scored on others"
    ):
        write_figure(root, SUITE, announce=lambda line: None)
