"""Control: the hand of the two people on a talk that goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Control"]

T = TypeVar("T")


class Control:
    """The hand of the people on a talk, or on all talks of a pursuit: pause, go on, correct, speak oneself, end it.

    What is corrected or said is for the talk with one other, and no other talk takes it. Whoever serves it sees to it
    that each person only uses their own handle.

    Examples
    --------
    >>> control = Control()
    >>> control.pause()
    >>> control.paused
    True
    >>> control.kill("ann")
    >>> control.paused, control.ended_by
    (False, 'ann')
    """

    def __init__(self) -> None:
        self.ended_by: str | None = None
        """Who ended it."""
        self._running = asyncio.Event()
        self._running.set()
        self._ended = asyncio.Event()
        self._edits: dict[frozenset[str], list[tuple[str, str, str]]] = {}
        self._lines: dict[tuple[str, str], deque[str]] = {}

    @property
    def paused(self) -> bool:
        """Whether it waits before its next turn."""
        return not self._running.is_set()

    def pause(self) -> None:
        """Have it wait before its next turn; what is ended waits for nothing."""
        if not self._ended.is_set():
            self._running.clear()

    def resume(self) -> None:
        """Have it go on."""
        self._running.set()

    def kill(self, by: str) -> None:
        """End it at once; a call under way is given up."""
        self.ended_by = self.ended_by or by
        self._ended.set()
        self._running.set()

    def edit(self, who: str, to: str, slot: str, value: str) -> None:
        """Say what a slot of one's own board is, in the talk with somebody; it stands against all that agents read."""
        self._edits.setdefault(frozenset((who, to)), []).append((who, _whole(slot), _whole(value)))

    def answer_as_me(self, who: str, to: str, text: str) -> None:
        """Say the next line of one's own side oneself, to somebody."""
        self._lines.setdefault((who, to), deque()).append(_whole(text))

    def edits(self, one: str, other: str) -> list[tuple[str, str, str]]:
        """Take what two people corrected in their talk since the last time: who, the slot, and what it is."""
        return self._edits.pop(frozenset((one, other)), [])

    def line(self, who: str, to: str) -> str | None:
        """Take the next line that a person said to somebody for their own side."""
        lines = self._lines.get((who, to))
        return lines.popleft() if lines else None

    async def checkpoint(self) -> bool:
        """Wait while it is paused; return whether it goes on."""
        await self._running.wait()
        return not self._ended.is_set()

    async def unless_ended(self, work: Awaitable[T]) -> T | None:
        """Return what some work gives, or None as soon as the talk is ended."""
        task = asyncio.ensure_future(work)
        ended = asyncio.ensure_future(self._ended.wait())
        try:
            await asyncio.wait((task, ended), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            return None
        finally:
            for one in (task, ended):
                one.cancel()
            await asyncio.gather(task, ended, return_exceptions=True)


def _whole(text: str) -> str:
    """Return a text that can be written: half of a pair of surrogates, which no file takes, is a question mark."""
    return text.encode("utf-8", "replace").decode("utf-8")
