"""The guard: a merge is let through only if it is at least as good as the best of what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from consilience.dialogue.work.artifact import Artifact
from consilience.methods.cross_team.rating import Rating

__all__ = ["Candidate", "MergeFacts", "Merged", "Merges"]


class Candidate(NamedTuple):
    """A piece of work that may be merged, or that a merge gave."""

    name: str
    """Whose it is: a team such as ``A``, or a merge such as ``coding+0.1``."""
    artifact: Artifact
    """The work."""
    rating: Rating
    """How good it is."""
    after: tuple[str, ...] = ()
    """The events by which it came to stand."""
    element: str = ""
    """The element under which the journal has it; `name` if empty."""


class Merged(NamedTuple):
    """What an aggregator said."""

    artifact: Artifact | None
    """The merge; None when no reply could be read as one."""
    after: tuple[str, ...] = ()
    """The last event of asking."""
    reason: str = ""
    """Why there is none."""


class Merges(Protocol):
    """Asks an aggregator to make one of several: one question, and a few more where a reply cannot be read."""

    async def __call__(self, element: str, parents: Sequence[Candidate], after: tuple[str, ...]) -> Merged:
        """Return the merge.

        Parameters
        ----------
        element
            Who asks, such as ``coding+0.1``.
        parents
            What is merged, 2 or more.
        after
            Events that come before the question.

        Raises
        ------
        ModelError, BudgetExhausted
            When there is no reply: the best of the parents passes.
        """


@dataclass(frozen=True, kw_only=True)
class MergeFacts:
    """What became of one merge."""

    element: str
    """Such as ``coding+0.1``."""
    parents: tuple[str, ...]
    """Names of what was merged: teams or merges."""
    accepted: bool
    """Whether the guard let the merge through; the best parent passes in its place if not."""
    gives: str
    """Name of what passes: `element`, or the best parent."""
    artifact: Artifact
    """What passes."""
    rating: float
    """How good that is, from 0 to 1."""
    best_parent: float
    """How good the best parent is, from 0 to 1."""
    proposed: Artifact | None = None
    """What the aggregator made, let through or not; None when that was nothing."""
    proposed_rating: float | None = None
    """How good that is, from 0 to 1; None where it was not rated."""
    reason: str = ""
    """Why the merge did not pass; empty where it did."""
