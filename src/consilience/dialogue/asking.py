"""Asking: what a run of agents needs of a session, so that others may stand in for one, and the other way about.

Whoever stands in for a session hands on what it is asked, or asks more often than it is asked. Whoever takes any
callable from messages to text is given one by `responder`, and is then on the budget and in the journal like anybody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, get_args, runtime_checkable

from consilience.dialogue.messages import Message, Question, Reply, Role
from consilience.ground.errors import UnknownName

__all__ = ["Asks", "chat", "responder"]


@runtime_checkable
class Asks(Protocol):
    """What a run needs of a session."""

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply to a question."""

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element, if there is one."""


def chat(question: Question) -> list[Any]:
    """Return the messages of a question as chat services take them: each a dictionary with role and content.

    Examples
    --------
    >>> chat(Question("7", (Message("user", ("Two and ", "two?")),)))
    [{'role': 'user', 'content': 'Two and two?'}]
    """
    return [{"role": message.role, "content": message.text} for message in question.messages]


def responder(
    asks: Asks, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()
) -> Callable[[Sequence[Mapping[str, Any]]], Awaitable[str]]:
    """Return a callable from messages to text that asks in the place of a question: as its element, by its settings.

    The conversation of the question itself is answered as the question would be. The same conversation asked again
    counts as another occurrence, so that it gets a reply of its own, and in a resumed run the one it had.

    Parameters
    ----------
    asks
        Who is asked.
    question
        In whose place; of its messages nothing is used.
    priority, caused_by
        As of `Asks.ask`.

    Raises
    ------
    UnknownName
        When it is called with a message by nobody that there is.

    Examples
    --------
    >>> import asyncio
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> from consilience.dialogue.session import Session
    >>> async def greet():
    ...     async with Session(rehearse("echo")) as session:
    ...         model = responder(session, Question("7", ()))
    ...         return await model([{"role": "user", "content": "Hello"}])
    >>> asyncio.run(greet())
    'Hello'
    """
    times: Counter[tuple[Message, ...]] = Counter()

    async def respond(messages: Sequence[Mapping[str, Any]], /) -> str:
        asked = tuple(_message(message) for message in messages)
        occurrence = question.occurrence + times[asked]
        times[asked] += 1
        whole = replace(question, messages=asked, occurrence=occurrence)
        return (await asks.ask(whole, priority=priority, caused_by=caused_by)).text

    return respond


def _message(message: Mapping[str, Any]) -> Message:
    role: Role = message["role"]
    if role not in get_args(Role):
        raise UnknownName("role", str(role), get_args(Role))
    return Message(role, (str(message["content"]),))
