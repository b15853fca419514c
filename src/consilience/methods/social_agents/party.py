"""The party: a person, their memory and their model, as one side of a talk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from consilience.dialogue.asking import Asks
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.hiding import Hides, Sieve
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.retrieval import Apart, Reads
from consilience.methods.social_agents.sections import HEARD_LINES

__all__ = ["LeavesOut", "Party", "Waits"]

T = TypeVar("T")


@runtime_checkable
class LeavesOut(Reads, Protocol):
    """A memory that can be read as if some messages were not there."""

    def without(self, hides: Hides, key: Callable[[], Hashable] | None = None) -> LeavesOut:
        """Return it without what `hides` names, and without what it leaves out already.

        As long as the key is the same, that is the same of the same.
        """

    def left_out(self) -> frozenset[int]:
        """Return the numbers of what is left out of it now."""


@runtime_checkable
class Waits(Protocol):
    """Does what waits for a memory."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Return what the work gives."""


async def _at_once(work: Callable[[], T], /) -> T:
    return work()


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
    asks_about: Sieve | None = None
    """Which messages the person would have to be asked about; None for those that need not be told apart."""
    may_forward: Callable[[Sequence[Message]], bool] = field(default=lambda _rows: True)
    """Whether what these messages say may be passed on by whoever hears it."""
    waits: Waits = _at_once
    """How what waits for the memory is done: at once, or in a thread, where the loop serves others, too."""

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
        return self._without(
            lambda rows: frozenset(number for other in others for number in hides(rows, other, purpose)),
            None
            if (sieve := self.asks_about) is None
            else lambda: ("never", *(sieve.key(one, purpose) for one in others)),
        )

    def parts(self, other: str, purpose: str) -> tuple[Reads, Apart | None]:
        """Return the memory with what may be told freely, and the one with what would have to be asked about beside it.

        What is found in the first is the same, whatever there is to ask about.

        Parameters
        ----------
        other
            Handle of whom the agent speaks with.
        purpose
            What for.
        """
        sieve = self.asks_about
        wide = self.reads([other], purpose)
        if sieve is None or not isinstance(wide, LeavesOut):
            return wide, None
        free = wide.without(lambda rows: sieve.asked(rows, other, purpose), lambda: ("ask", sieve.key(other, purpose)))
        return free, Apart(wide, lambda: free.left_out() - wide.left_out())

    def _without(self, hides: Hides, key: Callable[[], Hashable] | None) -> LeavesOut:
        if not isinstance(self.memory, LeavesOut):
            raise InvalidInput(f"a memory must be able to leave messages out (`without`); got {self.memory!r}")
        return self.memory.without(hides, key)
