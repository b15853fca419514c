"""Flags of the room's verbs, beside what a run is to do and what it may cost."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

__all__ = ["Deciding", "Showing"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Deciding:
    """What is decided about artifacts that waited."""

    accept: tuple[str, ...] = ()
    """An element whose artifact waited for your word and may pass; may be repeated."""
    reject: tuple[str, ...] = ()
    """One that may not pass, as ELEMENT or ELEMENT=REASON; may be repeated."""
    edit: tuple[str, ...] = ()
    """One in whose place the text of a file passes, as ELEMENT=FILE; may be repeated."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Showing:
    """What of a run is shown."""

    element: str | None = None
    """A node such as 7 or an edge such as 3->7: show what was said there."""
    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""
