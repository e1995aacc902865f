"""pbrt-v4 as a second opinion: scenes from templates, an external binary, its images read back."""

from renderbench.groundtruth.pbrt.binary import Pbrt, find_pbrt
from renderbench.groundtruth.pbrt.renderer import PbrtRenderer
from renderbench.groundtruth.pbrt.scene import VERSION

__all__ = ["VERSION", "Pbrt", "PbrtRenderer", "find_pbrt"]
