"""Consensus: what two sides have in common, found by code from what was read and what was said.

For each slot the values of each party are weighed by how often they were given. No model decides between them:

============= =========================================================================================================
verdict       when
============= =========================================================================================================
``equal``     two parties or more give the value, and nobody another one as often
``one-sided`` one party gives it, and nobody another one as often
``weak``      a value leads, with less support or confidence than is asked for
``conflict``  values differ, and none leads: the slot is asked for again
``declined``  whoever could tell will not
``missing``   nobody gives any
============= =========================================================================================================

What the other side has not said through the gate is no part of it: a consensus is made from one board, its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from consilience.methods.social_agents.rationale import SURE, Board, Rationale

__all__ = ["Agreed", "Consensus", "Verdict", "agree", "union"]

Verdict = Literal["equal", "one-sided", "weak", "conflict", "declined", "missing"]

_WHY: dict[Verdict, str] = {
    "equal": "{slot}: {sources} say {value!r}",
    "one-sided": "{slot}: only {sources} says {value!r}",
    "weak": "{slot}: {value!r} is not sure enough",
    "conflict": "{slot}: {rivals} stand against each other",
    "declined": "{slot}: {refused} will not tell",
    "missing": "{slot}: nobody knows",
}


@dataclass(frozen=True, slots=True)
class Agreed:
    """What became of a slot."""

    slot: str
    verdict: Verdict
    value: str
    """Empty unless one leads."""
    sources: tuple[str, ...]
    """Handles of who gave the value."""
    why: str
    """The verdict in words."""

    @property
    def settled(self) -> bool:
        """Whether there is a value to conclude from."""
        return self.verdict in ("equal", "one-sided")


@dataclass(frozen=True, slots=True)
class Consensus:
    """What became of all slots of a side."""

    slots: tuple[Agreed, ...]

    @property
    def values(self) -> dict[str, str]:
        """Values to conclude from, by slot."""
        return {one.slot: one.value for one in self.slots if one.settled}

    @property
    def complete(self) -> bool:
        """Whether there are slots and each has a value."""
        return bool(self.slots) and all(one.settled for one in self.slots)

    @property
    def conflicts(self) -> tuple[str, ...]:
        """Slots that are to be asked for again."""
        return tuple(one.slot for one in self.slots if one.verdict == "conflict")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is nothing to conclude, a sentence a slot; empty where there is."""
        return tuple(one.why for one in self.slots if not one.settled)


def agree(board: Board, *, accept_weak: bool = False) -> Consensus:
    """Return what a side may conclude from.

    Parameters
    ----------
    board
        Its own.
    accept_weak
        Whether a value that is not contested is taken though it was read less often than was asked for.

    Examples
    --------
    >>> from consilience.methods.social_agents.rationale import Reading
    >>> board = Board("ann").add("pet").read("pet", Reading(value="parrot", source="bea", turn=2, vouched=True))
    >>> agree(board).slots[0].verdict, agree(board).values
    ('one-sided', {'pet': 'parrot'})
    >>> board = board.read("pet", Reading(value="cat", source="ann", evidence=(7,), turn=3))
    >>> agree(board).reasons
    ("pet: 'parrot', 'cat' stand against each other",)
    """
    return Consensus(tuple(_agreed(one, accept_weak=accept_weak) for one in board))


def union(board: Board) -> dict[str, str]:
    """Return the first value that was given for each slot: what is concluded from when nobody cross-checks.

    Examples
    --------
    >>> from consilience.methods.social_agents.rationale import Reading
    >>> board = Board("ann").add("pet").read("pet", Reading(value="parrot", source="bea", turn=2))
    >>> union(board.read("pet", Reading(value="cat", source="cem", turn=4)))
    {'pet': 'parrot'}
    """
    return {one.slot: min(one.readings, key=lambda reading: reading.turn).value for one in board if one.readings}


def _agreed(one: Rationale, *, accept_weak: bool) -> Agreed:
    verdict, sources = _verdict(one), one.sources
    if accept_weak and verdict == "weak" and len(one.rivals) == 1 and one.confidence >= SURE:
        verdict = _by(sources)
    value = one.value if verdict in ("equal", "one-sided", "weak") else ""
    why = _WHY[verdict].format(
        slot=one.slot,
        value=value,
        sources=" and ".join(sources),
        rivals=", ".join(map(repr, one.rivals[:3])),
        refused=" and ".join(one.refused_by),
    )
    return Agreed(one.slot, verdict, value, sources, why)


def _verdict(one: Rationale) -> Verdict:
    match one.status:
        case "known":
            return _by(one.sources)
        case "fuzzy":
            return "weak"
        case "unknown":
            return "missing"
        case _:
            return one.status


def _by(sources: tuple[str, ...]) -> Verdict:
    return "equal" if len(sources) > 1 else "one-sided"
