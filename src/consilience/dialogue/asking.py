"""Asking: what a run of agents needs of a session, so that others may stand in for one."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from consilience.dialogue.messages import Question, Reply

__all__ = ["Asks"]


@runtime_checkable
class Asks(Protocol):
    """What a run needs of a session."""

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply to a question."""

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element, if there is one."""
