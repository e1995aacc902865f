"""The farm: one scan or one view is one task; where tasks run is one line.

Serial, worker processes on this machine, a running Dask scheduler, or jobs of a batch system
(SLURM, PBS, LSF, SGE); all but the first through Dask. Importing this package loads no Dask.
"""

from renderbench.farm.settings import ClusterSettings, parse_cluster
from renderbench.farm.tasks import run_tasks

__all__ = ["ClusterSettings", "parse_cluster", "run_tasks"]
