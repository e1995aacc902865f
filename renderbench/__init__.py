"""renderbench: data, ground truth and benchmarks for photorealistic volume rendering of CT.

Stages, each reading one kind of store and writing the next (docs/architecture.md):
``scans`` -> ``groundtruth`` -> methods (entry points) -> ``evaluation`` -> the leaderboard.
Importing this package loads nothing heavy.
"""

__version__ = "0.1.0"
