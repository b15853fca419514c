"""The party: a person, their memory and their model, as one side of a talk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from consilience.dialogue.asking import Asks
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.hiding import Hides
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.retrieval import Reads
from consilience.methods.social_agents.sections import HEARD_LINES

__all__ = ["LeavesOut", "Party"]


@runtime_checkable
class LeavesOut(Protocol):
    """A memory that can be read as if some messages were not there."""

    def without(self, hides: Hides) -> Reads:
        """Return it without what `hides` names."""


@dataclass(frozen=True, kw_only=True)
class Party:
    """A person, their memory, and whom their agent asks. Nothing of it is ever given to another party."""

    person: Person
    memory: Reads
    asks: Asks
    """The model."""
    clear: bool = True
    """Whether the agent searches by words."""
    fuzzy: bool = True
    """Whether it recalls episodes."""
    plan: bool = True
    """Whether it keeps a board; without one, it sees the last utterances only."""
    heard_lines: int = HEARD_LINES
    """How many of them."""
    lets: Callable[[Sequence[Message], str, str], Sequence[Message]] = field(
        default=lambda rows, _other, _purpose: rows
    )
    """Which messages the agent may see, given with whom (a handle) and what for."""
    hides: Callable[[Sequence[Message], str, str], Collection[int]] | None = None
    """Which messages are to be as if they were not there, likewise; None hides nothing."""
    may_forward: Callable[[Sequence[Message]], bool] = field(default=lambda _rows: True)
    """Whether what these messages say may be passed on by whoever hears it."""

    def reads(self, others: Sequence[str], purpose: str) -> Reads:
        """Return the memory as it is to somebody who speaks with others, without what must not be told to any of them.

        Parameters
        ----------
        others
            Handles.
        purpose
            What for.

        Raises
        ------
        InvalidInput
            When something has to be hidden, and the memory cannot leave anything out.
        """
        hides = self.hides
        if hides is None:
            return self.memory
        if not isinstance(self.memory, LeavesOut):
            raise InvalidInput(f"a memory must be able to leave messages out (`without`); got {self.memory!r}")
        return self.memory.without(
            lambda rows: frozenset(number for other in others for number in hides(rows, other, purpose))
        )
