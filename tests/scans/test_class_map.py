"""Our labels against TotalSegmentator's own table of classes, read without running any of it."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from renderbench.scans.groups import LABELS

VERSION = "2.18.0"
TABLE = "totalsegmentator/map_to_binary.py"

KNOWN_DIFFERENCES: dict[int, tuple[str, str]] = {}
"""Label: (our name, TotalSegmentator's). There is none between Table 3 and `total` of 2.18.0."""


@pytest.fixture(scope="module")
def class_map(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """By task, the name of each class value."""
    tree = ast.parse(installed_source() or downloaded_source(tmp_path_factory.mktemp("wheel")))
    tables = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id == "class_map"
    ]
    assert len(tables) == 1
    return tables[0]


def installed_source() -> str | None:
    try:
        return Path(str(distribution("TotalSegmentator").locate_file(TABLE))).read_text()
    except (PackageNotFoundError, FileNotFoundError):
        return None


def downloaded_source(folder: Path) -> str:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", "--disable-pip-version-check"]
    command += ["--retries", "1", "--timeout", "10", "--dest", str(folder), f"totalsegmentator=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        pytest.skip(f"TotalSegmentator {VERSION} is neither installed nor can its wheel be downloaded here")
    with zipfile.ZipFile(wheels[0]) as wheel:
        return wheel.read(TABLE).decode()


def test_labels_1_to_117_are_those_of_total(class_map):
    ours = {label.value: label.name for label in LABELS[1:118]}
    theirs = class_map["total"]
    assert sorted(ours) == sorted(theirs) == list(range(1, 118))
    differences = {value: (ours[value], theirs[value]) for value in ours if ours[value] != theirs[value]}
    assert differences == KNOWN_DIFFERENCES


def test_labels_118_and_119_come_from_the_extra_tasks(class_map):
    assert class_map["coronary_arteries"] == {1: "coronary_arteries"}
    assert class_map["heartchambers_highres"][7] == "pulmonary_artery"
    for name in ("coronary_arteries", "pulmonary_artery"):
        assert name not in class_map["total"].values()
    assert [label.name for label in LABELS[118:]] == [
        "Coronary Arteries (User-defined)",
        "Pulmonary Artery (User-defined)",
    ]
