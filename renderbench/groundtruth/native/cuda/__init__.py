"""The walk on a CUDA device, compiled by numba-cuda from the same functions as for the CPU.

Imports without a device and without numba-cuda.
"""

from renderbench.groundtruth.native.cuda.obstacles import Obstacle, cuda_obstacle
from renderbench.groundtruth.native.cuda.tracer import CudaTracer

__all__ = ["CudaTracer", "Obstacle", "cuda_obstacle"]
