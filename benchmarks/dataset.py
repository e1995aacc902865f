"""What stage 1 costs beside the libraries it stands on: ``python benchmarks/dataset.py``.

One 512 x 512 x 400 scan from .nii.gz to a finished store, against the sum of SimpleITK's own read and linear
resample and a plain blosc Zarr write of the same arrays, interleaved in one run; peak memory against the
source array; and 8 scans on two workers against one. Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np

SIZE = (400, 512, 512)
SMALL = (160, 200, 200)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, help="a folder for the data; a temporary one by default")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the result here as well")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        name, *rest = arguments.child
        print(json.dumps(CHILDREN[name](*map(Path, rest))))
        return
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        result = compare(Path(folder), arguments.repeats)
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.json:
        arguments.json.write_text(text + "\n")


def compare(work: Path, repeats: int) -> dict[str, object]:
    # In a child as well: a process begins with the peak memory of the one that started it.
    one, eight = work / "one", work / "eight"
    child("raw", one, eight)
    ours, peers = [], []
    for index in range(repeats):
        peers.append(child("peer", one, work / "arrays", work / f"peer-{index}"))
        ours.append(child("ours", one, work / f"ours-{index}"))
    seconds = statistics.median(each["seconds"] for each in ours)
    parts = {part: statistics.median(each[part] for each in peers) for part in ("read", "resample", "write")}
    source_bytes = int(np.prod(SIZE)) * 2
    scaling = []
    for index in range(max(1, repeats // 2)):
        alone = child("workers-1", eight, work / f"alone-{index}")["seconds"]
        both = child("workers-2", eight, work / f"both-{index}")["seconds"]
        scaling.append(alone / both)
    return {
        "scan": "x".join(map(str, SIZE[::-1])) + " voxels, .nii.gz with labels",
        "peer": "SimpleITK read + linear resample, Zarr blosc write of the same arrays",
        "ours_seconds": round(seconds, 2),
        "peer_seconds": {part: round(value, 2) for part, value in parts.items()},
        "ratio": round(seconds / sum(parts.values()), 2),
        "ratios": [
            round(our["seconds"] / (peer["read"] + peer["resample"] + peer["write"]), 2)
            for our, peer in zip(ours, peers, strict=True)
        ],
        "peak_over_source": round(max(each["peak_bytes"] for each in ours) / source_bytes, 2),
        "eight_scans_two_workers_over_one": round(statistics.median(scaling), 2),
        "eight_scans_each": [round(each, 2) for each in scaling],
        "cores": len(os.sched_getaffinity(0)),
        "versions": {name: version(name) for name in ("renderbench", "SimpleITK", "zarr", "dask", "numpy")},
    }


def child(name: str, *paths: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", name, *map(str, paths)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def write_raw(raw: Path, count: int, shape: tuple[int, int, int]) -> Path:
    """Scans of a phantom's anatomy with a scanner's noise, as large as asked."""
    import SimpleITK as sitk

    from renderbench.scans.phantom import phantom_scan

    scan = phantom_scan(0, spacing_mm=3.0)
    random = np.random.default_rng(0)
    for index in range(count):
        for name, values, interpolator in (
            ("ct", scan.ct, sitk.sitkLinear),
            ("labels", scan.labels, sitk.sitkNearestNeighbor),
        ):
            image = sitk.GetImageFromArray(values)
            image.SetSpacing((3.0, 3.0, 3.0))
            resampler = sitk.ResampleImageFilter()
            resampler.SetSize(shape[::-1])
            extent = 3.0 * np.array(values.shape[::-1])
            resampler.SetOutputSpacing((extent / shape[::-1]).tolist())
            resampler.SetInterpolator(interpolator)
            array = sitk.GetArrayFromImage(resampler.Execute(image))
            if name == "ct":
                array = (array + random.normal(0, 12, shape)).astype(np.int16)
            written = sitk.GetImageFromArray(array)
            written.SetSpacing((extent / shape[::-1]).tolist())
            (raw / f"scan-{index}").mkdir(parents=True, exist_ok=True)
            sitk.WriteImage(written, str(raw / f"scan-{index}" / f"{name}.nii.gz"))
    return raw


def ours(raw: Path, root: Path) -> dict[str, float]:
    return stage_one(raw, root, "serial")


def stage_one(raw: Path, root: Path, cluster: str) -> dict[str, float]:
    from renderbench.farm import parse_cluster
    from renderbench.layout import Root
    from renderbench.scans.stage import prepare_dataset

    start = time.perf_counter()
    report = prepare_dataset("folder", raw=raw, root=Root(root), cluster=parse_cluster(cluster))
    seconds = time.perf_counter() - start
    assert report.written
    assert not report.rejected
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": seconds, "peak_bytes": peak}


def workers(count: int):
    def run(raw: Path, root: Path) -> dict[str, float]:
        # One thread a worker in both, so that the ratio is that of the workers.
        os.environ["RENDERBENCH_THREADS"] = str(count)
        return stage_one(raw, root, f"local:{count}")

    return run


def peer(raw: Path, arrays: Path, out: Path) -> dict[str, float]:
    """SimpleITK and Zarr as anyone would call them; the arrays to write are those of our store."""
    import SimpleITK as sitk
    import zarr

    folder = raw / "scan-0"
    if not arrays.is_dir():
        stage_one(raw, arrays, "serial")
    start = time.perf_counter()
    images = {name: sitk.ReadImage(str(folder / f"{name}.nii.gz")) for name in ("ct", "labels")}
    read = time.perf_counter() - start
    start = time.perf_counter()
    for name, interpolator in (("ct", sitk.sitkLinear), ("labels", sitk.sitkNearestNeighbor)):
        image = images[name]
        size = [
            round(count * spacing / 1.5)
            for count, spacing in zip(image.GetSize(), image.GetSpacing(), strict=True)
        ]
        resampler = sitk.ResampleImageFilter()
        resampler.SetReferenceImage(image)
        resampler.SetSize(size)
        resampler.SetOutputSpacing((1.5,) * 3)
        resampler.SetInterpolator(interpolator)
        resampler.Execute(image)
    resample = time.perf_counter() - start
    store = next((arrays / "scans").glob("*/*.zarr"))
    values = {name: array[...] for name, array in all_arrays(zarr.open_group(store, mode="r"))}
    start = time.perf_counter()
    written = zarr.open_group(out, mode="w", zarr_format=3)
    for name, array in values.items():
        blosc = zarr.codecs.BloscCodec(cname="zstd", clevel=3, shuffle="bitshuffle")
        made = written.create_array(
            name.replace("/", "-"),
            shape=array.shape,
            dtype=array.dtype,
            chunks=(*array.shape[:-3], *(min(64, size) for size in array.shape[-3:])),
            compressors=blosc,
        )
        made[...] = array
    return {"read": read, "resample": resample, "write": time.perf_counter() - start}


def all_arrays(group):
    for name, member in group.members(max_depth=None):
        if hasattr(member, "shape") and member.ndim >= 3:
            yield name, member


def raw(one: Path, eight: Path) -> dict[str, float]:
    write_raw(one, 1, SIZE)
    write_raw(eight, 8, SMALL)
    return {}


CHILDREN = {"raw": raw, "ours": ours, "peer": peer, "workers-1": workers(1), "workers-2": workers(2)}


if __name__ == "__main__":
    main()
