import csv
from xml.etree import ElementTree

from renderfm.training.curves import write_curve, write_plot

ROWS = [
    {"iteration": 0, "seconds": 0.0, "validation_psnr_db": 17.0, "all_psnr_db": 17.0},
    {"iteration": 10, "seconds": 5.0, "learning_rate": 1e-3, "loss": 0.25, "training_psnr_db": 20.5},
    {"iteration": 20, "seconds": 9.0, "validation_psnr_db": 24.5, "all_psnr_db": 24.5},
]


def test_the_csv_has_every_figure_in_its_column(tmp_path):
    write_curve(tmp_path / "curve.csv", ROWS)
    with (tmp_path / "curve.csv").open() as stream:
        found = list(csv.DictReader(stream))
    assert [row["validation_psnr_db"] for row in found] == ["17.0", "", "24.5"]
    assert [row["all_psnr_db"] for row in found] == ["17.0", "", "24.5"]
    assert found[1]["loss"] == "0.25"


def test_the_plot_has_a_line_a_series_that_rises_as_the_figures_do(tmp_path):
    write_plot(tmp_path / "curve.svg", ROWS, title="a & b")
    tree = ElementTree.parse(tmp_path / "curve.svg")
    lines = tree.findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    first, last = (point.split(",") for point in lines[0].get("points", "").split())
    assert float(last[0]) > float(first[0])
    # An image's rows count downwards.
    assert float(last[1]) < float(first[1])


def test_without_figures_there_is_no_plot(tmp_path):
    write_plot(tmp_path / "curve.svg", [{"iteration": 1, "seconds": 0.0, "loss": 1.0}], title="nothing")
    assert not (tmp_path / "curve.svg").exists()
