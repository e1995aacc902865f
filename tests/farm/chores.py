"""Tasks for the farm's tests: workers import them from here."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from pathlib import Path

from renderbench.errors import InputError


class Stubborn(Exception):
    """An exception that cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("kept to itself")
        self.held = threading.Lock()


def square(number: int) -> int:
    return number * number


def mixed(chore: str) -> object:
    """One task of every sort; ``die-once PATH`` leaves a file by which it knows its second life."""
    verb, _, rest = chore.partition(" ")
    match verb:
        case "input-error":
            raise InputError("scan-3", "expected a CT, found a cat", "scan again")
        case "key-error":
            raise KeyError("two\nlines")
        case "stubborn":
            raise Stubborn
        case "exit":
            sys.exit(3)
        case "unsendable":
            return threading.Lock()
        case "die-once":
            if not Path(rest).exists():
                Path(rest).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hoard":
            hoard = bytearray(b"x" * int(rest))
            time.sleep(60)
            return len(hoard)
        case "nap":
            time.sleep(float(rest))
        case "modules":
            return [name for name in ("torch", "numba", "SimpleITK", "zarr") if name in sys.modules]
        case "threads":
            return thread_counts()
        case "child":
            # What a worker that multiprocessing takes for a daemon may not do.
            process = multiprocessing.get_context("spawn").Process(target=square, args=(2,))
            process.start()
            process.join()
            return process.exitcode
    return chore


def thread_counts() -> dict[str, int]:
    """What every library that a task loads takes for its number of threads."""
    import numba
    import SimpleITK
    import torch
    import zarr

    from renderbench.threads import thread_count

    return {
        "renderbench": thread_count(),
        "numba": numba.get_num_threads(),
        "SimpleITK": SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads(),
        "torch": torch.get_num_threads(),
        "zarr": zarr.config.get("threading.max_workers"),
        "zarr.async": zarr.config.get("async.concurrency"),
    }


def own_pid(folder: str) -> None:
    """Leaves its process id in ``folder``, then works for a long time."""
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(120)
