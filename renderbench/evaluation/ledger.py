"""The preparation ledger: seconds, itemised, from raw CT to a scene that can be rendered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

# In the order of the road. "views" is the cost of the ground-truth views that a fit needs; the
# paper's preparation time is not explicit about it, so both sums come from the same record.
ITEMS = ("read", "resample", "segment", "transfer", "views", "initialise", "optimise", "infer")


class Ledger:
    """Seconds by item; items are :data:`ITEMS`.

    Args:
        seconds: what earlier stages have already cost.
    """

    def __init__(self, seconds: dict[str, float] | None = None) -> None:
        self._seconds: dict[str, float] = {}
        for item, value in (seconds or {}).items():
            self.add(item, value)

    @contextmanager
    def timed(self, item: str) -> Iterator[None]:
        """Add the wall time of the body to ``item``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(item, time.perf_counter() - start)

    def add(self, item: str, seconds: float) -> None:
        """Add ``seconds`` to ``item``.

        Raises:
            ValueError: not one of :data:`ITEMS`.
        """
        if item not in ITEMS:
            raise ValueError(f"ledger item {item!r}: expected one of {', '.join(ITEMS)}")
        self._seconds[item] = self._seconds.get(item, 0.0) + seconds

    def as_dict(self) -> dict[str, float]:
        """Seconds by item, in the order of the road, rounded to a tenth of a millisecond."""
        return {item: round(self._seconds[item], 4) for item in ITEMS if item in self._seconds}

    def without_views(self) -> float:
        """The sum without the ground-truth views: raw CT to a scene, given images."""
        return sum(value for item, value in self._seconds.items() if item != "views")

    def full(self) -> float:
        """The sum with the ground-truth views."""
        return sum(self._seconds.values())
