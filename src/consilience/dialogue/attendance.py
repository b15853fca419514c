"""Who came when and left when, as a model saw it: concurrency and makespan are the server's to say."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Attendance", "Visit"]


class Visit(NamedTuple):
    """One call, from its arrival to its end."""

    element: str
    """Who asked; empty where the call does not say."""
    arrived_s: float
    """When the question was there, on the clock of the event loop."""
    finished_s: float
    """When its reply was written, or the caller was gone."""
    outcome: str
    """"replied", the fault that struck, or "gone" for a caller who did not wait."""


class Attendance:
    """Log of the calls that a model got.

    Examples
    --------
    >>> log = Attendance()
    >>> log.arrive(), log.arrive()
    (None, None)
    >>> log.finish(Visit("7", 0.0, 2.0, "replied"))
    >>> log.peak, log.present, log.makespan_s
    (2, 1, 2.0)
    """

    def __init__(self) -> None:
        self.visits: list[Visit] = []
        """Calls that ended, in the order of their ends."""
        self.present = 0
        """Calls that came and have not ended."""
        self.peak = 0
        """Most calls present at once."""

    def arrive(self) -> None:
        """Count a call that came."""
        self.present += 1
        self.peak = max(self.peak, self.present)

    def finish(self, visit: Visit) -> None:
        """Count a call that ended."""
        self.present -= 1
        self.visits.append(visit)

    def count(self, outcome: str) -> int:
        """Return how many calls ended so."""
        return sum(visit.outcome == outcome for visit in self.visits)

    @property
    def makespan_s(self) -> float:
        """From the first arrival to the last end of a call; 0 before any ended."""
        if not self.visits:
            return 0.0
        return max(visit.finished_s for visit in self.visits) - min(visit.arrived_s for visit in self.visits)

    def clear(self) -> None:
        """Forget the calls that ended; the peak begins anew with those present."""
        self.visits.clear()
        self.peak = self.present
