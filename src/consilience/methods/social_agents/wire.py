"""The wire between two sides: the one place where a text leaves a person's agent.

A talk hands every text to it before the other side has it. What the wire does not let pass is not said. Who the talk is
for decides which wire there is: one with a gate, policies, consent and an audit log, or, for comparison only, an open
one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.methods.social_agents.gate import Blocked, Gate, Held, Passed
from consilience.methods.social_agents.records import Message

__all__ = ["Consents", "Crossed", "GuardedWire", "Logs", "OpenWire", "Outgoing", "Wire", "nobody_consents"]


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
    forwarded: tuple[str, ...] = ()
    """Values that third parties allowed to be passed on."""


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

    def resume(self, talk: str, owner: str, counterpart: str, said: Sequence[str]) -> None:
        """Do nothing: there is nothing to remember."""


Consents = Callable[[Outgoing, Held], Awaitable[str]]
"""Asks an owner, and returns who agreed; the empty text where nobody did, or not in time."""
Logs = Callable[[Outgoing, Passed, str], None]
"""Takes down what was disclosed, and who agreed to it if somebody had to."""


async def nobody_consents(outgoing: Outgoing, held: Held) -> str:  # noqa: ARG001  a `Consents`
    """Agree to nothing."""
    return ""


class GuardedWire:
    """Lets pass what the gate passes, and what it holds only if the owner agrees; takes down what was disclosed.

    Parameters
    ----------
    gate
        Code that judges a text.
    consents
        How an owner is asked; nobody agrees to anything by default.
    logs
        Where disclosures are taken down, before the other side has the text.
    """

    def __init__(self, gate: Gate, *, consents: Consents = nobody_consents, logs: Logs | None = None) -> None:
        self._gate = gate
        self._consents = consents
        self._logs = logs

    async def send(self, outgoing: Outgoing) -> Crossed:
        """Return what crosses of a text."""
        verdict, approver = self._check(outgoing, ()), ""
        if isinstance(verdict, Held):
            approver = await self._consents(outgoing, verdict)
            if not approver:
                return Crossed(text="", reason=verdict.question, refused=True)
            verdict = self._check(outgoing, verdict.messages)
        if not isinstance(verdict, Passed):
            return Crossed(text="", reason=verdict.reason if isinstance(verdict, Blocked) else verdict.question)
        if self._logs is not None:
            self._logs(outgoing, verdict, approver)
        return Crossed(text=verdict.text)

    def resume(self, talk: str, owner: str, counterpart: str, said: Sequence[str]) -> None:
        """Have the gate count what was said before."""
        self._gate.resume(owner, counterpart, said, talk=talk)

    def _check(self, outgoing: Outgoing, granted: tuple[int, ...]) -> Passed | Held | Blocked:
        return self._gate.check(
            outgoing.owner,
            outgoing.counterpart,
            outgoing.purpose,
            outgoing.say,
            declared=outgoing.declared,
            seen=outgoing.seen,
            public=outgoing.public,
            forwarded=outgoing.forwarded,
            granted=lambda _labels, message: message in granted,
            talk=outgoing.talk,
        )
