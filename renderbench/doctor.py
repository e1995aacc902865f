"""What this machine can do: one finding a capability, with the remedy where one is missing."""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from renderbench.errors import InputError

_SCHEDULERS = {"SLURM": "sbatch", "PBS or SGE": "qsub", "LSF": "bsub"}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One capability: whether it is there, what was found, and how to get it."""

    name: str
    present: bool
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, str | bool]:
        """For JSON."""
        return asdict(self)


def examine() -> list[Finding]:
    """Every finding, what all work needs first and what only some needs after it."""
    renderers = [_pbrt(), _mitsuba(), _llvm()]
    gpu = [_gpu(), _cuda_tracer(), _gsplat()]
    return [_machine(), _torch(), *gpu, *renderers, _segmenter(), *_lpips(), _scheduler(), _disk()]


def _machine() -> Finding:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Finding(
        name="machine",
        present=True,
        detail=f"Python {platform.python_version()}, {os.cpu_count()} cores, {memory:.0f} GiB memory",
    )


def _torch() -> Finding:
    return _package("torch", "torch", "pip install torch")


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding(name="GPU", present=False, detail="unknown without torch", remedy="pip install torch")
    import torch

    if torch.cuda.is_available():
        return Finding(name="GPU", present=True, detail=torch.cuda.get_device_name(0))
    remedy = "not needed: everything runs on CPU"
    return Finding(name="GPU", present=False, detail="none that torch can use", remedy=remedy)


def _cuda_tracer() -> Finding:
    from renderbench.groundtruth.native.cuda import cuda_obstacle

    name = "native on CUDA"
    obstacle = cuda_obstacle()
    if obstacle is None:
        return Finding(name=name, present=True, detail="compiled, and rendered a trial pixel")
    return Finding(name=name, present=False, detail=obstacle.found, remedy=obstacle.remedy)


def _gsplat() -> Finding:
    from renderbench.splats.raster import require_gsplat

    try:
        require_gsplat()
    except InputError as error:
        return Finding(name="gsplat", present=False, detail=error.problem, remedy=error.remedy)
    return Finding(name="gsplat", present=True, detail=f"{_installed('gsplat')}, kernels built")


def _pbrt() -> Finding:
    named = os.environ.get("RENDERBENCH_PBRT")
    found = named if named and Path(named).is_file() else shutil.which("pbrt")
    remedy = "" if found else "build pbrt-v4 and put it on PATH, or set RENDERBENCH_PBRT to the binary"
    return Finding(name="pbrt-v4", present=found is not None, detail=found or "no binary", remedy=remedy)


def _mitsuba() -> Finding:
    return _package("mitsuba", "mitsuba", "pip install mitsuba")


def _llvm() -> Finding:
    named = os.environ.get("DRJIT_LIBLLVM_PATH")
    found = named or ctypes.util.find_library("LLVM")
    remedy = "" if found else "apt-get install libllvm19 or alike, 16 or newer (Mitsuba's llvm variants)"
    detail = found or "no shared library"
    return Finding(name="libLLVM", present=found is not None, detail=detail, remedy=remedy)


def _segmenter() -> Finding:
    from renderbench.scans.segmentation import require_segmenter

    name = "TotalSegmentator"
    try:
        segmenter = require_segmenter("totalsegmentator")
    except InputError as error:
        return Finding(name=name, present=False, detail=error.problem, remedy=error.remedy)
    lacking = "; ".join(f"no {label}: {reason}" for label, reason in segmenter.unfilled.items())
    return Finding(name=name, present=True, detail=segmenter.version, remedy=lacking)


def _lpips() -> list[Finding]:
    from renderbench.evaluation.metrics import lpips

    findings = []
    for metric_id in lpips.VARIANTS:
        try:
            lpips.load(metric_id)
        except lpips.Unavailable as reason:
            remedy = "docs/metrics.md says where weights go; without them the score is n/a"
            findings.append(Finding(name=metric_id, present=False, detail=str(reason), remedy=remedy))
        else:
            findings.append(Finding(name=metric_id, present=True, detail="published weights"))
    return findings


def _scheduler() -> Finding:
    found = [name for name, command in _SCHEDULERS.items() if shutil.which(command)]
    return Finding(
        name="batch scheduler",
        present=bool(found),
        detail=", ".join(found) or "none",
        remedy="" if found else "not needed on one machine",
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free / 2**30
    remedy = "" if free > 1 else "free some"
    return Finding(name="disk", present=free > 1, detail=f"{free:.0f} GiB free here", remedy=remedy)


def _package(distribution: str, name: str, remedy: str) -> Finding:
    found = _installed(distribution)
    present = found is not None
    return Finding(name=name, present=present, detail=found or "absent", remedy="" if present else remedy)


def _installed(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
