"""What Render-FM's prediction costs, by volume: ``python benchmarks/renderfm.py [--json FILE]``.

Cubes from 32³ voxels to what the machine holds, then the 48 million voxels of the paper's largest scans, cut
from a phantom's torso of 3 mm (mirrored where it is smaller), stored as stage 1 stores them. Of each: seconds
to read the store, to make the inputs, through the network and to instantiate the Gaussians, and the peak
memory of the process beyond what it takes to start. In one pass, and in windows; on a CUDA device where
there is one (then with what torch has allocated there). Each measurement is a process of its own. Weights are
random where no checkpoint is named: they change no time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Python puts a script's folder first, where this file would hide the package of the same name.
sys.path[:] = [each for each in sys.path if Path(each).resolve() != Path(__file__).resolve().parent]

import numpy as np
import torch

from renderbench.artefacts import write_json
from renderbench.config import MediumSettings
from renderbench.errors import InputError
from renderbench.evaluation.machine import hardware
from renderbench.methods import Task
from renderbench.scans.fingerprint import fingerprint_of, foreground_histogram
from renderbench.scans.groups import select_groups
from renderbench.scans.phantom import phantom_scan
from renderbench.scans.store import ScanStore, write_scan
from renderbench.scans.transfer import load_transfer_function
from renderbench.scans.volume import Grid, Scan
from renderbench.threads import thread_count
from renderfm.checkpoint import load_checkpoint, save_checkpoint
from renderfm.model import RenderFM
from renderfm.scenes import predicted
from renderfm.settings import ModelSettings, PredictionSettings
from renderfm.windows import needed_bytes

SIDES = (32, 64, 96, 128, 192, 256, 320)
LARGEST = (400, 346, 346)
"""48 million voxels, in the proportions of a body."""
PAPER_S = 2.8
"""What the paper states for its scans on an A100."""
GIB = 2**30


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sides", type=int, nargs="*", default=SIDES, help="of the cubes, in voxels")
    parser.add_argument("--no-largest", action="store_true", help="without the 48 million voxels")
    parser.add_argument("--models", nargs="+", default=["mini"], choices=["mini", "small", "paper"])
    parser.add_argument("--checkpoint", help="measure this one instead of random weights")
    parser.add_argument("--windows", nargs="+", default=["whole", "32"], help="whole, or slices")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="also write the results here")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(child(*arguments.child)))
        return
    shapes = [(side,) * 3 for side in arguments.sides]
    shapes += [] if arguments.no_largest else [LARGEST]
    result: dict[str, Any] = {"hardware": hardware(), "threads": thread_count(), "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        models = {arguments.checkpoint: arguments.checkpoint} if arguments.checkpoint else {}
        for size in [] if arguments.checkpoint else arguments.models:
            models[size] = str(random_model(Path(folder), size))
        body = phantom_scan(0, spacing_mm=3.0)
        for shape in shapes:
            store = stored(Path(folder), body, shape)
            for name, path in models.items():
                for window in arguments.windows:
                    row = {"model": name, "shape": shape, "asked": window}
                    row |= measured(store, path, window, arguments.device, arguments.repeats)
                    result["rows"].append(row)
                    print(line_of(row), flush=True)
    if arguments.json:
        write_json(arguments.json, result)


def random_model(folder: Path, size: str) -> Path:
    """A checkpoint of random weights."""
    torch.manual_seed(0)
    made = RenderFM(ModelSettings.model_validate({"size": size}))
    torch.nn.init.normal_(made.head.linear.weight, std=0.05)
    normalisation = fingerprint_of([foreground_histogram(np.zeros((1, 1, 1), np.int16), np.ones((1, 1, 1)))])
    assert normalisation is not None
    path = folder / f"{size}.safetensors"
    save_checkpoint(path, made, normalisation, {})
    return path


def stored(folder: Path, body: Scan, shape: tuple[int, ...]) -> Path:
    """A store of that shape: around the body's middle, repeated by mirroring beyond its ends."""
    indices = []
    for wanted, there in zip(shape, body.grid.shape, strict=True):
        around = np.arange(wanted) - wanted // 2 + there // 2
        folded = np.abs(around) % (2 * there)
        indices.append(np.minimum(folded, 2 * there - 1 - folded))
    cut = np.ix_(*indices)
    depth, height, width = shape
    grid = Grid(shape=(depth, height, width), world_from_voxel=body.grid.world_from_voxel)
    path = folder / "scans" / "benchmark" / "volume.zarr"
    write_scan(
        path,
        Scan(name="volume", ct=body.ct[cut], labels=body.labels[cut], grid=grid),
        dataset="benchmark",
        transfer_functions=[load_transfer_function("seen")],
        digest="benchmark",
        provenance={},
        seconds={},
    )
    return path


def measured(store: Path, checkpoint: str, window: str, device: str, repeats: int) -> dict[str, Any]:
    """Medians over processes; the reason where a volume does not fit."""
    runs = []
    for _ in range(repeats):
        command = [sys.executable, __file__, "--child", str(store), checkpoint, window, device]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            return {"reason": f"the process ended with {done.returncode}"}
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        if "reason" in runs[-1]:
            return runs[-1]
    seconds = {item: statistics.median(run["seconds"][item] for run in runs) for item in runs[0]["seconds"]}
    memory = {key: max(run[key] for run in runs) for key in runs[0] if key.endswith("_gib")}
    return runs[0] | memory | {"seconds": seconds, "total_s": sum(seconds.values())}


def child(store: str, checkpoint: str, window: str, device: str) -> dict[str, Any]:
    """One prediction in this process."""
    loaded = load_checkpoint(checkpoint)
    scan = ScanStore.open(Path(store))
    task = Task(
        scan=scan,
        transfer_function="seen",
        groups=select_groups("all"),
        medium=MediumSettings(),
        fit_views=[],
        test_views=None,
        protocol="heldout",
        seed=0,
    )
    there = torch.cuda.is_available() and device != "cpu"
    on = torch.device("cuda" if there else "cpu")
    if there:
        # The context, and cuDNN's own start.
        torch.nn.functional.conv3d(
            torch.zeros(1, 1, 8, 8, 8, device=on), torch.zeros(1, 1, 3, 3, 3, device=on)
        )
    settings = PredictionSettings.model_validate({"window": int(window) if window.isdigit() else window})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        gaussians, notes = predicted(task, settings, loaded, on, task.groups)
    except InputError as error:
        return {"reason": str(error)}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    result = {
        "device": on.type,
        "points": len(gaussians),
        "window": notes["window"],
        "seconds": notes["infer_seconds"],
        "peak_gib": peak * 1024 / GIB,
        "estimate_gib": needed_bytes(loaded.model.settings, scan.grid.shape, notes["window"]) / GIB,
    }
    if there:
        result["cuda_peak_gib"] = torch.cuda.max_memory_allocated() / GIB
    return result


def line_of(row: dict[str, Any]) -> str:
    """A row for the terminal."""
    voxels = int(np.prod(row["shape"])) / 1e6
    label = f"{row['model']}, {' × '.join(map(str, row['shape']))} ({voxels:.2f} M), {row['asked']}"
    if "reason" in row:
        return f"{label}: n/a, {row['reason']}"
    items = ", ".join(f"{item} {seconds:.2f}" for item, seconds in row["seconds"].items())
    memory = f"{row['peak_gib']:.2f} GiB"
    if "cuda_peak_gib" in row:
        memory += f" and {row['cuda_peak_gib']:.2f} GiB on the device"
    of_paper = row["device"] == "cuda" and tuple(row["shape"]) == LARGEST
    note = f" (the paper: {PAPER_S} s)" if of_paper else ""
    return f"{label}: {row['total_s']:.2f} s{note} ({items}), {memory}, {row['points']:,} Gaussians"


if __name__ == "__main__":
    main()
