"""A stand-in for the pbrt binary: it renders nothing, but reads scenes, writes images and fails as told.

Its images show a square that covers three quarters of what is behind it and, where the scene allows any
scattering, glows: enough to test what becomes of images, not whether pbrt renders ours rightly.
"""

from __future__ import annotations

import sys
from pathlib import Path

COVERED = 0.75
GLOW = 0.5

_SCRIPT = """#!{python} -IS
import array, pathlib, random, re, sys, time

behaviour = "{behaviour}"
arguments = dict(zip(sys.argv[1:], sys.argv[2:]))
scene_path = pathlib.Path(sys.argv[-1])
if behaviour == "another program":
    sys.exit(3)
if "--quiet" not in sys.argv:
    print("pbrt version {version} (built Jun 14 2026 at 16:50:27)", flush=True)
if behaviour == "never ends" or behaviour == "hangs" and "--quiet" in sys.argv:
    pathlib.Path(__file__).with_name("pid").write_text(str(__import__("os").getpid()))
    time.sleep(600)
if not scene_path.is_file():
    sys.exit("\\x1b[31mError\\x1b[0m: " + str(scene_path) + ": No such file or directory")
if behaviour == "error":
    print("Warning: something else", file=sys.stderr)
    problem = ":3:8: \\"volpth\\": integrator type unknown."
    print("\\x1b[1m\\x1b[31mError\\x1b[0m: " + str(scene_path) + problem, file=sys.stderr)
    sys.exit(1)
if behaviour == "crash":
    print("[ FATAL cpu/integrators.cpp:1008 ] Check failed: 1 - pAbsorb - pScatter >= -1e-6", file=sys.stderr)
    print("#3 0x55 in pbrt::VolPathIntegrator::Li", file=sys.stderr, flush=True)
    __import__("os").abort()
if behaviour == "silent":
    sys.exit(0)
text = scene_path.read_text()
field = lambda name: float(re.search(name + r'" \\[([-0-9.e]+)', text)[1])
width, height = int(field("xresolution")), int(field("yresolution"))
include = re.search(r'^Include "(.*)"', text, re.M)
if include and not (scene_path.parent / include[1]).is_file():
    sys.exit("Error: " + include[1] + ": No such file or directory")
light = 1.0 if 'rgb L' in text else 0.0
light *= float((re.findall(r'infinite" "rgb L" \\[1 1 1\\] "float scale" \\[([0-9.e]+)', text) or [1.0])[0])
step = 2 if behaviour == "half size" else 1
# The noise of one seed is the same in every scene, as pbrt's is.
noise = random.Random(int(arguments["--seed"]))
pixels = array.array("f")
for row in range(0, height, step):
    row = height - 1 - row
    for column in range(0, width, step):
        value = light
        across = width // 4 <= column < width - width // 4
        if include and across and height // 4 <= row < height - height // 4:
            value = light * (1.0 - {covered}) + ({glow} if field("maxdepth") > 0 else 0.0)
        pixels.extend(value * noise.gauss(1.0, 0.1) for _ in range(3))
if behaviour == "not a number":
    pixels[7] = float("nan")
content = b"PF\\n%d %d\\n-1\\n" % (width // step, height // step) + pixels.tobytes()
if behaviour == "full disk":
    content = content[: len(content) // 2]
out = arguments["--outfile"]
pathlib.Path(out).write_bytes(content)
"""


def stand_in(folder: Path, behaviour: str = "renders", *, version: int = 4) -> Path:
    """Write an executable that behaves as told, and the file ``pid`` beside it where it hangs."""
    path = folder / "pbrt"
    folder.mkdir(parents=True, exist_ok=True)
    script = _SCRIPT.replace("{python}", sys.executable).replace("{behaviour}", behaviour)
    script = script.replace("{version}", str(version))
    path.write_text(script.replace("{covered}", str(COVERED)).replace("{glow}", str(GLOW)))
    path.chmod(0o755)
    return path
