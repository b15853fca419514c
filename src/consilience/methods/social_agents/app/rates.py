"""Rates: how often something may be done, counted in this process and by no clock but its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

__all__ = ["Rate", "Rates"]

MOST_KEYS = 20_000
"""Counters that are kept; beyond them the idlest are given up."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many within so long."""

    most: int
    per_s: float


class Rates:
    """Counters of what was done lately, by whom.

    Examples
    --------
    >>> rates = Rates(clock=lambda: 0.0)
    >>> [rates.wait_s("sign in", "ann", Rate(2, 60)) for _ in range(3)]
    [0.0, 0.0, 60.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: dict[tuple[str, str], deque[float]] = {}
        self._lock = Lock()

    def wait_s(self, what: str, who: str, rate: Rate, *, count: bool = True) -> float:
        """Return how long to wait before it may be done again; 0 where it may be now, which is counted.

        Parameters
        ----------
        what, who
            What is counted.
        rate
            How often it may be.
        count
            Whether it is counted; else it is only looked at.
        """
        now, key = self._clock(), (what, who)
        with self._lock:
            done = self._done.pop(key, deque())
            while done and now - done[0] >= rate.per_s:
                done.popleft()
            wait = done[0] + rate.per_s - now if len(done) >= rate.most else 0.0
            if not wait and count:
                done.append(now)
            if done:
                self._done[key] = done  # last among the keys: the first is the idlest
            while len(self._done) > MOST_KEYS:
                del self._done[next(iter(self._done))]
        return wait

    def clear(self, what: str, who: str) -> None:
        """Forget what was counted."""
        with self._lock:
            self._done.pop((what, who), None)
