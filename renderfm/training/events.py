"""The curve of a training as TensorBoard shows it, while the training goes on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

from renderbench.errors import InputError


class Events(AbstractContextManager["Events"]):
    """Writes each row of a curve as scalars, by iteration.

    Args:
        folder: of the event files; those of an earlier part of the same training may be there.
        begin: the first iteration to come. What the folder has from there on is dropped: a killed training
            goes on from its last state, not from where it was killed.

    Raises:
        InputError: the package tensorboard is not installed, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, *, begin: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise InputError(
                "--tensorboard",
                "expected the package tensorboard, found that it is not installed",
                "pip install 'renderbench[tensorboard]', or look at the .csv and .svg beside the checkpoint",
            ) from None
        try:
            self._writer = SummaryWriter(str(folder), purge_step=begin, flush_secs=10)
        except OSError as error:
            raise InputError(
                folder,
                f"expected a folder that can be written to, found that it cannot ({error.strerror})",
                "free or repair the disk, or leave --tensorboard out",
            ) from None

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row of :func:`renderfm.training.curves.write_curve`."""
        for name, value in row.items():
            if name not in ("iteration", "seconds"):
                self._writer.add_scalar(name, value, row["iteration"])

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()
