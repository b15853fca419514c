"""The guard: a merge is let through only if it is at least as good as the best of what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.methods.cross_team.rating import Rating

__all__ = ["Candidate", "MergeFacts", "Merged", "Merges", "best_of", "objection"]


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


@runtime_checkable
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
    """Name of what passes: `element`, the best parent in its place, or the parent that the merge repeats."""
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


def best_of(candidates: Sequence[Candidate]) -> Candidate:
    """Return the best rated of some candidates; of equals, the first."""
    return max(candidates, key=lambda candidate: candidate.rating.value)  # `max` keeps the first


def objection(merge: Artifact, rating: Rating, parents: Sequence[Candidate]) -> str:
    """Return why a merge must not replace what it was made from, or nothing where it may.

    It may when it can be read, is rated at least as high as the best of its parents, and has each file that all of
    those parents have which have files at all.

    Parameters
    ----------
    merge
        What an aggregator made.
    rating
        How good that is.
    parents
        What it was made from, one or more.

    Examples
    --------
    >>> parent = Candidate("A", Artifact("print(1)"), Rating(usable=True))
    >>> objection(Artifact("", grade=0, fault="the answer is empty"), Rating(usable=False), [parent])
    'it cannot be used: the answer is empty'
    """
    best = best_of(parents)
    if not rating.usable and best.rating.usable:
        return f"it cannot be used: {merge.fault or rating.fault or 'it is no answer'}"
    if rating.value < best.rating.value:
        why = f": {rating.fault}" if rating.fault else ""
        return f"it is rated {rating.value:.3f}, and {best.name} {best.rating.value:.3f}{why}"
    missing = _common_files(parents) - files_of(merge.text).keys()
    if missing:
        return f"it leaves out what all of its parents have: {', '.join(sorted(missing))}"
    return ""


def _common_files(parents: Sequence[Candidate]) -> set[str]:
    files = [set(files_of(parent.artifact.text)) for parent in parents]
    return set.intersection(*[paths for paths in files if paths] or [set()])
