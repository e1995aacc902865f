"""Segmenting a CT that comes without masks: the seam, and TotalSegmentator behind it.

TotalSegmentator is an extra with weights of its own, and it reports its use over the network unless its
configuration forbids it. So everything that it needs is checked first, and it runs in a process of its own
whose state lies in a private folder: usage statistics off, no network, the user's own configuration
untouched.
"""

from __future__ import annotations

import difflib
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from renderbench.errors import InputError, JobError
from renderbench.scans.groups import LABELS
from renderbench.scans.volume import Grid

# By the segmenter's name, whether TotalSegmentator's `total` runs at 3 mm instead of 1.5 mm.
_FAST = {"totalsegmentator": False, "totalsegmentator-fast": True}
_LAST_OF_TOTAL = 117
# The paper's own labels 118 and 119: the task that segments each, and the class's name there. Both tasks
# need a licence. Later ones overwrite earlier ones, and all overwrite `total`, which knows neither vessel.
_EXTRA_TASKS = {
    "heartchambers_highres": ("pulmonary_artery", 119),
    "coronary_arteries": ("coronary_arteries", 118),
}
# The 3 mm and 6 mm models of `total` find the region that a cropping task works in (python_api.py, "crop").
_ROBUST_CROP, _ROUGH_CROP = 297, 298
_LICENCE_LENGTH = 18  # what TotalSegmentator itself asks of a licence number where there is no network
# Where the same voxel may lie apart in what went in and what came out, in voxels; headers keep float32.
_SAME_GRID = 0.01


class Segmenter(Protocol):
    """What makes labels of a CT."""

    @property
    def name(self) -> str:
        """What ``--segment`` calls it."""

    @property
    def version(self) -> str:
        """Of the software behind it."""

    @property
    def unfilled(self) -> dict[str, str]:
        """Labels that stay empty, by name, and why."""

    def identity(self) -> dict[str, Any]:
        """What decides the labels, as JSON: part of the digest of whatever is made from them."""

    def segment(self, ct: NDArray[np.int16], grid: Grid) -> NDArray[np.uint8]:
        """Labels 0 to 119, (D, H, W), of a CT in Hounsfield units, (D, H, W), on the same grid.

        Raises:
            JobError: the segmentation failed.
        """


def require_segmenter(name: str) -> Segmenter:
    """The segmenter called ``name``, proven to have all that it needs.

    Args:
        name: ``totalsegmentator`` (1.5 mm) or ``totalsegmentator-fast`` (3 mm).

    Raises:
        InputError: no such segmenter, its package is not installed or too old, or weights are missing.
    """
    if name not in _FAST:
        close = difflib.get_close_matches(name, _FAST, n=1)
        raise InputError(
            f"segmenter {name!r}",
            f"expected one of {', '.join(_FAST)}, found none by that name",
            f"did you mean {close[0]!r}?" if close else "correct --segment",
        )
    package = _Package.installed()
    fast = _FAST[name]
    missing = package.missing_weights("total", fast=fast)
    if missing:
        raise InputError(
            "TotalSegmentator's weights",
            f"expected {', '.join(missing)} in {weights_folder()}, found none there",
            f"with network run: totalseg_download_weights -t total{'_fast' if fast else ''}",
        )
    tasks, unfilled = ["total"], {}
    for task, (_, label) in _EXTRA_TASKS.items():
        reason = _why_not(package, task)
        if reason is None:
            tasks.append(task)
        else:
            unfilled[LABELS[label].name] = reason
    return TotalSegmentator(
        name=name,
        version=package.version,
        fast=fast,
        tasks=tuple(tasks),
        values={task: package.label_values(task) for task in tasks},
        weights=tuple(sorted(weight for task in tasks for weight in package.weights(task, fast=fast))),
        unfilled=unfilled,
    )


def weights_folder() -> Path:
    """Where TotalSegmentator looks for its weights (its ``config.get_weights_dir``)."""
    if named := os.environ.get("TOTALSEG_WEIGHTS_PATH"):
        return Path(named)
    return _home() / "nnunet" / "results"


@dataclass(frozen=True, kw_only=True)
class TotalSegmentator:
    """TotalSegmentator's ``total`` task, and its tasks for labels 118 and 119 where they are licensed.

    Args:
        name: the segmenter's name.
        version: of the package.
        fast: whether ``total`` runs at 3 mm.
        tasks: in the order in which they run; later ones overwrite earlier ones.
        values: by task, the label value of each of the task's class values.
        weights: the names of the weights used.
        unfilled: labels that stay empty, by name, and why.
    """

    name: str
    version: str
    fast: bool
    tasks: tuple[str, ...]
    values: dict[str, dict[int, int]]
    weights: tuple[str, ...]
    unfilled: dict[str, str]

    def identity(self) -> dict[str, Any]:
        """See :class:`Segmenter`."""
        return {
            "name": self.name,
            "version": self.version,
            "fast": self.fast,
            "tasks": list(self.tasks),
            "weights": list(self.weights),
            "unfilled": sorted(self.unfilled),
        }

    def segment(self, ct: NDArray[np.int16], grid: Grid) -> NDArray[np.uint8]:
        """See :class:`Segmenter`."""
        labels = np.zeros(grid.shape, dtype=np.uint8)
        with tempfile.TemporaryDirectory(prefix="renderbench-segment-") as name:
            folder = Path(name)
            _write(folder / "ct.nii", ct, grid)
            self._run(folder)
            for task in self.tasks:
                found = _read(folder / f"{task}.nii.gz", grid, task)
                for value, label in self.values[task].items():
                    labels[found == value] = label
        return labels

    def _run(self, folder: Path) -> None:
        """Run every task in a process of its own; its state and its output stay in ``folder``."""
        home = folder / "home"
        home.mkdir()
        (home / "config.json").write_text(json.dumps(_private_config()))
        tasks = [{"task": task, "fast": self.fast and task == "total"} for task in self.tasks]
        (folder / "tasks.json").write_text(json.dumps(tasks))
        log = folder / "log.txt"
        with log.open("wb") as stream:
            status = subprocess.run(
                [sys.executable, "-m", "renderbench.scans.segmentation.process", str(folder)],
                env=_private_environment(home),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                check=False,
            ).returncode
        if status:
            lines = log.read_text(errors="replace").strip().splitlines()
            killed = f"it was killed by {signal.Signals(-status).name}" if status < 0 else ""
            raise _failed(
                " and ".join(self.tasks), killed or (lines[-1].strip()[:300] if lines else f"exit {status}")
            )


@dataclass(frozen=True, kw_only=True)
class _Package:
    """What the installed TotalSegmentator says of itself; its tables import neither torch nor nnU-Net."""

    version: str
    tasks: dict[str, dict[str, Any]]
    folders: dict[Any, dict[str, Any]]
    classes: dict[str, dict[int, str]]

    @classmethod
    def installed(cls) -> _Package:
        remedy = "pip install 'renderbench[segment]'"
        try:
            installed = version("TotalSegmentator")
        except PackageNotFoundError:
            installed = None
        if installed is None or find_spec("totalsegmentator") is None:
            raise InputError("TotalSegmentator", "expected the package, found it not installed", remedy)
        try:
            tables = importlib.import_module("totalsegmentator.map_tasks_config")
            classes = importlib.import_module("totalsegmentator.map_to_binary").class_map
            package = cls(
                version=installed,
                tasks=tables.TASK_CONFIGS,
                folders=tables.TASK_ID_WEIGHTS_CONFIGS,
                classes=classes,
            )
            package.label_values("total")
            package.weights("total", fast=False)
        except (ImportError, AttributeError, KeyError, TypeError):
            problem = f"expected version 2.18 or one with the same tables, found {installed}"
            raise InputError("TotalSegmentator", problem, remedy) from None
        return package

    def label_values(self, task: str) -> dict[int, int]:
        """The label of each class value of ``task``, by the class's name: its numbers are its own.

        Raises:
            KeyError: `total` has a class that no label stands for.
        """
        if task in _EXTRA_TASKS:
            wanted, label = _EXTRA_TASKS[task]
            return {value: label for value, name in self.classes[task].items() if name == wanted}
        labels = {label.name: label.value for label in LABELS[: _LAST_OF_TOTAL + 1]}
        return {value: labels[name] for value, name in self.classes[task].items()}

    def weights(self, task: str, *, fast: bool) -> list[str]:
        """The names of the weights that ``task`` needs."""
        config = self.tasks[task]
        config = config["sub_modes"]["fast" if fast else "default"] if "sub_modes" in config else config
        ids = config["task_id"] if isinstance(config["task_id"], list) else [config["task_id"]]
        if config.get("crop"):
            ids = [*ids, _ROBUST_CROP if config.get("robust_crop") else _ROUGH_CROP]
        return [str(self.folders[each]["foldername"]) for each in ids]

    def missing_weights(self, task: str, *, fast: bool) -> list[str]:
        """Those that are not there whole: TotalSegmentator would download one whose folder is missing."""
        return [
            name
            for name in self.weights(task, fast=fast)
            if not any((weights_folder() / name).glob("*/fold_0/checkpoint_final.pth"))
        ]


def _why_not(package: _Package, task: str) -> str | None:
    """Why an extra task cannot run; None when it can."""
    if task not in package.classes or task not in package.tasks:
        return f"this version of TotalSegmentator has no task {task}"
    if _licence() is None:
        return "no licence number (totalseg_set_license)"
    if missing := package.missing_weights(task, fast=False):
        return f"no weights {', '.join(missing)} (totalseg_download_weights -t {task})"
    return None


def _home() -> Path:
    if named := os.environ.get("TOTALSEG_HOME_DIR"):
        return Path(named)
    # As TotalSegmentator has it, for containers without a home.
    return (Path("/tmp") if str(Path.home()) == "/" else Path.home()) / ".totalsegmentator"


def _licence() -> str | None:
    """The user's licence number, as far as it can be judged without network."""
    try:
        number = json.loads((_home() / "config.json").read_text()).get("license_number")
    except (OSError, ValueError, AttributeError):
        return None
    return number if isinstance(number, str) and len(number) == _LICENCE_LENGTH else None


def _private_config() -> dict[str, Any]:
    """Its ``config.json``: where none lies, TotalSegmentator writes one that reports every run."""
    config: dict[str, Any] = {
        "totalseg_id": "renderbench",
        "send_usage_stats": False,
        "prediction_counter": 0,
        "statistics_disclaimer_shown": True,
    }
    licence = _licence()
    return config | ({"license_number": licence} if licence else {})


def _private_environment(home: Path) -> dict[str, str]:
    """The environment of its process: its own state, the user's weights, and no way out to the network."""
    hidden = {"no_proxy", "all_proxy"}
    kept = {key: value for key, value in os.environ.items() if key.lower() not in hidden}
    # Port 9 discards: whatever a later version may want to send or fetch fails at once.
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    own = {"TOTALSEG_HOME_DIR": str(home), "TOTALSEG_WEIGHTS_PATH": str(weights_folder().absolute())}
    return kept | nowhere | own


def _write(path: Path, ct: NDArray[np.int16], grid: Grid) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(ct)
    image.SetSpacing(grid.spacing_mm.tolist())
    image.SetOrigin(grid.world_from_voxel[:3, 3].tolist())
    image.SetDirection(grid.direction.ravel().tolist())
    # ITK turns LPS into the RAS of NIfTI.
    sitk.WriteImage(image, str(path))


def _read(path: Path, grid: Grid, task: str) -> NDArray[np.uint8]:
    """A task's classes, proven to lie where the CT lies."""
    import SimpleITK as sitk

    if not path.is_file():
        raise _failed(task, "no file")
    image = sitk.ReadImage(str(path))
    if image.GetSize() != grid.shape[::-1]:
        raise _failed(task, f"{image.GetSize()} voxels for {grid.shape[::-1]}")
    corners = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]) * (
        np.array(grid.shape[::-1]) - 1
    )
    there = np.array(
        [image.TransformContinuousIndexToPhysicalPoint(corner.tolist()) for corner in corners * 1.0]
    )
    apart_mm = float(np.linalg.norm(there - grid.world(corners * 1.0), axis=1).max())
    if apart_mm > _SAME_GRID * grid.spacing_mm.min():
        raise _failed(task, f"one that lies {apart_mm:.3g} mm off")
    return sitk.GetArrayFromImage(image).astype(np.uint8)


def _failed(task: str, found: str) -> JobError:
    return JobError(
        f"TotalSegmentator ({task})",
        f"expected a segmentation on the CT's grid, found: {found}",
        "see whether TotalSegmentator runs on this machine by itself",
    )
