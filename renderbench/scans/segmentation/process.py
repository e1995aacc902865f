"""What runs in a process of its own, with an environment of its own: TotalSegmentator's tasks on one CT.

``python -m renderbench.scans.segmentation.process FOLDER`` reads ``ct.nii`` and ``tasks.json`` there and
writes ``TASK.nii.gz``. :mod:`renderbench.scans.segmentation` prepares the folder and the environment.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Run every task of the folder named on the command line."""
    folder = Path(sys.argv[1])
    totalsegmentator = import_module("totalsegmentator.python_api").totalsegmentator
    for step in json.loads((folder / "tasks.json").read_text()):
        totalsegmentator(
            folder / "ct.nii",
            folder / f"{step['task']}.nii.gz",
            ml=True,
            task=step["task"],
            fast=step["fast"],
            # Falls back to the CPU by itself.
            device="gpu",
            quiet=True,
        )


if __name__ == "__main__":
    main()
