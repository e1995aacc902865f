"""What fits reach, over seeds: ``python benchmarks/fits.py --root ROOT [--raw SCANS] [--suite SUITE]``.

Walks a suite whose rows are fits of several seeds (``laptop-study`` by default: the scans in SCANS and two
phantoms), then prints what each method reaches on each scan, seed by seed, and by how much 6DGS + AGP is
above 6DGS, in the mean over the scans and seeds of each condition. Rows whose ids end in ``-seed`` and the
seed are one method. Whatever of the study is there is kept, so a walk that was killed goes on; with
``--only-report`` nothing is run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderbench.artefacts import write_json
from renderbench.config import Suite, load_suite
from renderbench.errors import RenderbenchError
from renderbench.evaluation.record import Record, find_records
from renderbench.layout import Root

BASELINE, CHALLENGER = "6dgs", "6dgs-agp"
Case = tuple[str, str]  # block and scan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--raw", type=Path, help="the folder of the suite's own scans")
    parser.add_argument("--suite", default="laptop-study")
    parser.add_argument("--only-report", action="store_true", help="run nothing")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    suite = load_suite(arguments.suite)
    failed = 0
    if not arguments.only_report:
        for verb in road(arguments.root, arguments.raw, arguments.suite, suite):
            print("$ renderbench", *verb, flush=True)
            code = subprocess.run([sys.executable, "-m", "renderbench", *verb], check=False).returncode
            if code and verb[0] != "run":
                sys.exit(code)
            # What other methods reach can be reported without this one, such as one without a checkpoint.
            failed = failed or code
    figures = report(find_records(Root(arguments.root).path / "runs", suite.name))
    show(figures)
    if arguments.json:
        write_json(arguments.json, figures)
    sys.exit(failed)


def road(root: Path, raw: Path | None, suite_name: str, suite: Suite) -> Iterator[list[str]]:
    """The verbs of the study, in order."""
    wanted = [block.scans for block in suite.blocks if block.dataset == "phantom"]
    if wanted:
        phantoms = max(1 if isinstance(scans, str) else len(scans) for scans in wanted)
        yield ["dataset", "phantom", "--root", str(root), "--count", str(phantoms)]
    if raw is not None:
        yield ["dataset", "folder", "--root", str(root), "--raw", str(raw)]
    of_suite = ["--root", str(root), "--suite", suite_name]
    yield ["groundtruth", *of_suite]
    yield from (["run", *of_suite, "--method", method] for method in suite.method_ids())


def report(records: list[Record]) -> dict[str, Any]:
    """PSNR by scan, method and seed, with means, and the margin wherever both methods have the seed."""
    runs: dict[Case, dict[str, dict[int, Record]]] = defaultdict(lambda: defaultdict(dict))
    for record in records:
        given = record.settings.get("seed")
        seed = record.seed if given is None else given
        runs[record.block, record.scan][record.method.removesuffix(f"-seed{seed}")][seed] = record
    cases = []
    for (block, scan), methods in sorted(runs.items()):
        pairs = methods[CHALLENGER].keys() & methods[BASELINE].keys()
        margins = {
            seed: psnr(methods[CHALLENGER][seed]) - psnr(methods[BASELINE][seed]) for seed in sorted(pairs)
        }
        rows = {name: row(by_seed) for name, by_seed in methods.items() if by_seed}
        any_run = next(record for by_seed in methods.values() for record in by_seed.values())
        condition = f"{any_run.transfer_function}, {any_run.groups}"
        cases.append(
            {"block": block, "scan": scan, "condition": condition, "methods": rows, "margin_db": margins}
        )
    return {"cases": cases, "margin_mean_db": mean_margins(cases)}


def mean_margins(cases: list[dict[str, Any]]) -> dict[str, float]:
    """By condition, the mean margin over its scans and seeds."""
    margins: dict[str, list[float]] = defaultdict(list)
    for case in cases:
        margins[case["condition"]] += case["margin_db"].values()
    return {condition: statistics.fmean(each) for condition, each in margins.items() if each}


def row(by_seed: dict[int, Record]) -> dict[str, Any]:
    """What one method reached on one scan."""
    scores = {seed: psnr(record) for seed, record in sorted(by_seed.items())}
    records = list(by_seed.values())
    rates = [
        record.notes["iterations_done"] / record.seconds["optimise"]
        for record in records
        if record.seconds.get("optimise")
    ]
    return {
        "psnr_db": scores,
        "mean_db": statistics.fmean(scores.values()),
        "sd_db": statistics.stdev(scores.values()) if len(scores) > 1 else None,
        "ssim": statistics.fmean(record.metrics["ssim"] for record in records),
        "points": round(statistics.fmean(record.points for record in records)),
        "iterations_per_second": statistics.fmean(rates) if rates else None,
        "noise_floor_db": records[0].noise_floor_db,
        "hardware": records[0].hardware,
    }


def psnr(record: Record) -> float:
    score = record.metrics["psnr"]
    return float("inf") if score is None else score


def show(figures: dict[str, Any]) -> None:
    """Print the figures as Markdown."""
    print("| Scan | Method | PSNR (dB) by seed | mean | sd | SSIM | Points | it/s |")
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for case in figures["cases"]:
        for name, made in case["methods"].items():
            seeds = ", ".join(f"{seed}: {score:.2f}" for seed, score in made["psnr_db"].items())
            spread = "" if made["sd_db"] is None else f"{made['sd_db']:.2f}"
            rate = "" if made["iterations_per_second"] is None else f"{made['iterations_per_second']:.1f}"
            print(
                f"| {case['block']}/{case['scan']} | {name} | {seeds} | {made['mean_db']:.2f} | {spread} "
                f"| {made['ssim']:.3f} | {made['points']:,} | {rate} |"
            )
    for case in figures["cases"]:
        if case["margin_db"]:
            by_seed = ", ".join(f"{seed}: {margin:+.2f}" for seed, margin in case["margin_db"].items())
            print(f"\n{case['block']}/{case['scan']}: {CHALLENGER} above {BASELINE} by {by_seed} dB")
    for condition, margin in figures["margin_mean_db"].items():
        print(f"\n{condition}: in the mean over scans and seeds {margin:+.2f} dB")
    hardware = {
        json.dumps(made["hardware"]) for case in figures["cases"] for made in case["methods"].values()
    }
    print("\nMeasured on", *sorted(hardware))


if __name__ == "__main__":
    try:
        main()
    except RenderbenchError as error:
        sys.exit(str(error))
