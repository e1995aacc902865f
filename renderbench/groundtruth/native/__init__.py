"""The native renderer: an unbiased path tracer, delta tracking over local majorants, compiled by numba."""

from renderbench.groundtruth.native.renderer import VERSION, NativeRenderer

__all__ = ["VERSION", "NativeRenderer"]
