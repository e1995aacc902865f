"""The call, with the real names; NIfTI is read by hand, so that no code is shared with what is tested."""

import gzip
import json
import os
import signal
import struct
import sys
from pathlib import Path

import numpy as np

from totalsegmentator.map_to_binary import class_map


def totalsegmentator(input, output=None, ml=False, fast=False, task="total", device="gpu", quiet=False):
    """Segment by position: right and left kidney, and a corner for each of the other tasks."""
    asked = json.loads(os.environ["FAKE_TOTALSEGMENTATOR"])
    home = Path(os.environ["TOTALSEG_HOME_DIR"])
    with Path(asked["record"]).open("a") as record:
        call = {
            "task": task,
            "fast": fast,
            "ml": ml,
            "input": str(input),
            "home": str(home),
            "weights": os.environ["TOTALSEG_WEIGHTS_PATH"],
            "config": json.loads((home / "config.json").read_text()),
            "proxy": os.environ["HTTPS_PROXY"],
        }
        record.write(json.dumps(call) + "\n")
    behave = asked.get("behave")
    if behave == "raise":
        raise RuntimeError("CUDA out of memory")
    if behave == "exit":
        print("ERROR: A license number has not been set so far.")
        sys.exit(1)
    if behave == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if behave == "nothing":
        return
    header = bytearray(Path(input).read_bytes()[:352])
    width, height, depth = struct.unpack_from("<3h", header, 42)
    affine = np.array(struct.unpack_from("<12f", header, 280)).reshape(3, 4)
    k, j, i = np.mgrid[:depth, :height, :width]
    # RAS: x grows towards the patient's right, z towards the head.
    x, _, z = (
        affine[row, 0] * i + affine[row, 1] * j + affine[row, 2] * k + affine[row, 3] for row in (0, 1, 2)
    )
    value = {name: number for number, name in class_map[task].items()}
    if task == "total":
        found = np.where(x > x.mean(), value["kidney_right"], value["kidney_left"])
    elif task == "heartchambers_highres":
        found = np.where(z == z.max(), value["pulmonary_artery"], value["aorta"])
    else:
        found = np.where((z == z.max()) & (x == x.max()), value["coronary_arteries"], 0)
    struct.pack_into("<2h", header, 70, 2, 8)
    if behave == "moved":
        struct.pack_into("<f", header, 280 + 12, affine[0, 3] + 1)
        struct.pack_into("<f", header, 268, struct.unpack_from("<f", header, 268)[0] + 1)
    Path(output).write_bytes(gzip.compress(bytes(header) + found.astype(np.uint8).tobytes()))
