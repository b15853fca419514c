"""A relay: events of another process, passed on to the transcript of the run instead of being kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import count

from consilience.dialogue.transcript import Event, Fact, Transcript

__all__ = ["Relay"]


class Relay(Transcript):
    """Passes events on instead of keeping them; what they come after may be events of others.

    Parameters
    ----------
    pass_on
        Is given each event.
    prefix
        Put before every id, to tell them from those of others.

    Examples
    --------
    >>> heard = []
    >>> relay = Relay(heard.append, prefix="A:")
    >>> relay.add("asked", "A/coding", after=["7"])
    'A:0'
    >>> heard[0].after
    ('7',)
    """

    def __init__(self, pass_on: Callable[[Event], None], *, prefix: str = "") -> None:
        super().__init__()
        self._pass_on = pass_on
        self._before = prefix
        self._numbers = count()

    def add(self, kind: str, element: str = "", *, after: Iterable[str] = (), **facts: Fact) -> str:
        """Pass an event on and return its id."""
        event = Event(f"{self._before}{next(self._numbers)}", 0.0, kind, element, tuple(after), facts)
        self._pass_on(event)
        return event.id
