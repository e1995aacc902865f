"""What each part of Render-FM is worth: ``python benchmarks/ablation.py --root ROOT --suite renderfm-mini``.

Trains the model and what is left of it without one part at a time, each with the same budget, seed, scans and
views, and prints the table: PSNR on the suite's held-out scans, and the difference to the whole model. What
was trained before is taken as it is, and a killed training goes on where it was, so the same command can be
given again and again. ``--only`` names some of the variants.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

# Python puts a script's folder first, where benchmarks/renderfm.py would hide the package of that name.
sys.path[:] = [each for each in sys.path if Path(each).resolve() != Path(__file__).resolve().parent]

from renderbench.artefacts import write_json
from renderbench.cli.options import say
from renderbench.config import load_suite, parse_model, read_toml
from renderbench.layout import Root
from renderfm.training.loop import train
from renderfm.training.processes import processes
from renderfm.training.settings import TrainSettings, settings_file

VARIANTS: dict[str, dict[str, Any]] = {
    "whole": {},
    "opacity as the paper writes it": {"opacity": "paper"},
    "colour as an offset": {"colour": "offset"},
    "without light": {"light": False},
    "with instance norm": {"norm": "instance"},
    "without AGP colour": {"prime_colour": False},
    "without AGP opacity": {"prime_opacity": False},
    "without the mask channel": {"mask_channel": False},
    "degree-0 SH": {"sh_degree": 0},
    "3D Gaussians": {"gaussians": "3d"},
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--suite", default="renderfm-mini")
    parser.add_argument("--config", help="settings of the training that all share: a name or a .toml")
    parser.add_argument("--iterations", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=VARIANTS, nargs="+", default=list(VARIANTS))
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    arguments = parser.parse_args()
    root, suite = Root(arguments.root).require(), load_suite(arguments.suite)
    shared = read_toml(settings_file(arguments.config)) if arguments.config else {}
    shared |= {"iterations": arguments.iterations, "seed": arguments.seed}
    results: dict[str, dict[str, Any]] = {}
    with processes() as group:
        for variant in arguments.only:
            given = shared | {"model": {**shared.get("model", {}), **VARIANTS[variant]}}
            settings = parse_model(TrainSettings, given, str(arguments.config or "settings"))
            trained = train(root, suite, f"ablation-{slug(variant)}", settings, group, announce=say)
            results[variant] = json.loads(trained.checkpoint.with_suffix(".json").read_text())
    print(table(results))
    if arguments.json:
        write_json(arguments.json, results)


def slug(variant: str) -> str:
    """The variant's name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "-", variant.lower()).strip("-")


def table(results: dict[str, dict[str, Any]]) -> str:
    """Markdown: a row a variant, a column a block."""
    first = next(iter(results.values()))
    blocks = list(first["validation_blocks_psnr_db"])
    lines = [
        f"| Variant | {' | '.join(blocks)} | Mean (dB) | Difference | Iteration | Seconds |",
        f"|---|{'---:|' * (len(blocks) + 4)}",
    ]
    for variant, result in results.items():
        mean = result["validation_psnr_db"]
        cells = [f"{result['validation_blocks_psnr_db'][block]:.2f}" for block in blocks]
        cells += [f"{mean:.2f}", f"{mean - first['validation_psnr_db']:+.2f}"]
        cells += [str(result["iteration"]), f"{result['seconds']:.0f}"]
        lines.append(f"| {variant} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
