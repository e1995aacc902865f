"""pbrt-v4 as a second opinion: scenes from templates, an external binary, its images read back."""

from renderbench.groundtruth.pbrt.binary import Pbrt, find_pbrt
from renderbench.groundtruth.pbrt.renderer import PbrtRenderer

__all__ = ["Pbrt", "PbrtRenderer", "find_pbrt"]
