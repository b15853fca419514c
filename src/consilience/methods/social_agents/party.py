"""The party: a person, their memory and their model, as one side of a talk."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from consilience.dialogue.asking import Asks
from consilience.methods.social_agents.records import Message, Person
from consilience.methods.social_agents.retrieval import Reads

__all__ = ["Party"]


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
    lets: Callable[[Sequence[Message], str, str], Sequence[Message]] = field(
        default=lambda rows, _other, _purpose: rows
    )
    """Which messages the agent may see, given with whom (a handle) and what for."""
    may_forward: Callable[[Sequence[Message]], bool] = field(default=lambda _rows: True)
    """Whether what these messages say may be passed on by whoever hears it."""
