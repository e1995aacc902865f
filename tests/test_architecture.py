"""The rules of docs/architecture.md that code can break silently."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ROOMS = ("renderbench", "baselines", "renderfm", "leaderboard")
HEAVY = ("torch", "numba", "mitsuba", "SimpleITK", "zarr", "pandas", "skimage", "scipy", "dask", "numpy")


def modules(folder: str) -> list[Path]:
    return sorted((REPOSITORY / folder).rglob("*.py"))


def imports_of(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, as written."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("path", modules("renderbench"), ids=str)
def test_renderbench_imports_nothing_above_it(path):
    assert not tops(path) & {"baselines", "renderfm", "leaderboard"}


@pytest.mark.parametrize("path", [*modules("baselines"), *modules("renderfm")], ids=str)
def test_methods_do_not_know_the_leaderboard(path):
    assert "leaderboard" not in tops(path)


@pytest.mark.parametrize("path", modules("leaderboard"), ids=str)
def test_the_leaderboard_reads_what_the_stages_wrote_and_makes_none_of_it(path):
    making = (
        "renderbench.groundtruth",
        "renderbench.splats",
        "renderbench.farm",
        "renderbench.methods",
        "renderbench.evaluation.stage",
        "renderbench.evaluation.protocol",
    )
    made = {name for name in imports_of(path) if name.startswith(making)}
    assert made <= {"renderbench.groundtruth.viewset"}
    assert not tops(path) & {"torch", "numba", "baselines", "renderfm"}


@pytest.mark.parametrize(
    "path",
    [
        *modules("renderbench/scans"),
        REPOSITORY / "renderbench/cameras.py",
        REPOSITORY / "renderbench/config.py",
    ],
    ids=str,
)
def test_scans_cameras_and_config_never_import_torch_or_mitsuba(path):
    assert not tops(path) & {"torch", "mitsuba"}


@pytest.mark.parametrize("path", [path for room in ROOMS for path in modules(room)], ids=str)
def test_files_are_short_and_never_unpickle(path):
    assert len(path.read_text().splitlines()) <= 400
    assert not tops(path) & {"pickle", "dill", "joblib"}


def test_folders_without_code_have_none():
    for folder in ("datasets", "pbrt_scenes"):
        assert not modules(folder)


def test_the_command_line_loads_nothing_heavy():
    program = (
        "import sys; from renderbench.cli.app import build; build();"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
