"""The wire between two sides: the one place where a text leaves a person's agent.

A talk hands every text to it before the other side has it. What the wire does not let pass is not said. Who the talk is
for decides which wire there is: one with a gate, policies, consent and an audit log, or, for comparison only, an open
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.methods.social_agents.records import Message

__all__ = ["Crossed", "Forwarded", "OpenWire", "Outgoing", "Remembers", "Wire"]


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Something that a third party told, and that is told on."""

    value: str
    source: str
    """Handle of whose information it is: who told it first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A text on its way."""

    talk: str
    """Name of the talk."""
    number: int
    """Of the utterance; 0 for what the plan asks."""
    owner: str
    """Handle of whose agent speaks."""
    counterpart: str
    """Handle of who would hear it."""
    purpose: str
    """What the task is for."""
    say: str
    """The text."""
    declared: tuple[int, ...] = ()
    """Messages of the owner's that it says something of, by number."""
    seen: tuple[Message, ...] = ()
    """All messages that were in the prompt."""
    public: tuple[str, ...] = ()
    """Texts that both sides have: the task, the slots, what was said."""
    forwarded: tuple[Forwarded, ...] = ()
    """What third parties told, as far as its text has it; whether it may be told on is for the wire to say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """What became of a text."""

    text: str
    """As it may be said; empty if it may not."""
    reason: str = ""
    """Why not, for its owner alone."""
    refused: bool = False
    """Whether its owner was asked and did not agree: there is no use in putting it differently."""


@runtime_checkable
class Wire(Protocol):
    """Decides what crosses; may wait for a person to be asked."""

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return what crosses of a text."""


@runtime_checkable
class Remembers(Protocol):
    """A wire that judges a text by what was said before it, too."""

    def resume(self, talk: str, owner: str, counterpart: str, said: Sequence[str]) -> None:
        """Take note of what an owner's side had said in a talk that goes on."""


class OpenWire:
    """Lets everything pass: a comparison that shows what a gate is for.

    Examples
    --------
    >>> import asyncio
    >>> text = Outgoing(talk="t", number=1, owner="ann", counterpart="bea", purpose="task", say="Hello.")
    >>> asyncio.run(OpenWire().send(text)).text
    'Hello.'
    """

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return the text as it is."""
        return Crossed(text=outgoing.say)
